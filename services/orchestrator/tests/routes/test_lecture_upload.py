"""Recordings come in as a form or by an upload URL; what is wrong is refused, and nothing of it is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from viva.audio import Encoder

from ..replica import Replica

Start = Callable[..., Awaitable[Replica]]
Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]
Make = Callable[[float], bytes]


async def _upload(replica: Replica, recording: bytes, **fields: str) -> httpx.Response:
    return await replica.http.post("/v1/lectures", files={"file": ("../../x.wav", recording)}, data=fields)


async def _is_ready(replica: Replica, lecture_id: str) -> bool:
    return (await replica.http.get(f"/v1/lectures/{lecture_id}")).json()["status"] == "ready"


def _code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


async def test_uploads_a_form(replica: Replica, make_recording: Make, until: Until) -> None:
    """A recording in a form is answered with 202 and an id, and gets its transcript; its file name is nowhere."""
    response = await _upload(replica, make_recording(8), title="  A\tlecture\n")
    assert response.status_code == 202
    body = response.json()
    assert response.headers["location"] == f"/v1/lectures/{body['lecture_id']}"
    assert (body["status"], body["title"], body["progress"]) == ("queued", "A lecture", 0)
    assert body["duration_s"] == pytest.approx(8, abs=0.1)
    await until(lambda: _is_ready(replica, body["lecture_id"]))
    lecture = (await replica.http.get(response.headers["location"])).json()
    assert (lecture["progress"], lecture["transcribed_s"], lecture["error"]) == (1, 8, None)
    assert set(lecture["segments"][0]) == {"start", "end", "text"}
    folder = f"lectures/{body['lecture_id']}"
    for name in ("original", "audio.wav", "transcript.json", "lecture.json"):
        assert await replica.objects.exists(f"{folder}/{name}")


async def test_uploads_to_a_url_of_its_own(replica: Replica, make_recording: Make, until: Until) -> None:
    """With a folder as store, the upload URL points here, works once, and its key makes one lecture however often."""
    ticket = (await replica.http.post("/v1/lectures/uploads")).json()
    assert (ticket["method"], ticket["headers"]) == ("PUT", {})
    assert (await replica.http.put(ticket["url"], content=make_recording(4))).status_code == 200
    assert _code(await replica.http.put(ticket["url"], content=b"again")) == (404, "not_found")
    request = {"object_key": ticket["object_key"], "title": "By key"}
    first = await replica.http.post("/v1/lectures", json=request)
    again = await replica.http.post("/v1/lectures", json=request)
    assert first.status_code == again.status_code == 202
    assert first.json()["lecture_id"] == again.json()["lecture_id"]
    await until(lambda: _is_ready(replica, first.json()["lecture_id"]))
    assert not await replica.objects.exists(ticket["object_key"])
    assert len((await replica.http.get("/v1/lectures")).json()["data"]) == 1


async def test_uploads_to_a_presigned_url(
    start_replica: Start, bucket: dict[str, str], make_recording: Make, until: Until
) -> None:
    """With a bucket, the URL is the bucket's; the rest is the same."""
    replica = await start_replica(**bucket)
    ticket = (await replica.http.post("/v1/lectures/uploads")).json()
    assert ticket["url"].startswith(bucket["s3_endpoint"])
    async with httpx.AsyncClient() as client:
        (await client.put(ticket["url"], content=make_recording(4))).raise_for_status()
    response = await replica.http.post("/v1/lectures", json={"object_key": ticket["object_key"]})
    lecture_id = response.json()["lecture_id"]
    await until(lambda: _is_ready(replica, lecture_id))
    audio = await replica.http.get(f"/v1/lectures/{lecture_id}/audio", params={"start": 1, "end": 2})
    assert audio.content[44:] == make_recording(4)[44 + 32000 : 44 + 64000]
    assert (await replica.http.delete(f"/v1/lectures/{lecture_id}")).status_code == 204
    assert await replica.objects.folders("lectures") == []


@pytest.mark.parametrize("wrong", ["token=x", "token=", "other=1"])
async def test_an_upload_url_needs_its_token(replica: Replica, wrong: str) -> None:
    """A wrong or missing token is refused, does not spend the right one, and stores nothing."""
    ticket = (await replica.http.post("/v1/lectures/uploads")).json()
    url = ticket["url"].partition("?")[0]
    assert (await replica.http.put(f"{url}?{wrong}", content=b"x")).status_code in (400, 404)
    assert not await replica.objects.exists(ticket["object_key"])
    assert (await replica.http.put(ticket["url"], content=b"x")).status_code == 200


async def test_an_upload_url_expires(start_replica: Start, until: Until) -> None:
    """After its time the URL is as good as none."""
    replica = await start_replica(upload_expires_s=0.01)
    ticket = (await replica.http.post("/v1/lectures/uploads")).json()

    async def expired() -> bool:
        return await replica.redis.keys("viva:upload:*") == []

    await until(expired)
    assert _code(await replica.http.put(ticket["url"], content=b"x")) == (404, "not_found")


