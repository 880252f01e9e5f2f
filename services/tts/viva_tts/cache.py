"""The audio of sentences that are said again and again, in a bounded number of bytes."""

from collections import OrderedDict
from typing import NamedTuple

from viva_tts.engine import Pcm

# One long sentence must not push everything else out.
_LARGEST_SHARE = 4


class Phrase(NamedTuple):
    """What a sentence's audio depends on."""

    engine: str
    voice: str
    speed: float
    text: str


class PhraseCache:
    """Phrases to their audio; the least recently used go first."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self._entries: OrderedDict[Phrase, Pcm] = OrderedDict()

    def get(self, phrase: Phrase) -> Pcm | None:
        """The audio of the phrase, if it is still there."""
        pcm = self._entries.get(phrase)
        if pcm is not None:
            self._entries.move_to_end(phrase)
        return pcm

    def put(self, phrase: Phrase, pcm: Pcm) -> None:
        """Keeps the audio of a phrase, unless it is too large to be worth it."""
        size = _size(phrase, pcm)
        if size > self.max_bytes // _LARGEST_SHARE:
            return
        self._drop(phrase)
        self._entries[phrase] = pcm
        self.bytes += size
        while self.bytes > self.max_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, phrase: Phrase) -> None:
        if (pcm := self._entries.pop(phrase, None)) is not None:
            self.bytes -= _size(phrase, pcm)


def _size(phrase: Phrase, pcm: Pcm) -> int:
    return len(pcm.data) + len(phrase.text)
