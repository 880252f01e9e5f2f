"""The object store behaves the same over a folder and over S3."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from obstore import exceptions

from viva.errors import EngineUnavailable, NotFound, StageUnavailable, VivaError
from viva_orchestrator.objects import PART_BYTES, ObjectStore

from .s3_server import empty_bucket


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """An empty store of each kind, in turn."""
    if request.param == "folder":
        return ObjectStore.open(str(tmp_path / "objects"))
    endpoint = request.getfixturevalue("s3_server")
    return ObjectStore.open(empty_bucket(endpoint, monkeypatch), s3_endpoint=endpoint)


async def test_reads_back_what_was_put(store: ObjectStore) -> None:
    """An object is read whole, by range and as a stream, and has its size."""
    await store.put("a/b", b"0123456789")
    assert await store.get("a/b") == b"0123456789"
    assert await store.get_range("a/b", 2, 5) == b"234"
    assert await store.get_range("a/b", 4, 4) == b""
    assert b"".join([block async for block in store.stream("a/b", 3)]) == b"3456789"
    assert b"".join([block async for block in store.stream("a/b", 3, 5)]) == b"34"
    assert await store.size("a/b") == 10


async def test_an_empty_object_is_an_object(store: ObjectStore) -> None:
    """An object without bytes can be read in every way."""
    await store.put("empty", b"")
    assert await store.get("empty") == b""
    assert [block async for block in store.stream("empty")] == []
    assert await store.size("empty") == 0


async def test_puts_a_file_of_many_parts(store: ObjectStore, tmp_path: Path) -> None:
    """A file longer than one part arrives whole."""
    source = tmp_path / "source"
    data = bytes(range(256)) * (PART_BYTES // 128)
    source.write_bytes(data)
    await store.put_file("big", source)
    assert await store.get("big") == data


async def test_absent_objects_are_not_found(store: ObjectStore) -> None:
    """Every read of an absent object raises NotFound, and deleting it is fine."""
    with pytest.raises(NotFound):
        await store.get("absent")
    with pytest.raises(NotFound):
        await store.get_range("absent", 0, 1)
    with pytest.raises(NotFound):
        await store.size("absent")
    with pytest.raises(NotFound):
        await store.copy("absent", "elsewhere")
    with pytest.raises(NotFound):
        [block async for block in store.stream("absent")]
    assert not await store.exists("absent")
    await store.delete("absent")
    await store.delete_prefix("absent")


async def test_deletes_a_prefix_and_nothing_beside_it(store: ObjectStore) -> None:
    """Deleting lectures/1 leaves lectures/12."""
    for key in ("lectures/1/a", "lectures/1/b/c", "lectures/12/a"):
        await store.put(key, b"x")
    assert await store.folders("lectures") == ["1", "12"]
    await store.delete_prefix("lectures/1")
    assert await store.folders("lectures") == ["12"]
    assert await store.exists("lectures/12/a")


async def test_copies_inside_the_store(store: ObjectStore) -> None:
    """A copy has the same bytes and the source stays."""
    await store.put("from", b"bytes")
    await store.copy("from", "to/here")
    assert await store.get("to/here") == await store.get("from") == b"bytes"


async def test_presigned_put_takes_an_upload(store: ObjectStore) -> None:
    """A bucket gives a URL that takes a PUT without credentials; a folder says that it has none."""
    url = await store.presigned_put("uploads/1", 60)
    if url is None:
        return
    async with httpx.AsyncClient() as client:
        (await client.put(url, content=b"recording")).raise_for_status()
    assert await store.get("uploads/1") == b"recording"


async def test_a_folder_has_no_presigned_url(tmp_path: Path) -> None:
    """A folder answers None, so that the orchestrator takes the upload itself."""
    assert await ObjectStore.open(str(tmp_path)).presigned_put("uploads/1", 60) is None


async def test_a_file_url_is_a_folder(tmp_path: Path) -> None:
    """file:// names a folder, blanks in its name and all."""
    store = ObjectStore.open((tmp_path / "two words").as_uri())
    await store.put("key", b"x")
    assert (tmp_path / "two words" / "key").read_bytes() == b"x"


@pytest.mark.parametrize("url", ["ftp://host/x", "s3://", "file:///dev/null/x"])
def test_a_wrong_url_is_a_sentence(url: str) -> None:
    """A store that cannot be opened stops the start with a sentence naming the variable."""
    with pytest.raises(EngineUnavailable, match="VIVA_OBJECT_STORE_URL"):
        ObjectStore.open(url)


async def test_a_store_that_is_gone_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listening at the endpoint is object_store_unavailable, and retryable."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    store = ObjectStore.open("s3://recordings", s3_endpoint="http://127.0.0.1:9")
    with pytest.raises(StageUnavailable) as caught:
        await store.get("a")
    assert caught.value.code == "object_store_unavailable"
    assert caught.value.retryable
    with pytest.raises(StageUnavailable):
        await store.check()


@pytest.mark.parametrize(
    "error",
    [error for error in vars(exceptions).values() if isinstance(error, type)] + [OSError, ValueError],
)
async def test_every_error_of_the_library_is_mapped(
    error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No exception class of obstore leaves this module as it is, a new one included."""

    async def fail(*args: object, **options: object) -> None:
        raise error("boom")

    monkeypatch.setattr("obstore.head_async", fail)
    with pytest.raises(VivaError):
        await ObjectStore.open(str(tmp_path)).size("a")
