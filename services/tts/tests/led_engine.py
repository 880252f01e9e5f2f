"""An engine whose every sentence waits until the test lets it go, and which remembers what happened to it."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator

from viva_tts.engine import Pcm, Voice

from .sound import tone

RATE_HZ = 24_000


class LedEngine:
    """Sentences are known by their first word."""

    name = "led"
    model = "led by a test"

    def __init__(self) -> None:
        self.voices = [Voice("led", gender="female"), Voice("lad", gender="male")]
        self.default_voice = "led"
        self.due: dict[str, float] = {}
        self.asked: list[tuple[str, str, float]] = []
        self.ended: list[str] = []
        self.began: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.stopped: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.errors: dict[str, Exception] = {}
        self.piece_s = 0.5
        self.pieces = 1
        self._held: dict[str, asyncio.Event] = {}

    async def start(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    def hold(self, word: str) -> asyncio.Event:
        """The sentence that begins with this word waits for the event."""
        return self._held.setdefault(word, asyncio.Event())

    async def synthesize(self, text: str, voice: str, speed: float, due: float = 0.0) -> AsyncGenerator[Pcm]:
        """A tone, or the error that was set for the sentence."""
        word = text.split()[0].strip(".,!")
        self.asked.append((text, voice, speed))
        self.due[word] = due
        self.began[word].set()
        try:
            if word in self._held:
                await self._held[word].wait()
            if word in self.errors:
                raise self.errors[word]
            for _ in range(self.pieces):
                yield Pcm(tone(self.piece_s, RATE_HZ), RATE_HZ)
            self.ended.append(word)
        finally:
            self.stopped[word].set()
