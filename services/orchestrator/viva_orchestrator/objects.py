"""The object store: a folder on a laptop, a bucket in the cluster, one set of verbs for both.

Every error of the library underneath is turned here, once, into `NotFound` or `StageUnavailable("object_store")`.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store
from prometheus_client import CollectorRegistry, Histogram

from viva.errors import EngineUnavailable, NotFound, StageUnavailable

STAGE = "object_store"

# A multipart upload holds up to PART_BYTES * PARTS_AT_ONCE in memory. S3 takes no part under 5 MiB.
PART_BYTES = 5 * 1024 * 1024
PARTS_AT_ONCE = 3
STREAM_BYTES = 256 * 1024

# What a caller can wait for: obstore would otherwise retry for three minutes before saying that the store is gone.
RETRIES = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}


class ObjectStore:
    """Puts, gets, lists and deletes objects by key ("lectures/lec_1/audio.wav"); no key begins with a slash.

    Every method raises `StageUnavailable` when the store cannot be reached or refuses, and reads raise `NotFound` when
    there is no such object. Writes are atomic: an object is there whole or not at all.
    """

    def __init__(self, store: S3Store | LocalStore, *, registry: CollectorRegistry | None = None) -> None:
        self._store = store
        self._seconds = Histogram(
            "viva_object_store_seconds",
            "Time of one call to the object store.",
            ["operation", "outcome"],
            registry=registry,
            buckets=(0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 1, 5, 30),
        )

    @classmethod
    def open(
        cls, url: str, *, s3_endpoint: str | None = None, registry: CollectorRegistry | None = None
    ) -> ObjectStore:
        """Open a folder (a path or `file://`, made when absent) or a bucket (`s3://bucket/prefix`).

        Credentials and region of a bucket come from the usual `AWS_...` variables or the pod's role. `s3_endpoint` is
        the URL of an S3-compatible server. Raises `EngineUnavailable` with what to change when neither can be opened.
        """
        scheme = urlsplit(url).scheme
        try:
            if scheme in ("s3", "s3a"):
                return cls(_open_bucket(url, s3_endpoint), registry=registry)
            if scheme in ("", "file"):
                folder = Path(url2pathname(urlsplit(url).path) if scheme else url).expanduser().absolute()
                folder.mkdir(parents=True, exist_ok=True)
                return cls(LocalStore(folder, mkdir=True, automatic_cleanup=True), registry=registry)
        except (BaseError, ValueError, OSError) as error:
            raise EngineUnavailable(
                "The object store in VIVA_OBJECT_STORE_URL could not be opened. Check that the folder can be written, "
                "or that the bucket's name and VIVA_S3_ENDPOINT are right."
            ) from error
        raise EngineUnavailable(
            f"VIVA_OBJECT_STORE_URL has the unknown scheme {scheme!r}. Give a folder, file:///folder or s3://bucket/prefix."
        )

    async def put(self, key: str, data: bytes) -> None:
        """Write a small object in one piece."""
        with self._boundary("put"):
            await obstore.put_async(self._store, key, data, use_multipart=False)

    async def put_file(self, key: str, path: Path) -> None:
        """Write the file at `path`, part by part, in bounded memory."""
        with self._boundary("put"), path.open("rb") as source:
            await obstore.put_async(self._store, key, source, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE)

    async def get(self, key: str) -> bytes:
        """Read a small object whole."""
        with self._boundary("get"):
            return bytes(await (await obstore.get_async(self._store, key)).bytes_async())

    async def get_range(self, key: str, start: int, end: int) -> bytes:
        """Read the bytes [start, end), which must lie inside the object."""
        if end <= start:
            return b""
        with self._boundary("get_range"):
            return bytes(await obstore.get_range_async(self._store, key, start=start, end=end))

    async def stream(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield the bytes [start, end) in blocks of about STREAM_BYTES."""
        options = {"range": (start, end)} if end is not None else {"range": {"offset": start}} if start else None
        with self._boundary("get"):
            result = await obstore.get_async(self._store, key, options=options)
        with self._errors():
            async for block in result.stream(min_chunk_size=STREAM_BYTES):
                yield bytes(block)

    async def size(self, key: str) -> int:
        """The length of an object in bytes."""
        with self._boundary("head"):
            return (await obstore.head_async(self._store, key))["size"]

    async def exists(self, key: str) -> bool:
        """Whether there is an object under `key`."""
        try:
            await self.size(key)
        except NotFound:
            return False
        return True

    async def copy(self, source: str, target: str) -> None:
        """Copy an object inside the store, without the bytes passing through here."""
        with self._boundary("copy"):
            await obstore.copy_async(self._store, source, target)

    async def delete(self, key: str) -> None:
        """Delete one object; that there is none is fine."""
        with self._boundary("delete"), suppress(FileNotFoundError):
            await obstore.delete_async(self._store, key)

    async def delete_prefix(self, prefix: str, *, last: str | None = None) -> None:
        """Delete every object under `prefix` (a folder such as "lectures/lec_1"), the key `last` after all others."""
        with self._boundary("list"):
            keys = [meta["path"] async for chunk in obstore.list(self._store, prefix) for meta in chunk]
        for key in sorted(keys, key=lambda key: key == last):
            await self.delete(key)

    async def folders(self, prefix: str) -> list[str]:
        """The names of the folders right under `prefix`, sorted."""
        with self._boundary("list"):
            found = await obstore.list_with_delimiter_async(self._store, prefix)
        return sorted(path.rstrip("/").rsplit("/", 1)[-1] for path in found["common_prefixes"])

    async def presigned_put(self, key: str, expires_in_s: float) -> str | None:
        """A URL that anyone may PUT this object to until it expires, or None where the store is a folder."""
        if not isinstance(self._store, S3Store):
            return None
        with self._boundary("sign"):
            return await obstore.sign_async(self._store, "PUT", key, timedelta(seconds=expires_in_s))

    async def presigned_get(self, key: str, expires_in_s: float) -> str | None:
        """A URL at which anyone may GET this object until it expires, or None where the store is a folder."""
        if not isinstance(self._store, S3Store):
            return None
        with self._boundary("sign"):
            return await obstore.sign_async(self._store, "GET", key, timedelta(seconds=expires_in_s))

    async def check(self) -> None:
        """Raise `StageUnavailable` unless the store answers."""
        with self._boundary("check"):
            await obstore.list_with_delimiter_async(self._store, "viva-check")

    @contextmanager
    def _boundary(self, operation: str) -> Iterator[None]:
        started = time.perf_counter()
        outcome = "error"
        try:
            with self._errors():
                yield
            outcome = "ok"
        except NotFound:
            outcome = "not_found"
            raise
        finally:
            self._seconds.labels(operation, outcome).observe(time.perf_counter() - started)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise NotFound("There is no such object.") from error
        except (BaseError, OSError, ValueError) as error:
            # obstore raises ValueError too, for instance for a range outside the object.
            raise StageUnavailable(STAGE, "The object store did not answer as it should.") from error


def _open_bucket(url: str, endpoint: str | None) -> S3Store:
    options = {"timeout": "60s", "connect_timeout": "3s"}
    if endpoint is None:
        return S3Store.from_url(url, client_options=options, retry_config=RETRIES)
    options["allow_http"] = endpoint.startswith("http://")
    return S3Store.from_url(url, endpoint=endpoint, client_options=options, retry_config=RETRIES)
