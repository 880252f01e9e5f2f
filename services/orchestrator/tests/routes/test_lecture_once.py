"""The same recording again: one lecture for one Idempotency-Key on any replica, and found by its hash."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

import httpx
import pytest

from ..recogniser_server import RecogniserServer
from ..replica import Replica

Start = Callable[..., Awaitable[Replica]]
Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]
Make = Callable[[float], bytes]


async def _upload(replica: Replica, recording: bytes, key: str | None = "k-1") -> httpx.Response:
    headers = {"Idempotency-Key": key} if key is not None else {}
    return await replica.http.post("/v1/lectures", files={"file": recording}, headers=headers)


async def _listed(replica: Replica, **query: str) -> list[str]:
    page = (await replica.http.get("/v1/lectures", params=query)).json()
    return [lecture["lecture_id"] for lecture in page["data"]]


def _status_is(replica: Replica, lecture_id: str, status: str) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return (await replica.lectures.get(lecture_id)).status == status

    return check


async def test_one_key_on_two_replicas_is_one_lecture(
    start_replica: Start, recogniser: RecogniserServer, make_recording: Make, until: Until
) -> None:
    """Sent to both at once and again afterwards: one id, one lecture in the list, transcribed once."""
    replicas = await start_replica(), await start_replica()
    recording = make_recording(4)
    both = await asyncio.gather(*(_upload(replica, recording) for replica in replicas))
    assert [response.status_code for response in both] == [202, 202]
    (lecture_id,) = {response.json()["lecture_id"] for response in both}
    await until(_status_is(replicas[0], lecture_id, "ready"))
    again = (await _upload(replicas[1], recording)).json()
    assert (again["lecture_id"], again["status"]) == (lecture_id, "ready")
    assert await _listed(replicas[0]) == [lecture_id]
    assert len(recogniser.heard) == 1
    name, outcome = "viva_lectures_total", {"outcome": "uploaded"}
    assert sum(replica.registry.get_sample_value(name, outcome) or 0 for replica in replicas) == 1


async def test_another_recording_under_the_same_key_is_refused(start_replica: Start, make_recording: Make) -> None:
    """409 on the other replica too, and nothing of it is kept."""
    first, second = await start_replica(transcribe_workers=0), await start_replica(transcribe_workers=0)
    lecture_id = (await _upload(first, make_recording(3))).json()["lecture_id"]
    refused = await _upload(second, make_recording(4))
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "idempotency_key_reused")
    assert await _listed(first) == await first.objects.folders("lectures") == [lecture_id]


@pytest.mark.parametrize("end", ["failed", "deleted"])
async def test_a_key_whose_lecture_failed_or_was_deleted_is_free_again(
    replica: Replica, recogniser: RecogniserServer, make_recording: Make, until: Until, end: str
) -> None:
    """The same request then makes a new lecture, once."""
    recogniser.failures = [400] if end == "failed" else []
    recording = make_recording(4)
    first = (await _upload(replica, recording)).json()["lecture_id"]
    await until(_status_is(replica, first, "failed" if end == "failed" else "ready"))
    if end == "deleted":
        await replica.http.delete(f"/v1/lectures/{first}")
    second = (await _upload(replica, recording)).json()["lecture_id"]
    assert second != first
    assert (await _upload(replica, recording)).json()["lecture_id"] == second
    await until(_status_is(replica, second, "ready"))


async def test_a_lecture_that_is_deleted_while_another_replica_stores_it_stays_deleted(
    start_replica: Start, make_recording: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slower replica answers 404 and leaves nothing of it behind."""
    slow, quick = await start_replica(transcribe_workers=0), await start_replica(transcribe_workers=0)
    recording, store = make_recording(3), slow.objects.put_file

    async def overtaken(*arguments: object) -> None:
        lecture_id = (await _upload(quick, recording)).json()["lecture_id"]
        await quick.http.delete(f"/v1/lectures/{lecture_id}")
        await store(*arguments)

    monkeypatch.setattr(slow.objects, "put_file", overtaken)
    assert (await _upload(slow, recording)).status_code == 404
    assert await slow.objects.folders("lectures") == []
    assert await _listed(slow) == []


async def test_without_a_key_each_upload_is_a_lecture_of_its_own(replica: Replica, make_recording: Make) -> None:
    """Uploading again may be meant: with a better recogniser, say."""
    ids = {(await _upload(replica, make_recording(3), key=None)).json()["lecture_id"] for _ in range(2)}
    assert len(ids) == 2
    assert (await _upload(replica, make_recording(3), key="k" * 256)).json()["error"]["param"] == "Idempotency-Key"


async def test_lectures_are_found_by_the_hash_of_their_recording(start_replica: Start, make_recording: Make) -> None:
    """However it was uploaded, page by page, after Redis was emptied; a deleted one and other recordings not."""
    replica = await start_replica(transcribe_workers=0)
    recording = make_recording(3)
    sha256 = hashlib.sha256(recording).hexdigest()
    ids = [(await _upload(replica, recording, key=None)).json()["lecture_id"] for _ in range(2)]
    ticket = (await replica.http.post("/v1/lectures/uploads")).json()
    await replica.http.put(ticket["url"], content=recording)
    made = await replica.http.post("/v1/lectures", json={"object_key": ticket["object_key"]})
    assert made.json()["sha256"] == sha256
    ids.append(made.json()["lecture_id"])
    await _upload(replica, make_recording(4), key=None)
    assert sorted(await _listed(replica, sha256=sha256)) == sorted(ids)
    assert len(await _listed(replica, sha256=sha256, limit="2")) == 2
    await replica.http.delete(f"/v1/lectures/{ids[0]}")
    await replica.redis.flushall()
    await _listed(replica)
    assert sorted(await _listed(replica, sha256=sha256)) == sorted(ids[1:])
    await replica.http.delete(f"/v1/lectures/{ids[1]}")
    assert await _listed(replica, sha256=sha256) == [ids[2]]
    await replica.http.delete(f"/v1/lectures/{ids[2]}")
    assert await replica.redis.keys(f"viva:recording:{sha256}") == []
    assert await _listed(replica, sha256="0" * 64) == []
    assert (await replica.http.get("/v1/lectures", params={"sha256": "x"})).status_code in (400, 422)
