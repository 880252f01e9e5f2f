"""The words that will not be taken back: those on which two hypotheses in a row agree."""

_SIGNS = ".,;:!?…\"'“”‘’()[]-–—"


class Agreement:
    """Fed one hypothesis after another about an utterance that goes on; what it gives out only grows."""

    def __init__(self) -> None:
        self._given: list[str] = []
        self._last: list[str] = []

    @property
    def text(self) -> str:
        """All that was given out."""
        return " ".join(self._given)

    @property
    def complete(self) -> bool:
        """Whether the last hypothesis has been given out to its end."""
        return len(self._given) >= len(self._last)

    def feed(self, hypothesis: str, *, settled: bool = False) -> bool:
        """Take all words of the utterance as they are heard now; return whether `text` has grown.

        The last one may be half a word, so it is held back unless the speaker pauses there (`settled`).
        """
        words = hypothesis.split()
        agreed = 0
        for word, before in zip(words, self._last, strict=False):
            if _plain(word) != _plain(before):
                break
            agreed += 1
        self._last = words
        new = words[len(self._given) : agreed if settled else min(agreed, len(words) - 1)]
        if new and agreed == len(words) and settled:
            # The sign behind the last word only says that the sound ended there.
            new[-1] = new[-1].rstrip(_SIGNS) or new[-1]
        self._given += new
        return bool(new)


def _plain(word: str) -> str:
    return word.strip(_SIGNS).lower()
