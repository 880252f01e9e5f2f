"""How a recording becomes a lecture: looked at in a child process first, and stored only if it can be read."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from viva.audio import AudioLimits
from viva.errors import InvalidRequest, NotFound, VivaError
from viva_orchestrator.lectures.archive import key_of
from viva_orchestrator.lectures.model import Lecture, clean_title, new_lecture_id
from viva_orchestrator.lectures.spool import temporary_folder
from viva_orchestrator.lectures.transcription import Tools
from viva_orchestrator.lectures.upload_keys import UploadKeys
from viva_orchestrator.lectures.uploads import FOLDER, Uploads


class Intake:
    """Adds lectures. `find` gives the record of a lecture, `wake` tells the workers that there is one more.

    Methods raise `AudioRejected` or `AudioTooLong`, and store nothing, for what is not a recording we can read.
    """

    def __init__(
        self,
        tools: Tools,
        uploads: Uploads,
        keys: UploadKeys,
        *,
        find: Callable[[str], Awaitable[Lecture]],
        wake: Callable[[], None],
    ) -> None:
        self._tools = tools
        self._uploads = uploads
        self._keys = keys
        self._find = find
        self._wake = wake

    async def add(self, path: Path, *, title: str | None = None) -> Lecture:
        """Make a lecture of the recording at `path` and queue it."""
        lecture = await self._look_at(path, new_lecture_id(), title)
        try:
            await self._tools.objects.put_file(key_of(lecture.lecture_id, "original"), path)
            await self._enter(lecture)
        except BaseException:
            await asyncio.shield(self._undo(lecture.lecture_id))
            raise
        return lecture

    async def add_once(self, path: Path, key: str, *, title: str | None = None) -> Lecture:
        """As `add`; with the same key and recording again, on any replica, it is the same lecture unless that failed.

        Raises `Conflict` when the key was used for another recording.
        """
        sha256 = await _sha256(path)
        lecture_id = await self._keys.claim(key, sha256)
        there = await self._there(lecture_id)
        if there is not None and there.status != "failed":
            return there
        if there is not None or await self._tools.records.is_buried(lecture_id):
            lecture_id = await self._keys.renew(key, sha256, lecture_id)
        lecture = await self._look_at(path, lecture_id, title, sha256=sha256)
        # Nothing is undone if this fails: another replica may have finished the same, and the client asks again.
        await self._tools.objects.put_file(key_of(lecture_id, "original"), path)
        await self._enter(lecture)
        if await self._tools.records.is_buried(lecture_id):  # finished by another replica and deleted, meanwhile
            await self._tools.archive.delete(lecture_id)
        return await self._find(lecture_id)

    async def _there(self, lecture_id: str) -> Lecture | None:
        try:
            return await self._find(lecture_id)
        except NotFound:
            return None

    async def add_uploaded(self, object_key: str, *, title: str | None = None) -> Lecture:
        """Make a lecture of what was PUT to a ticket's URL; asked again, it is the same lecture.

        The lecture has the id that is in the key, so that a client that lost the answer can simply ask again.
        """
        lecture_id = object_key.removeprefix(FOLDER)
        try:
            await self._uploads.size(object_key)
        except NotFound as absent:
            try:
                return await self._find(lecture_id)
            except NotFound:
                raise absent from None
        lecture = await self._look_at_uploaded(object_key, lecture_id, title)
        await self._tools.objects.copy(object_key, key_of(lecture_id, "original"))
        await self._enter(lecture)
        await self._uploads.discard(object_key)
        return await self._find(lecture_id)

    async def _look_at_uploaded(self, object_key: str, lecture_id: str, title: str | None) -> Lecture:
        async with temporary_folder(self._tools.settings.temp_dir) as folder:
            try:
                await self._uploads.fetch(object_key, folder / "upload")
                return await self._look_at(folder / "upload", lecture_id, title)
            except InvalidRequest:
                await self._uploads.discard(object_key)
                raise

    async def _look_at(self, path: Path, lecture_id: str, title: str | None, *, sha256: str | None = None) -> Lecture:
        """The lecture that the recording at `path` would be; nothing is stored."""
        limits = AudioLimits(max_duration_s=self._tools.settings.lecture_max_s)
        try:
            duration_s = (await self._tools.decoder.inspect(path, limits)).duration_s
        except InvalidRequest:
            self._tools.metrics.lectures.labels("rejected").inc()
            raise
        sha256 = sha256 or await _sha256(path)
        return Lecture(lecture_id, clean_title(title), time.time(), duration_s, sha256=sha256)

    async def _enter(self, lecture: Lecture) -> None:
        await self._tools.archive.write_lecture(lecture)
        if await self._tools.records.create(lecture):
            self._tools.metrics.lectures.labels("uploaded").inc()
        self._wake()

    async def _undo(self, lecture_id: str) -> None:
        # Without lecture.json, what is left where even this fails is no lecture; nobody was told its id.
        with contextlib.suppress(VivaError):
            await self._tools.archive.delete(lecture_id)
        with contextlib.suppress(VivaError):
            await self._tools.records.bury(lecture_id)


async def _sha256(path: Path) -> str:
    """The hash of a file in hexadecimal, made off the event loop."""

    def digest() -> str:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    return await asyncio.to_thread(digest)
