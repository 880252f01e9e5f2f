"""The metrics of the asr service."""

from typing import Literal

from viva.service.metrics import ServiceMetrics

Kind = Literal["interactive", "partial", "batch"]
INTERACTIVE: Kind = "interactive"
PARTIAL: Kind = "partial"
"""Speech that goes on: words are wanted, but can be done without."""
BATCH: Kind = "batch"

_QUEUE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_WORK_BUCKETS = (0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 1200.0)


class AsrMetrics:
    """What is counted and timed here; `kind` is `interactive`, `partial` or `batch`."""

    def __init__(self, service: ServiceMetrics) -> None:
        self.shed = service.shed
        self.requests = service.counter(
            "viva_asr_requests_total", "Transcriptions by outcome: ok, refused, failed, left", ("outcome",)
        )
        self.queue_wait = service.histogram(
            "viva_asr_queue_wait_seconds", "Time a segment waited for a worker", ("kind",), buckets=_QUEUE_BUCKETS
        )
        self.transcription = service.histogram(
            "viva_asr_transcription_seconds",
            "Time from the end of the upload to the whole transcript",
            ("kind",),
            buckets=_WORK_BUCKETS,
        )
        self.engine_time = service.histogram(
            "viva_asr_engine_seconds", "Time the engine took for one batch of segments", buckets=_WORK_BUCKETS
        )
        self.audio = service.counter("viva_asr_audio_seconds_total", "Seconds of audio that were let in", ("kind",))
        self.queued_audio = service.gauge(
            "viva_asr_queued_audio_seconds", "Seconds of audio let in and not yet recognised", ("kind",)
        )
        self.segments = service.counter("viva_asr_segments_total", "Segments recognised", ("kind",))
        self.streams = service.gauge("viva_asr_open_streams", "Streams that are open")
        self.streams_ended = service.counter(
            "viva_asr_streams_total", "Streams by how they ended: left, idle, wrong, refused, failed", ("outcome",)
        )
        self.partials = service.counter(
            "viva_asr_partials_total",
            "Hypotheses about speech that goes on, by outcome: given (new words), same, late (the turn was over), "
            "skipped (no worker to spare), failed",
            ("outcome",),
        )
        self.first_partial = service.histogram(
            "viva_asr_first_partial_seconds", "Audio of an utterance up to its first words given", buckets=_WORK_BUCKETS
        )


def kind_of(interactive: bool) -> Kind:
    """The kind of a whole recording."""
    return INTERACTIVE if interactive else BATCH