async def test_uploads_never_used_are_swept(replica: Replica) -> None:
    """What was PUT and never made a lecture is deleted in the end."""
    ticket = (await replica.http.post("/v1/lectures/uploads")).json()
    await replica.http.put(ticket["url"], content=b"x")
    await replica.lectures.uploads.sweep()
    assert await replica.objects.exists(ticket["object_key"])
    await replica.redis.zadd("viva:uploads", {ticket["object_key"]: 1})
    await replica.lectures.uploads.sweep()
    assert not await replica.objects.exists(ticket["object_key"])
    assert await replica.redis.zcard("viva:uploads") == 0


def _flac(seconds: float) -> bytes:
    encoder = Encoder("flac", 16_000)
    return encoder.feed(bytes(round(seconds * 32_000))) + encoder.flush()


def _wrong_recordings() -> dict[str, tuple[bytes, int, str]]:
    wav = b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0\x01\0\x01\0\x80>\0\0\0}\0\0\x02\0\x10\0data\xf0\xff\xff\x7f"
    return {
        "nothing": (b"", 400, "audio_empty"),
        "text": (b"This is not a recording.\n" * 500, 400, "audio_undecodable"),
        "a playlist that fetches": (
            b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/x.ts\n",
            400,
            "audio_undecodable",
        ),
        "a WAV that says it is larger": (wav + bytes(3200), 400, "audio_truncated"),
        "ten minutes in a few bytes": (_flac(600), 413, "audio_too_long"),
    }


@pytest.mark.parametrize("wrong", list(_wrong_recordings()))
@pytest.mark.parametrize("way", ["form", "key"])
async def test_wrong_recordings_are_refused_and_not_kept(start_replica: Start, wrong: str, way: str) -> None:
    """Each gets its 4xx and code, on both ways of upload, and nothing of it is stored anywhere."""
    replica = await start_replica(lecture_max_s=60)
    recording, status, code = _wrong_recordings()[wrong]
    if way == "form":
        response = await _upload(replica, recording)
    else:
        ticket = (await replica.http.post("/v1/lectures/uploads")).json()
        await replica.http.put(ticket["url"], content=recording)
        response = await replica.http.post("/v1/lectures", json={"object_key": ticket["object_key"]})
    assert _code(response) == (status, code)
    assert await replica.objects.folders("") in ([], ["lectures"])
    assert await replica.objects.folders("lectures") == []
    assert (await replica.http.get("/v1/lectures")).json()["data"] == []
    assert await replica.redis.keys("viva:lecture:*") == []
    assert _sample(replica, "viva_lectures_total", "rejected") == 1


async def test_too_many_bytes_are_refused_while_they_arrive(start_replica: Start) -> None:
    """A body over the limit is not read to its end, whether it says its length or not, on any way."""
    replica = await start_replica(lecture_max_bytes=100_000)
    declared = await _upload(replica, bytes(300_000))
    assert _code(declared) == (413, "too_large")
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
        while taken < 10_000_000:
            taken += 10_000
            yield bytes(10_000)

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    response = await replica.http.post("/v1/lectures", content=endless(), headers=headers)
    assert _code(response) == (413, "too_large")
    ticket = (await replica.http.post("/v1/lectures/uploads")).json()
    assert _code(await replica.http.put(ticket["url"], content=endless())) == (413, "too_large")
    assert not await replica.objects.exists(ticket["object_key"])


@pytest.mark.parametrize(
    ("content", "content_type", "expected"),
    [
        (b"x", "audio/wav", (415, "unsupported_media")),
        (b"x", "", (415, "unsupported_media")),
        (b"{", "application/json", (400, "invalid_json")),
        (b"{}", "application/json", (400, "invalid_request")),
        (b'{"object_key": "lectures/lec_1/original"}', "application/json", (400, "invalid_request")),
        (b'{"object_key": "uploads/../lectures"}', "application/json", (400, "invalid_request")),
        (b'{"object_key": "uploads/lec_%s"}' % (b"0" * 32), "application/json", (404, "not_found")),
        (b"x", "multipart/form-data", (400, "invalid_form")),
        (b"x", "multipart/form-data; boundary=b", (400, "invalid_form")),
        (b"", "multipart/form-data; boundary=b", (400, "invalid_form")),
        (b"--b--\r\n", "multipart/form-data; boundary=b", (400, "invalid_request")),
    ],
)
async def test_wrong_requests_are_told_so(
    replica: Replica, content: bytes, content_type: str, expected: tuple[int, str]
) -> None:
    """Anything that is neither a form with a file nor JSON with a key of ours gets a 4xx with a code."""
    response = await replica.http.post("/v1/lectures", content=content, headers={"Content-Type": content_type})
    assert _code(response) == expected


async def test_a_full_disk_is_no_fault_of_the_client(
    replica: Replica, make_recording: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the recording finds no room, the answer is a retryable 503 and nothing is left."""

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("viva_orchestrator.lectures.spool.SpoolWriter._write_all", full)
    assert _code(await _upload(replica, make_recording(1))) == (503, "overloaded")


def _sample(replica: Replica, name: str, outcome: str) -> float | None:
    return replica.registry.get_sample_value(name, {"outcome": outcome})
