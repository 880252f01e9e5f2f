"""A transcription is finished by whoever lives, does nothing twice, and stops when it is deleted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from viva.errors import NotFound
from viva_orchestrator.lectures import Transcript

from ..recogniser_server import RecogniserServer
from ..replica import Replica, ReplicaProcess

Start = Callable[..., Awaitable[Replica]]
StartProcess = Callable[[], Awaitable[ReplicaProcess]]
Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]
Make = Callable[[float], bytes]

PIECES_AT_ONCE = 2  # the default of VIVA_TRANSCRIBE_PIECES_AT_ONCE


async def _add(replica: Replica, recording: bytes, folder: Path) -> str:
    path = folder / "recording"
    path.write_bytes(recording)
    return (await replica.lectures.intake.add(path, title="A lecture")).lecture_id


def _status_is(replica: Replica, lecture_id: str, status: str) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return (await replica.lectures.get(lecture_id)).status == status

    return check


def _transcribed(replica: Replica, lecture_id: str, seconds: float) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return (await replica.lectures.get(lecture_id)).transcribed_s >= seconds

    return check


def _check_whole(transcript: Transcript, recogniser: RecogniserServer, seconds: float) -> None:
    """Every second of the recording is covered once, in order, by what was heard there."""
    assert transcript.status == "ready"
    assert transcript.duration_s == transcript.transcribed_s == pytest.approx(seconds, abs=0.01)
    ends = [0.0, *(segment.end for segment in transcript.segments)]
    assert [segment.start for segment in transcript.segments] == pytest.approx(ends[:-1])
    assert ends[-1] == pytest.approx(seconds, abs=0.01)
    names = [segment.text for segment in transcript.segments[::2]]
    assert len(set(names)) == len(names)
    assert set(names) <= set(recogniser.heard)


async def test_transcribes_from_end_to_end(
    replica: Replica, recogniser: RecogniserServer, make_recording: Make, until: Until, tmp_path: Path
) -> None:
    """A lecture becomes ready, its segments cover it, and asr was asked as one that can wait, few pieces at once."""
    recogniser.may_answer.clear()
    lecture_id = await _add(replica, make_recording(31), tmp_path)

    async def asked_twice() -> bool:
        return recogniser.at_once == 2

    await until(asked_twice)
    recogniser.delay_s = 0.05
    recogniser.may_answer.set()
    await until(_status_is(replica, lecture_id, "ready"))
    _check_whole(await replica.lectures.transcript(lecture_id), recogniser, 31)
    assert recogniser.priorities == {"batch"}
    assert recogniser.most_at_once == 2
    assert len(recogniser.heard) == len(set(recogniser.heard)) >= 7


async def test_is_readable_in_order_while_it_grows(
    replica: Replica, recogniser: RecogniserServer, make_recording: Make, until: Until, tmp_path: Path
) -> None:
    """A half-transcribed lecture gives its first segments, which stay as they are."""
    recogniser.delay_s = 0.2
    lecture_id = await _add(replica, make_recording(40), tmp_path)
    await until(_transcribed(replica, lecture_id, 8))
    partial = await replica.lectures.transcript(lecture_id)
    assert partial.status == "transcribing"
    assert 8 <= partial.transcribed_s < 40
    assert partial.segments[-1].end == pytest.approx(partial.transcribed_s)
    await until(_status_is(replica, lecture_id, "ready"))
    whole = await replica.lectures.transcript(lecture_id)
    assert whole.segments[: len(partial.segments)] == partial.segments


async def test_another_replica_finishes_what_a_killed_one_began(
    start_replica: Start,
    start_process: StartProcess,
    recogniser: RecogniserServer,
    make_recording: Make,
    until: Until,
    tmp_path: Path,
) -> None:
    """After SIGKILL another replica takes the lecture up; no piece that was finished is transcribed again."""
    front = await start_replica(transcribe_workers=0)
    doomed = await start_process()
    recogniser.delay_s = 0.3
    lecture_id = await _add(front, make_recording(40), tmp_path)
    await until(_transcribed(front, lecture_id, 8))
    await doomed.kill()
    finished = {segment.text for segment in (await front.lectures.transcript(lecture_id)).segments[::2]}
    before = len(recogniser.heard)
    assert len(finished) >= 2

    await start_replica()
    await until(_status_is(front, lecture_id, "ready"))
    _check_whole(await front.lectures.transcript(lecture_id), recogniser, 40)
    assert not finished & set(recogniser.heard[before:])


async def test_a_worker_that_slept_through_its_lease_does_no_harm(
    start_replica: Start,
    start_process: StartProcess,
    recogniser: RecogniserServer,
    make_recording: Make,
    until: Until,
    tmp_path: Path,
) -> None:
    """A replica paused beyond its lease wakes up when another has finished: the transcript stays as it is."""
    front = await start_replica(transcribe_workers=0)
    sleeper = await start_process()
    recogniser.delay_s = 0.3
    lecture_id = await _add(front, make_recording(30), tmp_path)
    await until(_transcribed(front, lecture_id, 4))
    sleeper.pause()
    other = await start_replica()
    await until(_status_is(front, lecture_id, "ready"))
    await other.lectures.close()
    ready = await front.lectures.transcript(lecture_id)
    before = await front.redis.hgetall(f"viva:lecture:{lecture_id}")
    heard = set(recogniser.heard)

    # It works on one lecture at a time: when it has finished another, it has given up the one that it slept over.
    sleeper.resume()
    calls = len(recogniser.heard)
    another = await _add(front, make_recording(12), tmp_path)
    await until(_status_is(front, another, "ready"))
    # Pieces that it had in hand when it fell asleep may still go out; none after them.
    assert sum(piece in heard for piece in recogniser.heard[calls:]) <= PIECES_AT_ONCE
    assert await front.redis.hgetall(f"viva:lecture:{lecture_id}") == before
    assert await front.redis.exists(f"viva:lecture:{lecture_id}:pieces") == 0
    assert await front.lectures.transcript(lecture_id) == ready


async def test_a_worker_that_slept_through_a_deletion_leaves_nothing(
    start_replica: Start,
    start_process: StartProcess,
    recogniser: RecogniserServer,
    make_recording: Make,
    until: Until,
    tmp_path: Path,
) -> None:
    """A replica paused while its lecture is deleted writes nothing of it when it wakes up."""
    front = await start_replica(transcribe_workers=0)
    sleeper = await start_process()
    recogniser.may_answer.clear()
    lecture_id = await _add(front, make_recording(12), tmp_path)

    async def asked() -> bool:
        return recogniser.at_once > 0

    await until(asked)
    sleeper.pause()
    await front.lectures.delete(lecture_id)
    recogniser.may_answer.set()
    sleeper.resume()
    another = await _add(front, make_recording(6), tmp_path)
    await until(_status_is(front, another, "ready"))
    assert await front.objects.folders("lectures") == [another]
    assert await front.redis.keys(f"*{lecture_id}*:*") == []
    with pytest.raises(NotFound):
        await front.lectures.transcript(lecture_id)


async def test_a_slow_piece_is_not_taken_from_its_worker(
    start_replica: Start, recogniser: RecogniserServer, make_recording: Make, until: Until, tmp_path: Path
) -> None:
    """While its worker lives, a lecture stays with it, though asr takes longer for a piece than a lease lasts."""
    first, _ = await start_replica(), await start_replica()
    recogniser.may_answer.clear()
    lecture_id = await _add(first, make_recording(12), tmp_path)

    async def lease_ends_ms() -> float:
        return await first.redis.zscore("viva:transcriptions", lecture_id)

    async def asked() -> bool:
        return recogniser.at_once == 2

    await until(asked)
    first_lease_ms = await lease_ends_ms()

    async def outlasted() -> bool:
        return await lease_ends_ms() > first_lease_ms + 2500

    await until(outlasted)
    recogniser.may_answer.set()
    await until(_status_is(first, lecture_id, "ready"))
    assert len(recogniser.heard) == len(set(recogniser.heard))


async def test_a_closed_replica_gives_its_work_back_at_once(
    start_replica: Start, recogniser: RecogniserServer, make_recording: Make, until: Until, tmp_path: Path
) -> None:
    """A replica that ends in good order does not make the next one wait for its lease, nor counts as a failure."""
    first = await start_replica(transcribe_lease_s=3600)
    recogniser.may_answer.clear()
    lecture_id = await _add(first, make_recording(12), tmp_path)

    async def asked() -> bool:
        return recogniser.at_once > 0

    await until(asked)
    await first.lectures.close()
    assert await first.redis.hget(f"viva:lecture:{lecture_id}", "attempts") == b"0"
    recogniser.may_answer.set()
    second = await start_replica()
    await until(_status_is(second, lecture_id, "ready"))


async def test_stops_when_its_lecture_is_deleted(
    start_replica: Start, recogniser: RecogniserServer, make_recording: Make, until: Until, tmp_path: Path
) -> None:
    """Deleting a lecture ends the calls to asr that run for it, and leaves neither objects nor keys but a tombstone."""
    replica = await start_replica(transcribe_workers=1)
    recogniser.may_answer.clear()
    lecture_id = await _add(replica, make_recording(20), tmp_path)

    async def asked_for(pieces: int) -> bool:
        return len(recogniser.heard) == pieces

    await until(lambda: asked_for(2))
    await replica.lectures.delete(lecture_id)
    another = await _add(replica, make_recording(4), tmp_path)
    # The only worker comes to the next lecture although asr has not answered for the deleted one.
    await until(lambda: asked_for(3))
    recogniser.may_answer.set()
    await until(_status_is(replica, another, "ready"))
    assert len(recogniser.heard) == 3
    assert await replica.objects.folders("lectures") == [another]
    assert await replica.redis.keys(f"*{lecture_id}*") == [f"viva:lecture:{lecture_id}".encode()]
    assert await replica.redis.zcard("viva:transcriptions") == 0


async def test_asks_again_while_asr_is_overloaded(
    replica: Replica, recogniser: RecogniserServer, make_recording: Make, until: Until, tmp_path: Path
) -> None:
    """503, 429 and 500 are asked again, and the lecture gets ready."""
    recogniser.failures = [503, 429, 500]
    lecture_id = await _add(replica, make_recording(12), tmp_path)
    await until(_status_is(replica, lecture_id, "ready"))
    _check_whole(await replica.lectures.transcript(lecture_id), recogniser, 12)
    assert _counted(replica, "viva_transcription_retries_total") == 3


async def test_fails_with_a_sentence_when_asr_stays_away(
    start_replica: Start, recogniser: RecogniserServer, make_recording: Make, until: Until, tmp_path: Path
) -> None:
    """When the time for trying again is over, the lecture is failed, and says what was tried."""
    replica = await start_replica(transcribe_retry_s=0)
    recogniser.failures = [500] * 100
    lecture_id = await _add(replica, make_recording(12), tmp_path)
    await until(_status_is(replica, lecture_id, "failed"))
    lecture = await replica.lectures.get(lecture_id)
    assert lecture.error is not None
    assert "given up" in lecture.error
    assert await replica.redis.zcard("viva:transcriptions") == 0
    assert _counted(replica, "viva_lectures_total", outcome="failed") == 1


@pytest.mark.parametrize("delay_s", [0, 0.2])
async def test_fails_at_once_when_asr_refuses_a_piece(
    start_replica: Start,
    recogniser: RecogniserServer,
    make_recording: Make,
    until: Until,
    tmp_path: Path,
    delay_s: float,
) -> None:
    """A 4xx of asr would be the same again, so it is not asked again; the worker goes on to the next lecture."""
    replica = await start_replica(transcribe_workers=1)
    recogniser.failures, recogniser.delay_s = [400], delay_s
    lecture_id = await _add(replica, make_recording(4), tmp_path)
    await until(_status_is(replica, lecture_id, "failed"))
    failed = await replica.lectures.get(lecture_id)
    assert (failed.error_code, failed.error) == ("x", "The piece was refused.")
    assert len(recogniser.heard) == 1
    another = await _add(replica, make_recording(3), tmp_path)
    await until(_status_is(replica, another, "ready"))


async def test_gives_up_a_recording_that_kills_its_workers(
    start_replica: Start, make_recording: Make, until: Until, tmp_path: Path
) -> None:
    """A lecture taken up many times without one piece finished is failed, not tried for ever."""
    front = await start_replica(transcribe_workers=0)
    lecture_id = await _add(front, make_recording(4), tmp_path)
    await front.redis.hset(f"viva:lecture:{lecture_id}", "attempts", "5")
    await start_replica()
    await until(_status_is(front, lecture_id, "failed"))


async def test_goes_on_when_redis_was_emptied(
    start_replica: Start, recogniser: RecogniserServer, make_recording: Make, until: Until, tmp_path: Path
) -> None:
    """An unfinished lecture that Redis forgot is found in the object store, queued again and finished."""
    front = await start_replica(transcribe_workers=0)
    lecture_id = await _add(front, make_recording(12), tmp_path)
    await front.redis.flushall()
    worker = await start_replica()
    await until(_status_is(worker, lecture_id, "ready"))
    _check_whole(await front.lectures.transcript(lecture_id), recogniser, 12)


def _counted(replica: Replica, name: str, **labels: str) -> float:
    return sum(
        sample.value
        for metric in replica.registry.collect()
        for sample in metric.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )
