"""The service itself: everything between an uploaded file and its segments."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

import structlog

from viva.audio import AudioLimits, Decoder
from viva.audio.recording import Recording
from viva.errors import InvalidRequest
from viva_asr.engine import Choice, Engine, Options
from viva_asr.languages import LANGUAGES
from viva_asr.metrics import AsrMetrics
from viva_asr.scheduler import Scheduler
from viva_asr.segmenter import SpeechSegmenter
from viva_asr.settings import AsrSettings
from viva_asr.streaming.streams import Streams
from viva_asr.transcript import Segment, Transcript
from viva_asr.transcription import Transcription
from viva_asr.vad import SpeechDetector, VadModel

Priority = Literal["interactive", "batch"]

_LONGEST_INTERACTIVE_S = 300.0
"""Whoever asks: a longer recording would keep the questions of others waiting."""
_DETECTING_THREADS = 2
_READ_AT_ONCE = 32
_BATCH_AT_ONCE = 24
"""A recording is read for as long as it is recognised; what the others leave is kept for questions."""


@dataclass(frozen=True, slots=True)
class Running:
    """A recording that has been let in: its length, and its segments as they come."""

    duration_s: float
    interactive: bool
    segments: AsyncIterator[Segment]
    transcription: Transcription
    default_language: str

    @property
    def language(self) -> str:
        """ISO 639-1 code: as asked for, as heard, or else the engine's."""
        return self.transcription.language or self.default_language

    async def whole(self) -> Transcript:
        """Wait for the last segment and return them all."""
        segments = tuple([segment async for segment in self.segments])
        return Transcript(segments, self.language, self.duration_s)


class Recogniser:
    """Opened in the app's lifespan: the engine, its scheduler, the decoder's processes, the speech detector."""

    def __init__(self, settings: AsrSettings, engine: Engine, choice: Choice, metrics: AsrMetrics) -> None:
        self.settings = settings
        self.engine = engine
        self.choice = choice
        self.metrics = metrics
        self._limits = AudioLimits(max_duration_s=settings.max_duration_s)
        self._decoder = Decoder(max_children=_READ_AT_ONCE)
        self._stack = AsyncExitStack()
        self._scheduler: Scheduler | None = None
        self._vad: VadModel | None = None
        self.streams: Streams | None = None
        """Of people who speak right now."""
        self._executor = ThreadPoolExecutor(_DETECTING_THREADS, thread_name_prefix="vad")

    @property
    def ready(self) -> bool:
        """Whether the engine is loaded."""
        return self._scheduler is not None

    async def start(self) -> None:
        """Load everything. Raises EngineUnavailable with a sentence when the engine cannot run."""
        async with AsyncExitStack() as stack:
            stack.callback(self._executor.shutdown, wait=False, cancel_futures=True)
            self._vad = VadModel()
            await stack.enter_async_context(self._decoder)
            stack.push_async_callback(self.engine.close)
            await self.engine.start()
            self._scheduler = Scheduler(
                self.engine.workers,
                self.metrics,
                max_queued_s=self.settings.max_queued_s,
                max_queued_interactive_s=self.settings.max_queued_interactive_s,
                max_batch_recordings=_BATCH_AT_ONCE,
            )
            stack.push_async_callback(self._scheduler.close)
            self.streams = Streams(self.settings, self.engine, self._vad, self._scheduler, self.metrics)
            stack.callback(self.streams.close)
            self._stack = stack.pop_all()
        structlog.get_logger().info("engine", engine=self.engine.name, model=self.engine.model, why=self.choice.why)

    async def close(self) -> None:
        """Stop everything, in the opposite order."""
        await self._stack.aclose()

    @asynccontextmanager
    async def transcribe(
        self, recording: Recording, options: Options, priority: Priority | None
    ) -> AsyncIterator[Running]:
        """Let a recording in and start on it; leaving the context stops its work.

        Raises AudioRejected, AudioTooLong, InvalidRequest (a language the engine does not know), Overloaded.
        """
        self._check_language(options.language)
        async with self._decoder.read(recording, self._limits) as (info, blocks):
            interactive = self._is_interactive(info.duration_s, priority)
            with self._scheduler.admit(info.duration_s, interactive=interactive) as ticket:
                segmenter = SpeechSegmenter(SpeechDetector(self._vad), self.engine.cutting)
                transcription = Transcription(segmenter, ticket, options, self._executor)
                segments = transcription.segments(blocks)
                try:
                    yield Running(info.duration_s, interactive, segments, transcription, self._default_language)
                finally:
                    await segments.aclose()

    def require_room(self, priority: Priority | None) -> None:
        """Raises Overloaded when a recording of this priority would be refused whatever is in it.

        Nothing is refused without a priority: which one it has is seen from its length.
        """
        if priority is not None:
            self._scheduler.require_room(interactive=priority == "interactive")

    def status(self) -> dict[str, Any]:
        """What /status says: the engine, why it was taken, and the load (audio in seconds)."""
        return {
            "stage": "asr",
            "engine": self.engine.name,
            "model": self.engine.model,
            "device": getattr(self.engine, "device", None),
            "why": self.choice.why,
            "workers": len(self.engine.workers),
            "load": {
                "recordings": self._scheduler.recordings,
                "streams": self.streams.open,
                "queued_interactive_s": round(self._scheduler.queued_s(True), 1),
                "queued_batch_s": round(self._scheduler.queued_s(False), 1),
            },
        }

    @property
    def _default_language(self) -> str:
        known = self.engine.languages
        return next(iter(known)) if known is not None and len(known) == 1 else "en"

    def _is_interactive(self, duration_s: float, priority: Priority | None) -> bool:
        if priority is None:
            return duration_s < self.settings.interactive_below_s
        return priority == "interactive" and duration_s <= _LONGEST_INTERACTIVE_S

    def _check_language(self, language: str | None) -> None:
        known = self.engine.languages
        if language is None or known is None or language in known:
            return
        names = ", ".join(sorted(LANGUAGES.get(code, code) for code in known)[:8])
        raise InvalidRequest(
            f"The engine {self.engine.name} with the model {self.engine.model} does not know "
            f"{LANGUAGES[language]}; it knows {names}{' and more' if len(known) > 8 else ''}.",
            param="language",
        )
