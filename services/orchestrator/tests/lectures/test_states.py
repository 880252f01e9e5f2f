"""What the metrics say of lectures: how many are in which state, and whether one stands still."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from viva_orchestrator.lectures.metrics import LectureMetrics
from viva_orchestrator.lectures.model import Lecture
from viva_orchestrator.lectures.records import Records


def test_lectures_are_shown_by_their_state():
    """Those that are neither unfinished nor failed are ready; the one that stands longest says for how long."""
    registry, now = CollectorRegistry(), time.time()
    metrics = LectureMetrics(registry)
    waiting = [
        Lecture("lec_1", None, now - 900, 60.0, moved_at=now - 40),
        Lecture("lec_2", None, now - 300, 60.0, "transcribing", 30.0, moved_at=now - 120),
        Lecture("lec_3", None, now - 20, 60.0, "transcribing"),
    ]
    metrics.show(waiting, total=10, failed=2)
    shown = {
        status: registry.get_sample_value("viva_lectures_by_status", {"status": status})
        for status in ("queued", "transcribing", "ready", "failed")
    }
    assert shown == {"queued": 1, "transcribing": 2, "ready": 5, "failed": 2}
    assert registry.get_sample_value("viva_queued_audio_seconds") == 150
    assert registry.get_sample_value("viva_lecture_oldest_unfinished_seconds") == pytest.approx(120, abs=60)
    metrics.show([], total=0, failed=0)
    assert registry.get_sample_value("viva_lecture_oldest_unfinished_seconds") == 0


async def test_a_lecture_that_fails_is_counted_until_it_is_deleted(
    start_replica, recogniser, make_recording, until, tmp_path: Path
):
    """By any replica, since the count is in Redis; and what moves on says when it did."""
    replica = await start_replica(transcribe_retry_s=0)
    records = Records(replica.redis, transcript_cache_s=60)
    recogniser.failures = [500] * 100
    (path := tmp_path / "recording").write_bytes(make_recording(3))
    before = time.time()
    lecture_id = (await replica.lectures.intake.add(path)).lecture_id
    assert (await records.get(lecture_id)).stands_since >= before - 1

    async def failed() -> bool:
        return await records.counts() == (1, 1)

    await until(failed)
    await replica.lectures.delete(lecture_id)
    assert await records.counts() == (0, 0)
