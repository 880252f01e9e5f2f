"""How a recording becomes a lecture: looked at in a child process first, and stored only if it can be read."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from viva.audio import AudioLimits
from viva.errors import InvalidRequest, NotFound, VivaError
from viva_orchestrator.lectures.archive import key_of
from viva_orchestrator.lectures.model import Lecture, clean_title, new_lecture_id
from viva_orchestrator.lectures.spool import temporary_folder
from viva_orchestrator.lectures.transcription import Tools
from viva_orchestrator.lectures.uploads import FOLDER, Uploads


class Intake:
    """Adds lectures. `find` gives the record of a lecture, `wake` tells the workers that there is one more.

    Methods raise `AudioRejected` or `AudioTooLong`, and store nothing, for what is not a recording we can read.
    """

    def __init__(
        self,
        tools: Tools,
        uploads: Uploads,
        *,
        find: Callable[[str], Awaitable[Lecture]],
        wake: Callable[[], None],
    ) -> None:
        self._tools = tools
        self._uploads = uploads
        self._find = find
        self._wake = wake

    async def add(self, path: Path, *, title: str | None = None) -> Lecture:
        """Make a lecture of the recording at `path` and queue it."""
        duration_s = await self._inspect(path)
        lecture = Lecture(new_lecture_id(), clean_title(title), time.time(), duration_s)
        try:
            await self._tools.objects.put_file(key_of(lecture.lecture_id, "original"), path)
            await self._enter(lecture)
        except BaseException:
            await asyncio.shield(self._undo(lecture.lecture_id))
            raise
        return lecture

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
        duration_s = await self._inspect_uploaded(object_key)
        lecture = Lecture(lecture_id, clean_title(title), time.time(), duration_s)
        await self._tools.objects.copy(object_key, key_of(lecture_id, "original"))
        await self._enter(lecture)
        await self._uploads.discard(object_key)
        return await self._find(lecture_id)

    async def _inspect_uploaded(self, object_key: str) -> float:
        async with temporary_folder(self._tools.settings.temp_dir) as folder:
            try:
                await self._uploads.fetch(object_key, folder / "upload")
                return await self._inspect(folder / "upload")
            except InvalidRequest:
                await self._uploads.discard(object_key)
                raise

    async def _inspect(self, path: Path) -> float:
        limits = AudioLimits(max_duration_s=self._tools.settings.lecture_max_s)
        try:
            return (await self._tools.decoder.inspect(path, limits)).duration_s
        except InvalidRequest:
            self._tools.metrics.lectures.labels("rejected").inc()
            raise

    async def _enter(self, lecture: Lecture) -> None:
        await self._tools.archive.write_lecture(lecture)
        await self._tools.records.create(lecture)
        self._tools.metrics.lectures.labels("uploaded").inc()
        self._wake()

    async def _undo(self, lecture_id: str) -> None:
        # Without lecture.json, what is left where even this fails is no lecture; nobody was told its id.
        with contextlib.suppress(VivaError):
            await self._tools.archive.delete(lecture_id)
        with contextlib.suppress(VivaError):
            await self._tools.records.bury(lecture_id)
