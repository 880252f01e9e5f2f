"""`viva lectures`: what the server has; `viva delete`: what it is to have no more."""

import json
import sys
from dataclasses import asdict
from datetime import datetime

from rich.text import Text

from viva.cli.console import at, err, out, printable
from viva.client import Lecture, VivaClient
from viva.passages import clock

_TITLE_WIDTH = 40


def list_lectures(url: str, *, as_json: bool) -> None:
    """Prints a line per lecture, newest first: id, length, status, when, title; or each as a JSON object."""
    with VivaClient(url) as client:
        if as_json:
            for lecture in client.lectures():
                sys.stdout.write(json.dumps(_facts(lecture), ensure_ascii=False) + "\n")
            return
        found = list(client.lectures())
    if not found:
        err().print(f"There is no lecture yet. `viva upload FILE{at(client.url)}` brings one.")
    width = max((len(status_of(lecture)) for lecture in found), default=0)
    for lecture in found:
        out().print(_line(lecture, width))


def delete_lectures(url: str, lecture_ids: list[str]) -> None:
    """Deletes them one after another and says so of each. Raises NotFound at the first that is not there."""
    with VivaClient(url) as client:
        for lecture_id in lecture_ids:
            client.delete_lecture(lecture_id)
            err().print(Text(f"Deleted {printable(lecture_id)}"))


def _facts(lecture: Lecture) -> dict:
    facts = asdict(lecture)
    del facts["segments"]  # the list does not have them
    return facts


def _line(lecture: Lecture, status_width: int) -> Text:
    line = Text(lecture.lecture_id, style="cyan")
    line.append(f"  {clock(lecture.duration_s):>6}  {status_of(lecture):<{status_width}}  ")
    line.append(f"{_when(lecture.created_at):<16}  ", style="dim")
    return line.append(printable(lecture.title or "")[:_TITLE_WIDTH].rstrip())


def status_of(lecture: Lecture) -> str:
    """The status for people: how far a transcription is, and what a ready lecture lacks."""
    if lecture.status == "transcribing":
        return f"transcribing {lecture.progress:.0%}"
    if lecture.is_ready and lecture.has_speech is False:
        return "ready, no speech"
    return printable(lecture.status)


def _when(created_at: float | None) -> str:
    """The day and time of this machine's zone."""
    return datetime.fromtimestamp(created_at).strftime("%Y-%m-%d %H:%M") if created_at else ""
