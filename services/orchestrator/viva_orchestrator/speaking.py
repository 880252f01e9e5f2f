"""The voices of one turn: clauses become audio while the next ones are written, and are sent in the text's order."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable

import structlog

from viva import events
from viva.audio.length import audio_seconds
from viva.errors import InvalidRequest, VivaError
from viva.service.tracing import Span
from viva.text.speakable import speakable
from viva_orchestrator.clause_audio import ClauseAudio
from viva_orchestrator.question import Question
from viva_orchestrator.stages import Stages

# Clauses that one turn has synthesised at once: the next one is ready when the listener gets to it.
CLAUSES_AT_ONCE = 2
# Clauses that wait for their voice; more, and the model's text waits too.
CLAUSES_WAITING = 32
# After so many clauses that could not be spoken to their end, the rest of the answer is text.
VOICE_FAILURES = 2
# Faster than voices speak, so that a clause is not thought to be needed later than it is.
CHARACTERS_PER_S = 20.0


class Speaking:
    """`add` takes the clauses as they are written, and `end` says that there are no more; `send` runs beside both.

    `mark` is told when audio came first (`tts_first_audio_ms`, since the request for it) and when it was sent first
    (`first_audio_ms`); `degraded` gets a word when the answer is not spoken to its end.
    """

    def __init__(
        self,
        question: Question,
        stages: Stages,
        trace: Span,
        say: Callable[[events.Event], Awaitable[None]],
        mark: Callable[..., None],
        degraded: list[str],
    ) -> None:
        self._question = question
        self._stages = stages
        self._trace = trace
        self._say = say
        self._mark = mark
        self._degraded = degraded
        self._voices = asyncio.Semaphore(CLAUSES_AT_ONCE)
        # A clause and its audio in the making; None at the end.
        self._clauses: asyncio.Queue[tuple[str, ClauseAudio] | None] = asyncio.Queue(CLAUSES_WAITING)
        self._written_s = 0.0  # how long it takes to say all clauses so far, about
        self._lost_s = 0.0  # of that, what could not be said
        self._heard_since: float | None = None
        self.failures = 0
        self.muted = False
        """Nobody listens any more: what is written from now on is not spoken."""
        self.spoken_s = 0.0
        """Seconds of audio that were sent."""

    async def add(self, clause: str, group: asyncio.TaskGroup) -> None:
        """The next clause; its voice is a task of the group."""
        audio, begins_s = ClauseAudio(), self._written_s
        words = speakable(clause) if self._question.audio_format is not None else ""
        self._written_s += self._takes_s(words)
        group.create_task(self._voice(words, audio, begins_s))
        await self._clauses.put((clause, audio))

    async def end(self) -> None:
        """That was the last clause."""
        await self._clauses.put(None)

    async def send(self) -> None:
        """Sends the clauses' audio in the order in which they were written, whichever is ready first."""
        seq, audio_format = 0, self._question.audio_format
        while (item := await self._clauses.get()) is not None:
            clause, audio = item
            async for piece, last in audio.pieces(whole=not self._question.in_pieces):
                if self._heard_since is None:
                    self._heard_since = time.monotonic()
                self._mark("first_audio_ms")
                self.spoken_s += audio_seconds(piece, audio_format)
                data = base64.b64encode(piece).decode("ascii")
                await self._say(events.Audio(seq, audio_format, data, clause if last else ""))
                seq += 1

    async def _voice(self, words: str, audio: ClauseAudio, begins_s: float) -> None:
        """Makes a clause's audio; none when nothing in it can be spoken, or the tts stage is down."""
        try:
            if words:
                async with self._voices:
                    await self._speak(words, audio, begins_s)
        finally:
            audio.end()

    async def _speak(self, words: str, audio: ClauseAudio, begins_s: float) -> None:
        """Words as audio, as far as the tts stage can make it."""
        if self.muted or self.failures >= VOICE_FAILURES:
            return  # the stage is down: the listener must not wait for its time to run out again and again
        question, started = self._question, time.monotonic()

        def take(made: bytes) -> None:
            self._mark("tts_first_audio_ms", since=started)
            audio.add(made)

        wanted = {
            "voice": question.voice,
            "audio_format": question.audio_format,
            "speed": question.speed,
            "needed_in_s": self._needed_in_s(begins_s),
        }
        try:
            with self._trace.stage("tts", characters=len(words)):
                if question.in_pieces:
                    await self._stages.speak_to(take, words, take_back=audio.take_back, **wanted)
                else:
                    take(await self._stages.speak(words, **wanted))
        except InvalidRequest as error:
            # These words cannot be said, in letters that the voice does not know, say; the next ones can.
            structlog.get_logger().info("clause not spoken", code=error.code, turn_id=question.turn_id)
            self._lost_s += self._takes_s(words)
        except VivaError as error:
            structlog.get_logger().warning("speech failed", code=error.code, turn_id=question.turn_id)
            self.failures += 1
            self._lost_s += self._takes_s(words)
            if "tts:text_only" not in self._degraded:
                self._degraded.append("tts:text_only")

    def _needed_in_s(self, begins_s: float) -> float:
        """When the listener comes to words that begin so far into the answer; nobody hears them before the first."""
        heard_s = 0.0 if self._heard_since is None else time.monotonic() - self._heard_since
        return max(0.0, begins_s - self._lost_s - heard_s)

    def _takes_s(self, words: str) -> float:
        return len(words) / CHARACTERS_PER_S / self._question.speed
