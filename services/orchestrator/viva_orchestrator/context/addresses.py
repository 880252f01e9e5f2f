"""Where a model server finds a recording: an address that we made ourselves, never one that somebody gave us."""

from __future__ import annotations

import time
from collections import OrderedDict

from viva.errors import VivaError
from viva_orchestrator.context.settings import PLACEHOLDER, PRESIGNED
from viva_orchestrator.lectures.archive import key_of
from viva_orchestrator.lectures.model import is_lecture_id
from viva_orchestrator.objects import ObjectStore

EXPIRES_S = 3600.0
# The same address for a while, so that a prompt is the same from turn to turn; what is left is time to fetch it.
REUSED_S = EXPIRES_S / 2
KEPT = 1024


class RecordingAddresses:
    """Makes addresses as the setting says: from a pattern with the lecture's id, presigned in the bucket, or none."""

    def __init__(self, setting: str, objects: ObjectStore) -> None:
        self._setting = setting
        self._objects = objects
        self._signed: OrderedDict[str, tuple[str, float]] = OrderedDict()

    async def of(self, lecture_id: str) -> str | None:
        """The address of a lecture's recording, None where models are not to hear."""
        if not self._setting or not is_lecture_id(lecture_id):
            return None
        if self._setting != PRESIGNED:
            return self._setting.replace(PLACEHOLDER, lecture_id)
        url, made_at = self._signed.get(lecture_id, ("", 0.0))
        if url and time.monotonic() - made_at < REUSED_S:
            return url
        try:
            fresh = await self._objects.presigned_get(key_of(lecture_id, "audio.wav"), EXPIRES_S)
        except VivaError:
            return None  # the transcript does as well
        if fresh is not None:
            self._signed[lecture_id] = fresh, time.monotonic()
            while len(self._signed) > KEPT:
                self._signed.popitem(last=False)
        return fresh
