"""`viva upload`."""

import hashlib
import shlex
from pathlib import Path

import typer
from rich.console import Console

from viva.cli.console import at, err, out, printable
from viva.cli.progress import say_if_silent, show_transcription
from viva.client import Lecture, ServerUnreachable, VivaClient
from viva.errors import InvalidRequest, VivaError
from viva.passages import clock

_INTERRUPTED = 130  # as shells have it: 128 and the number of SIGINT


def upload_file(url: str, file: Path, title: str | None, *, again: bool) -> None:
    """Uploads and waits; the id goes to stdout, the progress to stderr. With `again` also what is known."""
    with VivaClient(url) as client:
        lecture = upload_and_wait(client, file, title=title or file.stem, console=err(), again=again)
    out().print(lecture.lecture_id)


def upload_and_wait(client: VivaClient, file: Path, *, title: str, console: Console, again: bool = False) -> Lecture:
    """The ready lecture of a recording: one that the server has, or with `again` in any case a new one."""
    if file.stat().st_size == 0:
        raise InvalidRequest(f"{file} is empty: there is nothing to upload.", code="audio_empty")
    if again:
        return _upload(client, file, None, title=title, console=console)
    with console.status(f"  looking whether {file.name} is known"):
        sha256 = _sha256(file)
        known = _known(client, sha256)
    if known is None:
        return _upload(client, file, sha256, title=title, console=console)
    called = f' "{printable(known.title)}"' if known.title else ""
    console.print(
        f"  {file.name} is known as lecture {known.lecture_id}{called}; "
        f"`viva upload --again {shlex.quote(str(file))}{at(client.url)}` transcribes it anew"
    )
    if not known.is_ready:
        return follow(client, known.lecture_id, console)
    say_if_silent(known, console)
    return known


def _upload(client: VivaClient, file: Path, key: str | None, *, title: str, console: Console) -> Lecture:
    with console.status(f"  uploading {file.name}"):
        lecture = client.upload(file, title=title, key=key)
    console.print(f"  uploaded {clock(lecture.duration_s)} of sound as lecture {lecture.lecture_id}")
    return follow(client, lecture.lecture_id, console)


def _known(client: VivaClient, sha256: str) -> Lecture | None:
    """The newest lecture made of this recording, unless its transcription failed."""
    for lecture in client.lectures(sha256=sha256):
        # A server that does not know the question lists other lectures, too.
        if lecture.sha256 == sha256 and lecture.status != "failed":
            return lecture
    return None


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


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
