"""What Prometheus is told about lectures."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from viva_orchestrator.lectures.model import Lecture


class LectureMetrics:
    """The metrics of lectures, on the registry of the service (None keeps them to themselves)."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.lectures = Counter(
            "viva_lectures_total",
            "Lectures by what happened: uploaded, rejected, ready, failed, deleted, taken_over.",
            ["outcome"],
            registry=registry,
        )
        self.piece_seconds = Histogram(
            "viva_transcription_piece_seconds",
            "Time that asr took for one piece of a lecture.",
            registry=registry,
            buckets=(0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 300),
        )
        self.transcription_seconds = Histogram(
            "viva_transcription_seconds",
            "Time from taking a lecture up to its transcript, in the replica that finished it.",
            registry=registry,
            buckets=(1, 5, 15, 30, 60, 120, 300, 600, 1200, 3600, 7200),
        )
        self.transcribed_audio = Counter(
            "viva_transcribed_audio_seconds_total", "Seconds of recordings transcribed.", registry=registry
        )
        self.retries = Counter(
            "viva_transcription_retries_total",
            "Calls of a transcription made again, by the code of the error before.",
            ["code"],
            registry=registry,
        )
        self.unfinished = Gauge(
            "viva_lectures_unfinished",
            "Lectures that wait or are being transcribed, over all replicas.",
            ["status"],
            registry=registry,
        )
        self.queued_audio = Gauge(
            "viva_queued_audio_seconds",
            "Seconds of recordings that still have no transcript, over all replicas.",
            registry=registry,
        )

    def show_queue(self, waiting: list[Lecture]) -> None:
        """Set the gauges from the lectures that are not finished."""
        for status in ("queued", "transcribing"):
            self.unfinished.labels(status).set(sum(lecture.status == status for lecture in waiting))
        self.queued_audio.set(sum(lecture.duration_s - lecture.transcribed_s for lecture in waiting))
