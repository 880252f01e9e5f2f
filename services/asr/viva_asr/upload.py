"""Takes a multipart upload apart, keeping a large recording on disk and its size within the limit."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from viva.audio.recording import Recording
from viva.errors import AudioRejected, InvalidRequest, UnsupportedMedia
from viva.service.body import limited
from viva_asr.form import TranscriptionForm, parse_form

_MAX_FIELDS = 32
_MAX_FIELD_BYTES = 64 * 1024
_OVERHEAD_BYTES = 256 * 1024
"""What the fields and boundaries may add to the file."""
_IN_MEMORY_BYTES = 2 * 1024**2
"""A minute of 16 kHz mono fits; what is larger lies on disk."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A checked form and the recording: a short one itself, a long one as a file until the context ends."""

    form: TranscriptionForm
    recording: Recording


@asynccontextmanager
async def uploaded(request: Request, max_bytes: int) -> AsyncIterator[Upload]:
    """Receive the upload. Raises TooLarge, UnsupportedMedia, InvalidRequest, or AudioRejected for an empty file."""
    data = await _parse(request, max_bytes)
    try:
        form = parse_form([(key, value) for key, value in data.multi_items() if isinstance(value, str)])
        file = data.get("file")
        if not isinstance(file, UploadFile):
            raise InvalidRequest("There is no file; send the recording as the form field `file`.", param="file")
        if not file.size:
            raise AudioRejected("The file is empty.", code="audio_empty", param="file")
        if file.size <= _IN_MEMORY_BYTES:
            recording = await file.read()
            await data.close()
            yield Upload(form, recording)
            return
        # The name that the client gave it is not used for anything.
        with tempfile.NamedTemporaryFile(prefix="viva-asr-") as copy:
            await asyncio.to_thread(_copy, file, copy)
            await data.close()
            yield Upload(form, Path(copy.name))
    finally:
        await data.close()


def _copy(file: UploadFile, copy: "tempfile._TemporaryFileWrapper[bytes]") -> None:
    shutil.copyfileobj(file.file, copy, 1 << 20)
    copy.flush()


async def _parse(request: Request, max_bytes: int) -> FormData:
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise UnsupportedMedia("Send the recording as multipart/form-data, in a field called `file`.")
    parser = MultiPartParser(
        request.headers,
        limited(request, max_bytes + _OVERHEAD_BYTES, what="The upload", param="file").stream(),
        max_files=1,
        max_fields=_MAX_FIELDS,
        max_part_size=_MAX_FIELD_BYTES,
    )
    parser.spool_max_size = _IN_MEMORY_BYTES
    try:
        return await parser.parse()
    except MultiPartException as error:
        raise InvalidRequest("The multipart form is broken, or has too many or too large fields.") from error
