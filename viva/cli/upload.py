"""`viva upload`."""

from pathlib import Path

from rich.console import Console

from viva.cli.console import err, out
from viva.cli.progress import show_transcription
from viva.client import Lecture, VivaClient
from viva.errors import InvalidRequest
from viva.passages import clock


def upload_file(url: str, file: Path, title: str | None) -> None:
    """Uploads and waits; the id goes to stdout, the progress to stderr."""
    with VivaClient(url) as client:
        lecture = upload_and_wait(client, file, title=title, console=err())
    out().print(lecture.lecture_id)


def upload_and_wait(client: VivaClient, file: Path, *, title: str | None, console: Console) -> Lecture:
    """Uploads `file` with a progress bar and returns the ready lecture."""
    if file.stat().st_size == 0:
        raise InvalidRequest(f"{file} is empty: there is nothing to upload.", code="audio_empty")
    with console.status(f"  uploading {file.name}"):
        lecture = client.upload(file, title=title)
    console.print(f"  uploaded {clock(lecture.duration_s)} of sound as lecture {lecture.lecture_id}")
    return show_transcription(client.follow(lecture.lecture_id), console)
