"""The lecture routes: reading, following, listing, deleting; on one replica and on two."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import orjson
import pytest

from viva.sse import SSEParser
from viva_orchestrator.routes.lectures import event_stream

from ..recogniser_server import RecogniserServer
from ..replica import Replica

Start = Callable[..., Awaitable[Replica]]
Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]
Make = Callable[[float], bytes]


async def _upload(replica: Replica, recording: bytes, **fields: str) -> httpx.Response:
    return await replica.http.post("/v1/lectures", files={"file": ("../../x.wav", recording)}, data=fields)


async def _ready(replica: Replica, recording: bytes, until: Until) -> str:
    lecture_id = (await _upload(replica, recording)).json()["lecture_id"]
    await until(lambda: _is_ready(replica, lecture_id))
    return lecture_id


async def _is_ready(replica: Replica, lecture_id: str) -> bool:
    return (await replica.http.get(f"/v1/lectures/{lecture_id}")).json()["status"] == "ready"


async def _events(replica: Replica, lecture_id: str) -> list[dict]:
    body = (await replica.http.get(f"/v1/lectures/{lecture_id}/events", timeout=60)).content
    return [orjson.loads(event.data) for event in SSEParser().feed(body)]


def _code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


@pytest.mark.parametrize("path", ["", "/events", "/audio"])
@pytest.mark.parametrize("lecture_id", ["lec_" + "0" * 32, "x", "lec_..%2F..%2Fetc"])
async def test_unknown_lectures_are_not_found(replica: Replica, lecture_id: str, path: str) -> None:
    """404 on every route, before any stream begins."""
    assert _code(await replica.http.get(f"/v1/lectures/{lecture_id}{path}"))[0] == 404
    assert (await replica.http.delete(f"/v1/lectures/{lecture_id}")).status_code == 404


async def test_events_tell_the_whole_story_once(
    start_replica: Start, recogniser: RecogniserServer, make_recording: Make
) -> None:
    """Another replica than the working one tells progress that grows, every segment once, and ends with ready."""
    worker = await start_replica()
    other = await start_replica(transcribe_workers=0)
    recogniser.delay_s = 0.4
    lecture_id = (await _upload(worker, make_recording(25))).json()["lecture_id"]
    told = await _events(other, lecture_id)
    progress = [event["progress"] for event in told]
    assert progress == sorted(progress)
    assert [event["type"] for event in told] == ["progress"] * (len(told) - 1) + ["ready"]
    assert len(told) > 2
    segments = (await other.http.get(f"/v1/lectures/{lecture_id}")).json()["segments"]
    assert [segment for event in told for segment in event["segments"]] == segments
    assert [event["type"] for event in await _events(worker, lecture_id)] == ["ready"]


async def test_events_end_when_the_lecture_is_deleted(
    replica: Replica, recogniser: RecogniserServer, make_recording: Make, until: Until
) -> None:
    """Whoever follows a lecture that is deleted learns it."""
    recogniser.may_answer.clear()
    lecture_id = (await _upload(replica, make_recording(10))).json()["lecture_id"]
    watched = replica.lectures.watch(lecture_id, replica.stopping)
    await anext(watched)
    stream = event_stream(await replica.lectures.transcript(lecture_id), watched)
    assert b"event: progress" in await anext(stream)
    await replica.lectures.delete(lecture_id)
    rest = [block async for block in stream]
    assert rest[-1].startswith(b"event: deleted")


async def test_events_end_when_the_server_stops(
    replica: Replica, recogniser: RecogniserServer, make_recording: Make
) -> None:
    """Whoever follows is told to connect again, at once, instead of being cut when the time to drain is over."""
    recogniser.may_answer.clear()
    lecture_id = (await _upload(replica, make_recording(10))).json()["lecture_id"]
    following = asyncio.create_task(_events(replica, lecture_id))
    await asyncio.sleep(0)
    replica.stopping.set()
    told = await following
    assert [event["type"] for event in told] == ["progress", "error"]
    assert (told[-1]["code"], told[-1]["retryable"]) == ("shutting_down", True)


async def test_a_recording_without_a_word_is_ready_and_says_so(
    start_replica: Start, recogniser: RecogniserServer, make_recording: Make, until: Until
) -> None:
    """Read, followed and listed, also after Redis was emptied; one with words says the opposite, and before it null."""
    replica = await start_replica()
    recogniser.may_answer.clear()
    spoken = (await _upload(replica, make_recording(5))).json()
    assert spoken["has_speech"] is None
    recogniser.may_answer.set()
    await until(lambda: _is_ready(replica, spoken["lecture_id"]))
    recogniser.hears_nothing = True
    silent_id = await _ready(replica, make_recording(4), until)

    async def said() -> list[bool]:
        found = [(await replica.http.get(f"/v1/lectures/{silent_id}")).json()]
        found += await _events(replica, silent_id)
        found += (await replica.http.get("/v1/lectures")).json()["data"]
        return [lecture["has_speech"] for lecture in found]

    assert await said() == [False, False, False, True]
    await replica.redis.flushall()
    assert await said() == [False, False, False, True]


async def test_a_failed_transcription_says_why_wherever_it_is_looked_at(
    replica: Replica, recogniser: RecogniserServer, make_recording: Make
) -> None:
    """The `failed` event has the code and the message that reading the lecture has."""
    recogniser.failures = [400]
    lecture_id = (await _upload(replica, make_recording(4))).json()["lecture_id"]
    told = await _events(replica, lecture_id)
    read = (await replica.http.get(f"/v1/lectures/{lecture_id}")).json()
    assert (told[-1]["type"], read["status"]) == ("failed", "failed")
    assert told[-1]["error"] == read["error"] == {"code": "x", "message": "The piece was refused."}
    assert told[0]["error"] is None or len(told) == 1


async def test_lists_page_by_page(start_replica: Start, make_recording: Make) -> None:
    """Newest first, and the pages together are all of them once, from any replica."""
    first, second = await start_replica(transcribe_workers=0), await start_replica(transcribe_workers=0)
    ids = [(await _upload(first, make_recording(1), title=str(n))).json()["lecture_id"] for n in range(5)]
    page = (await second.http.get("/v1/lectures", params={"limit": 3})).json()
    assert [lecture["lecture_id"] for lecture in page["data"]] == ids[:1:-1]
    assert page["has_more"]
    rest = await second.http.get("/v1/lectures", params={"limit": 3, "after": page["data"][-1]["lecture_id"]})
    assert [lecture["lecture_id"] for lecture in rest.json()["data"]] == ids[1::-1]
    assert not rest.json()["has_more"]
    assert "segments" not in rest.json()["data"][0]
    assert _code(await second.http.get("/v1/lectures", params={"after": "x"})) == (400, "invalid_request")


async def test_two_replicas_are_one(start_replica: Start, make_recording: Make, until: Until) -> None:
    """What one took the other shows, and what one deletes the other forgets, though it had it in memory."""
    first, second = await start_replica(), await start_replica()
    ticket = (await first.http.post("/v1/lectures/uploads")).json()
    assert (await second.http.put(ticket["url"], content=make_recording(4))).status_code == 200
    made = await first.http.post("/v1/lectures", json={"object_key": ticket["object_key"]})
    lecture_id = made.json()["lecture_id"]
    await until(lambda: _is_ready(second, lecture_id))
    assert (await first.lectures.transcript(lecture_id)) == (await second.lectures.transcript(lecture_id))
    assert (await second.http.delete(f"/v1/lectures/{lecture_id}")).status_code == 204
    assert (await first.http.get(f"/v1/lectures/{lecture_id}")).status_code == 404
    assert (await first.http.get("/v1/lectures")).json()["data"] == []
    assert (await first.http.delete(f"/v1/lectures/{lecture_id}")).status_code == 204
    assert await first.objects.folders("lectures") == []


async def test_an_empty_redis_finds_its_lectures_again(
    start_replica: Start, make_recording: Make, until: Until
) -> None:
    """After Redis lost everything, lectures are found by id and in the list, from the object store."""
    replica = await start_replica()
    ids = [await _ready(replica, make_recording(4), until) for _ in range(2)]
    before = (await replica.http.get(f"/v1/lectures/{ids[0]}")).json()
    await replica.redis.flushall()
    fresh = await start_replica()
    assert (await fresh.http.get(f"/v1/lectures/{ids[0]}")).json() == before
    listed = (await fresh.http.get("/v1/lectures")).json()["data"]
    assert [lecture["lecture_id"] for lecture in listed] == ids[::-1]
    assert {lecture["status"] for lecture in listed} == {"ready"}


async def test_a_ready_lecture_needs_no_object_store(
    start_replica: Start, make_recording: Make, until: Until, tmp_path: Path
) -> None:
    """With the object store gone, a replica that never saw the lecture still has its transcript, from Redis."""
    lecture_id = await _ready(await start_replica(), make_recording(4), until)
    (tmp_path / "objects").rename(tmp_path / "away")
    fresh = await start_replica(object_store_url=str(tmp_path / "empty"))
    assert (await fresh.lectures.transcript(lecture_id)).status == "ready"


async def test_a_ready_lecture_needs_no_redis(
    start_replica: Start, own_redis_server: object, make_recording: Make, until: Until
) -> None:
    """With Redis gone, ready lectures are read from memory or the object store; what needs Redis says so."""
    replica = await start_replica(url=own_redis_server.url)
    held = await _ready(replica, make_recording(4), until)
    waiting = (await _upload(replica, make_recording(600))).json()["lecture_id"]
    expected = await replica.lectures.transcript(held)
    fresh = await start_replica(url=own_redis_server.url, transcribe_workers=0)
    own_redis_server.stop()
    assert await replica.lectures.transcript(held) == expected
    assert (await fresh.lectures.transcript(held)).segments == expected.segments
    assert _code(await fresh.http.get(f"/v1/lectures/{waiting}")) == (503, "redis_unavailable")
    assert _code(await fresh.http.get("/v1/lectures")) == (503, "redis_unavailable")
    assert _code(await _upload(fresh, make_recording(1))) == (503, "redis_unavailable")


async def test_a_transcription_outlives_a_restart_of_redis(
    start_replica: Start,
    own_redis_server: object,
    recogniser: RecogniserServer,
    make_recording: Make,
    until: Until,
) -> None:
    """Redis may die and come back in the middle: the transcription waits for it and finishes nothing twice."""
    replica = await start_replica(url=own_redis_server.url)
    recogniser.may_answer.clear()
    lecture_id = (await _upload(replica, make_recording(12))).json()["lecture_id"]

    async def asked() -> bool:
        return recogniser.at_once == 2

    await until(asked)
    own_redis_server.stop()
    recogniser.may_answer.set()
    own_redis_server.start()
    await until(lambda: _is_ready(replica, lecture_id))
    transcript = await replica.lectures.transcript(lecture_id)
    assert transcript.segments[-1].end == pytest.approx(12, abs=0.01)
