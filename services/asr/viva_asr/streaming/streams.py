"""All streams of the service: how many there may be, and what they share."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from viva.service.admission import Admission
from viva_asr.engine import Engine
from viva_asr.metrics import AsrMetrics
from viva_asr.scheduler import Scheduler
from viva_asr.settings import AsrSettings
from viva_asr.streaming.frames import Start
from viva_asr.streaming.sound import Sound
from viva_asr.vad import VadModel

_THREADS = 2
"""Of their own: recordings that are read at full speed would be in the way of ears that have to keep up."""


class Streams:
    """The speech detector's network, the threads in which it runs, and the scheduler, for every stream."""

    def __init__(
        self, settings: AsrSettings, engine: Engine, vad: VadModel, scheduler: Scheduler, metrics: AsrMetrics
    ) -> None:
        self.settings = settings
        self.scheduler = scheduler
        self.metrics = metrics
        self.executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="stream")
        self._engine = engine
        self._vad = vad
        self._admission = Admission(
            settings.max_streams,
            metrics.streams,
            metrics.shed.labels("streams"),
            refusal="Too many people are being listened to; try again in a moment.",
        )

    @property
    def open(self) -> int:
        """How many are open."""
        return self._admission.active

    @property
    def partials(self) -> bool:
        """Whether words are given out while they are spoken."""
        return self._engine.partials if self.settings.partials == "auto" else self.settings.partials == "on"

    def knows(self, language: str | None) -> bool:
        """Whether the engine recognises it, as far as can be told."""
        known = self._engine.languages
        return language is None or known is None or language in known

    @contextmanager
    def place(self) -> Iterator[None]:
        """Holds a place for one stream. Raises Overloaded when there is none."""
        with self._admission.place():
            yield

    def sound(self, start: Start) -> Sound:
        """What listens to one stream."""
        return Sound(
            self._vad,
            start.rate_hz,
            self._engine.cutting,
            start.turn_detection,
            max_turn_s=min(self.settings.max_turn_s, start.max_turn_s or self.settings.max_turn_s),
            speaking=start.speaking,
        )

    def close(self) -> None:
        """Stop the threads."""
        self.executor.shutdown(wait=False, cancel_futures=True)
