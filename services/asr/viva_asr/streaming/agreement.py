"""The words that will not be taken back: those for which enough speaks."""

from collections import deque

_SIGNS = ".,;:!?…\"'“”‘’()[]-–—"

_EARLY_S = 0.4
"""So much speech is heard as anything: "You", "Yeah"."""
_EVIDENCE_EARLY, _EVIDENCE = 4, 3
"""What a first word needs: attempts in a row that have it, and words that the last one has behind it, together."""


class Agreement:
    """Fed one hypothesis after another about an utterance that goes on; what it gives out only grows."""

    def __init__(self) -> None:
        self._given: list[str] = []
        self._earlier: deque[list[str]] = deque(maxlen=_EVIDENCE_EARLY)  # the last one first

    @property
    def text(self) -> str:
        """All that was given out."""
        return " ".join(self._given)

    @property
    def complete(self) -> bool:
        """Whether the last hypothesis has been given out to its end."""
        return not self._earlier or len(self._given) >= len(self._earlier[0])

    def feed(self, hypothesis: str, *, spoken_s: float, settled: bool = False) -> bool:
        """Take all words of the utterance as they are heard now, after so much speech; return whether `text` has grown.

        Two hypotheses in a row have to agree on a word. The last one may be half a word, so it is held back unless the
        speaker pauses there (`settled`). The first words are waited for, and early ones are often wrong: more or other
        evidence counts for them.
        """
        words = hypothesis.split()
        agreed = [_common(words, before) for before in self._earlier]
        self._earlier.appendleft(words)
        twice = agreed[0] if agreed else 0
        if settled:
            until = twice
        elif self._given:
            until = min(twice, len(words) - 1)
        else:
            until = _evident(len(words), agreed, _EVIDENCE_EARLY if spoken_s < _EARLY_S else _EVIDENCE)
        new = words[len(self._given) : until]
        if new and until == len(words):
            # The sign behind the last word only says that the sound ended there.
            new[-1] = new[-1].rstrip(_SIGNS) or new[-1]
        self._given += new
        return bool(new)


def _evident(count: int, agreed: list[int], evidence: int) -> int:
    """How many of so many words have it; `agreed`: on how many each earlier hypothesis agrees, the last one first."""
    for place in range(count):
        in_a_row = 1
        for words in agreed:
            if words <= place:
                break
            in_a_row += 1
        if in_a_row + count - 1 - place < evidence:
            return place
    return count


def _common(words: list[str], others: list[str]) -> int:
    """How many words they begin with in common."""
    count = 0
    for word, other in zip(words, others, strict=False):
        if _plain(word) != _plain(other):
            break
        count += 1
    return count


def _plain(word: str) -> str:
    return word.strip(_SIGNS).lower()
