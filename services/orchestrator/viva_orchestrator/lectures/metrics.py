"""What Prometheus is told about lectures."""

from __future__ import annotations

import time
from collections import Counter as Counts

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
        self.by_status = Gauge(
            "viva_lectures_by_status",
            "Lectures that are queued, transcribing, ready or failed, over all replicas.",
            ["status"],
            registry=registry,
        )
        self.oldest_unfinished = Gauge(
            "viva_lecture_oldest_unfinished_seconds",
            "For how long nothing was transcribed of the unfinished lecture that stands longest, over all replicas; "
            "0 when none is unfinished.",
            registry=registry,
        )
        self.queued_audio = Gauge(
            "viva_queued_audio_seconds",
            "Seconds of recordings that still have no transcript, over all replicas.",
            registry=registry,
        )

    def show(self, waiting: list[Lecture], total: int, failed: int) -> None:
        """Set the gauges from the lectures that are not finished, and the numbers of all and of those that failed."""
        counts = Counts(lecture.status for lecture in waiting)
        for status in ("queued", "transcribing"):
            self.unfinished.labels(status).set(counts[status])
            self.by_status.labels(status).set(counts[status])
        self.by_status.labels("failed").set(failed)
        self.by_status.labels("ready").set(max(0, total - failed - counts["queued"] - counts["transcribing"]))
        now = time.time()
        self.oldest_unfinished.set(max((max(0.0, now - lecture.stands_since) for lecture in waiting), default=0.0))
        self.queued_audio.set(sum(lecture.duration_s - lecture.transcribed_s for lecture in waiting))
