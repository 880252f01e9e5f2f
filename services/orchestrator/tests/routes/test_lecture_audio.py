"""The recording can be played whole, by the second and by ranges of bytes."""

from __future__ import annotations

import io
import wave
from collections.abc import Awaitable, Callable

import pytest

from ..recogniser_server import RecogniserServer
from ..replica import Replica

SECONDS = 4
WHOLE = 44 + SECONDS * 32_000


@pytest.fixture
async def url(replica: Replica, make_recording: Callable[[float], bytes], until: Callable[..., Awaitable[None]]) -> str:
    """The address of the audio of a lecture that has been decoded."""
    answer = await replica.http.post("/v1/lectures", files={"file": make_recording(SECONDS)})
    lecture_id = answer.json()["lecture_id"]

    async def decoded() -> bool:
        return await replica.objects.exists(f"lectures/{lecture_id}/audio.wav")

    await until(decoded)
    return f"/v1/lectures/{lecture_id}/audio"


async def test_plays_the_whole_recording(replica: Replica, url: str, make_recording: Callable) -> None:
    """Without a slice it is the recording, sample by sample, with headers that let players seek."""
    response = await replica.http.get(url)
    assert response.status_code == 200
    assert response.headers["content-type"] == "audio/wav"
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["content-length"] == str(WHOLE)
    assert response.content == make_recording(SECONDS)


async def test_a_slice_is_a_file_of_its_own(replica: Replica, url: str, make_recording: Callable) -> None:
    """A slice has its own header and exactly its samples; an end beyond the end is the end."""
    response = await replica.http.get(url, params={"start": 1.5, "end": 99})
    with wave.open(io.BytesIO(response.content)) as audio:
        assert (audio.getframerate(), audio.getnchannels(), audio.getnframes()) == (16_000, 1, 40_000)
        assert audio.readframes(40_000) == make_recording(SECONDS)[44 + 48_000 :]


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-43", 0, 44),
        ("bytes=40-99", 40, 100),
        ("bytes=44-", 44, None),
        ("bytes=100-199", 100, 200),
        ("bytes=-10", -10, None),
        ("bytes=31990-999999999999", 31990, None),
        ("Bytes = 5 - 6", 5, 7),
    ],
)
@pytest.mark.parametrize("params", [{}, {"start": 1, "end": 2}])
async def test_ranges_are_parts_of_the_file(
    replica: Replica, url: str, asked: str, start: int, end: int | None, params: dict
) -> None:
    """206 gives exactly the bytes asked for, of the slice as of the whole, and says which."""
    whole = (await replica.http.get(url, params=params)).content
    response = await replica.http.get(url, params=params, headers={"Range": asked})
    assert response.status_code == 206
    assert response.content == whole[start:end]
    first = start % len(whole)
    assert response.headers["content-range"] == f"bytes {first}-{first + len(response.content) - 1}/{len(whole)}"


@pytest.mark.parametrize("asked", [f"bytes={WHOLE}-", "bytes=999999999-", "bytes=-0"])
async def test_ranges_outside_are_refused(replica: Replica, url: str, asked: str) -> None:
    """416 says how long the file is."""
    response = await replica.http.get(url, headers={"Range": asked})
    assert (response.status_code, response.headers["content-range"]) == (416, f"bytes */{WHOLE}")
    assert response.json()["error"]["code"] == "range_not_satisfiable"


@pytest.mark.parametrize("asked", ["bytes=", "bytes=-", "bytes=5-2", "bytes=0-1,5-6", "seconds=1-2", "bytes=a-b"])
async def test_other_range_headers_are_ignored(replica: Replica, url: str, asked: str) -> None:
    """What is no single range of bytes gets the whole file, as HTTP allows."""
    response = await replica.http.get(url, headers={"Range": asked})
    assert (response.status_code, len(response.content)) == (200, WHOLE)


async def test_head_says_the_same_without_the_audio(replica: Replica, url: str) -> None:
    """HEAD has GET's headers, takes no range, and no body."""
    response = await replica.http.head(url, headers={"Range": "bytes=0-0"})
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == str(WHOLE)
    assert response.headers["content-type"] == "audio/wav"


async def test_tags_tell_files_apart(replica: Replica, url: str) -> None:
    """A player that has the file is told so; a range of another file is not mixed into this one."""
    tag = (await replica.http.get(url)).headers["etag"]
    assert (await replica.http.get(url, headers={"If-None-Match": tag})).status_code == 304
    assert (await replica.http.get(url, params={"start": 1})).headers["etag"] != tag
    ranged = {"Range": "bytes=0-9"}
    assert (await replica.http.get(url, headers=ranged | {"If-Range": tag})).status_code == 206
    assert (await replica.http.get(url, headers=ranged | {"If-Range": '"other"'})).status_code == 200


@pytest.mark.parametrize(
    "params",
    [
        {"start": 2, "end": 1},
        {"start": 1, "end": 1},
        {"start": SECONDS},
        {"start": -1},
        {"start": "nan"},
        {"end": "inf"},
        {"start": 1e300},
        {"end": 0},
        {"start": "x"},
    ],
)
async def test_wrong_slices_are_refused(replica: Replica, url: str, params: dict) -> None:
    """A slice with nothing in it, or of no numbers, is a 400."""
    response = await replica.http.get(url, params=params)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_request")


async def test_says_when_it_is_not_decoded_yet(
    start_replica: Callable[..., Awaitable[Replica]], recogniser: RecogniserServer, make_recording: Callable
) -> None:
    """Between the upload and the decoding there is nothing to play: 409, with a code of its own."""
    replica = await start_replica(transcribe_workers=0)
    answer = await replica.http.post("/v1/lectures", files={"file": make_recording(1)})
    response = await replica.http.get(f"/v1/lectures/{answer.json()['lecture_id']}/audio")
    assert (response.status_code, response.json()["error"]["code"]) == (409, "lecture_not_ready")
