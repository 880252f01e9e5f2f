"""A connection's ear: what was said so far, where turns begin and end, and the words as they are spoken."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from viva.audio.wav import wav_bytes
from viva.errors import VivaError
from viva.service.upstream import Upstream
from viva_orchestrator.realtime.ear import Beginning, Ear, Message
from viva_orchestrator.realtime.input_audio import InputAudio, InputFormat
from viva_orchestrator.realtime.kept_audio import KeptAudio

__all__ = ["Heard", "InputFormat", "Listener", "Partial", "SpeechStarted", "SpeechStopped", "TurnDetection"]

_IDLE_S = 20.0
"""Without audio for so long, the stream to the asr stage is closed; the next audio opens another."""
_UNHEARD_S = 0.5
"""With turn detection, audio is committed outside of a turn only if so much of it was not listened to yet."""
_BEHIND_S = 15.0
"""The asr stage may lag behind by so much more than the longest question before it is given up."""


@dataclass(frozen=True, slots=True)
class TurnDetection:
    """When a turn begins and ends; None in its place is push-to-talk."""

    type: Literal["server_vad", "semantic_vad"] = "server_vad"
    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True

    @property
    def knobs(self) -> Message:
        """What the asr stage has to know of it, within the bounds that it sets."""
        return {
            "type": self.type,
            "threshold": min(max(self.threshold, 0.0), 1.0),
            "prefix_padding_ms": min(max(self.prefix_padding_ms, 0), 5_000),
            "silence_duration_ms": min(max(self.silence_duration_ms, 0), 30_000),
            "eagerness": self.eagerness,
        }


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody began to speak: where, in ms of the audio appended since the connection began, padding included."""

    start_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The turn is over; `take` now gives it. `end_ms` counts like `start_ms`."""

    end_ms: int


@dataclass(frozen=True, slots=True)
class Partial:
    """All words of this utterance so far that will not be taken back: each begins with the one before."""

    text: str


Heard = SpeechStarted | SpeechStopped | Partial


class Listener:
    """One per connection. It costs nothing until audio comes.

    `hear` is called from a task of the Listener's own, one call at a time. A turn has to be taken before the next one
    ends. `max_audio_s`: turns are ended at this length; in push-to-talk the newest so many seconds are kept.
    """

    def __init__(
        self,
        asr: Upstream,
        *,
        max_audio_s: float,
        hear: Callable[[Heard], Awaitable[None]],
        crowded: Callable[[], bool] = lambda: False,
        idle_s: float = _IDLE_S,
    ) -> None:
        """While it is `crowded`, push-to-talk has no partial words: the asr stage is needed for who is answered."""
        self._asr = asr
        self._max_audio_s = max_audio_s
        self._hear = hear
        self._crowded = crowded
        self._idle_s = idle_s
        self._format = InputFormat()
        self._detection: TurnDetection | None = None
        self._language: str | None = None
        self._before_ms = 0.0  # of audio in formats that were left since
        self._reset()

    def _reset(self) -> None:
        """Begin with nothing, in the format that is set."""
        self._input = InputAudio(self._format)
        self._audio = KeptAudio()
        self._ear = Ear(self._asr, self._audio, begin=self._beginning, heard=self._heard, idle_s=self._idle_s)
        self._silent_until = 0  # the asr stage has found no turn in what lies before this sample
        self._forget_turn()

    def _forget_turn(self) -> None:
        self._speech_from: int | None = None  # the sample with which the turn that goes on begins
        self._turn: bytes | None = None  # one that is over and was not taken yet
        self._words: list[str] = []

    async def configure(
        self, audio_format: InputFormat, detection: TurnDetection | None, *, language: str | None = None
    ) -> None:
        """Sets how audio comes and how turns are found; what is set already changes nothing.

        Another format begins with an empty buffer. Raises InvalidRequest for one that is not taken.
        """
        if audio_format != self._format:
            InputAudio(audio_format)  # refuse before anything is changed
            await self._ear.close()
            self._before_ms = self._ms(self._audio.end)
            self._format, self._detection, self._language = audio_format, detection, language
            self._reset()
        elif (detection, language) != (self._detection, self._language):
            self._detection, self._language = detection, language
            self._ear.tell({"type": "configure", **self._settings()})
            if detection is None:
                self._speech_from = None  # what was said of the turn stays, to be committed by the client

    async def append(self, audio: bytes) -> None:
        """Takes audio as the client sent it. It is kept, too, while nobody listens for turns in it (`failure`)."""
        self._audio.add(self._input.feed(audio))
        self._bound()
        if self._detection is not None or not self._crowded():
            self._ear.listen()

    @property
    def failure(self) -> VivaError | None:
        """With turn detection, why nobody listens for turns (code `turn_detection_unavailable`: the asr stage has no
        stream at all); it stays until somebody listens again."""
        return self._ear.failure if self._detection is not None else None

    @property
    def received_ms(self) -> float:
        """How much audio was appended since the connection began."""
        return self._ms(self._audio.end)

    @property
    def buffered_ms(self) -> float:
        """How much audio `take` would give."""
        if self._turn is not None:
            return len(self._turn) / 2 / self._input.rate_hz * 1000
        return (self._audio.end - self._utterance_from) / self._input.rate_hz * 1000

    def take(self) -> bytes | None:
        """The utterance as a WAV (16-bit mono, 16 or 24 kHz), None when there is none; the buffer is empty afterwards.

        After SpeechStopped that is the turn; otherwise what was said so far, as a client commits it by itself.
        """
        pcm = self._turn
        if pcm is None:
            pcm = self._audio.between(self._utterance_from, self._audio.end)
            self._end_here("commit")
        self._turn = None
        return wav_bytes(pcm, self._input.rate_hz) if pcm else None

    async def clear(self) -> None:
        """Forgets what was appended and not taken."""
        self._end_here("clear")
        self._turn = None

    async def close(self) -> None:
        """Leaves the asr stage, and forgets the audio."""
        await self._ear.close()
        self._audio.drop_before(self._audio.end)

    # -- what is kept -------------------------------------------------------------------------------------------------

    @property
    def _utterance_from(self) -> int:
        """The sample with which the utterance begins that the client could commit now; the end when there is none."""
        if self._speech_from is not None:
            return self._speech_from
        if self._detection is None or not self._ear.open:
            return self._audio.first
        unheard_s = (self._audio.end - self._silent_until) / self._input.rate_hz
        return self._audio.first if unheard_s > self._padding_s + _UNHEARD_S else self._audio.end

    def _end_here(self, message: str) -> None:
        self._ear.tell({"type": message}, ends=True)
        self._audio.drop_before(self._audio.end)
        turn = self._turn
        self._forget_turn()
        self._turn = turn

    def _bound(self) -> None:
        """Drop the oldest audio: what is too much in push-to-talk, or more than a stage that keeps up leaves here."""
        most_s = self._max_audio_s + (_BEHIND_S if self._detection is not None else 0)
        first = self._audio.end - round(most_s * self._input.rate_hz)
        if first <= self._audio.first:
            return
        self._audio.drop_before(first)
        if self._detection is not None:
            self._speech_from = None
            self._ear.give_up()

    # -- the asr stage ------------------------------------------------------------------------------------------------

    def _settings(self) -> Message:
        knobs = self._detection.knobs if self._detection is not None else None
        return {"turn_detection": knobs, "language": self._language}

    def _beginning(self) -> Beginning:
        """A new stream hears the utterance from its beginning, and is told when that is within a turn."""
        speaking = self._speech_from is not None
        start = {
            "type": "start",
            "rate_hz": self._input.rate_hz,
            "max_turn_s": max(1.0, self._max_audio_s - self._padding_s),
            "speaking": speaking,
            **self._settings(),
        }
        return Beginning(self._speech_from if speaking else self._audio.first, start)

    @property
    def _padding_s(self) -> float:
        return self._detection.knobs["prefix_padding_ms"] / 1000 if self._detection is not None else 0.0

    async def _heard(self, message: Message, origin: int) -> None:
        """Take what the asr stage says of the stream whose first sample has the number `origin`."""
        match message:
            case {"type": "silence", "until_ms": int(until_ms)} if self._speech_from is None:
                self._silent_until = self._sample(until_ms, origin)
                if self._detection is not None:
                    self._audio.drop_before(self._silent_until)
            case {"type": "speech_started", "start_ms": int(start_ms)} if self._speech_from is None:
                self._speech_from = self._sample(start_ms, origin)
                self._audio.drop_before(self._speech_from)
                await self._hear(SpeechStarted(round(self._ms(self._speech_from))))
            case {"type": "speech_stopped", "end_ms": int(end_ms)} if self._speech_from is not None:
                end = self._silent_until = self._sample(end_ms, origin)
                turn = self._audio.between(self._speech_from, end)
                self._audio.drop_before(end)
                self._forget_turn()
                self._turn = turn
                await self._hear(SpeechStopped(round(self._ms(end))))
            case {"type": "partial", "text": str(text)}:
                await self._hear_words(text.split())

    async def _hear_words(self, words: list[str]) -> None:
        """After a break another stream begins anew: what was given out stays, and only grows."""
        new = words[len(self._words) :]
        if new:
            self._words += new
            await self._hear(Partial(" ".join(self._words)))

    def _sample(self, ms: int, origin: int) -> int:
        return origin + ms * self._input.rate_hz // 1000

    def _ms(self, sample: int) -> float:
        return self._before_ms + sample / self._input.rate_hz * 1000
