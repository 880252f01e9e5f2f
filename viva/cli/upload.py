"""`viva upload`."""

from pathlib import Path

import typer
from rich.console import Console

from viva.cli.console import at, err, out
from viva.cli.progress import show_transcription
from viva.client import Lecture, ServerUnreachable, VivaClient
from viva.errors import InvalidRequest, VivaError
from viva.passages import clock

_INTERRUPTED = 130  # as shells have it: 128 and the number of SIGINT


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
    return follow(client, lecture.lecture_id, console)


def follow(client: VivaClient, lecture_id: str, console: Console) -> Lecture:
    """Shows the progress of a transcription and returns the ready lecture.

    Raises ServerUnreachable when the server goes away meanwhile, and Exit at Ctrl-C; the sentence says that the
    transcription goes on, and how to look at it.
    """
    look = f"`viva lectures{at(client.url)}` shows how far it is."
    try:
        return show_transcription(client.follow(lecture_id), console)
    except KeyboardInterrupt:
        console.print(f"  The transcription of {lecture_id} goes on at the server; {look}")
        raise typer.Exit(_INTERRUPTED) from None
    except VivaError as error:
        if not isinstance(error, ServerUnreachable) and error.code != "shutting_down":
            raise
        raise ServerUnreachable(
            f"The server at {client.url} went away before the lecture was transcribed. It goes on with "
            f"{lecture_id} when it runs again; {look}"
        ) from error
