"""The audio of one clause while it is being made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

PIECE_BYTES = 9_600
"""A fifth of a second of s16le at 24 kHz: less is not worth an event of its own."""


class ClauseAudio:
    """What a voice adds to and whoever sends it on takes from, in its turn: all that there is by then in one piece."""

    def __init__(self) -> None:
        self._made = bytearray()
        self._ended = False
        self._sent = False
        self._more = asyncio.Event()

    def add(self, audio: bytes) -> None:
        """The next part of it; only parts of PCM can be sent on their own."""
        self._made += audio
        self._more.set()

    def take_back(self) -> bool:
        """Forgets what was added, where nobody has taken any of it yet; whether that was so."""
        if not self._sent:
            self._made.clear()
        return not self._sent

    def end(self) -> None:
        """That was all, or all that there will be."""
        self._ended = True
        self._more.set()

    async def pieces(self, *, whole: bool) -> AsyncIterator[tuple[bytes, bool]]:
        """The pieces as they come, each of whole samples, and whether it is the last; none when nothing was made.

        `whole`: all in one, when it ends. Otherwise half a sample, with which a voice may break off, is left out.
        """
        while not self._ended:
            # What ends the clause must come with its last piece, so one sample always waits for what follows.
            if len(self._made) > PIECE_BYTES and not whole:
                size = (len(self._made) - 2) & ~1
                piece = bytes(self._made[:size])
                del self._made[:size]
                self._sent = True
                yield piece, False
            else:
                self._more.clear()
                await self._more.wait()
        if not whole:
            del self._made[len(self._made) & ~1 :]
        if self._made:
            yield bytes(self._made), True
