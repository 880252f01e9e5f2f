"""The progress of a lecture's transcription: a bar on a terminal, one line of percentages elsewhere."""

import time
from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from viva.cli.console import printable
from viva.client import Lecture
from viva.errors import VivaError
from viva.passages import clock

_STEP = 0.25


class LectureFailed(VivaError):
    """The lecture could not be transcribed."""

    default_code = "lecture_failed"


def show_transcription(lectures: Iterable[Lecture], console: Console) -> Lecture:
    """Prints the progress to its end and returns the ready lecture. Raises LectureFailed."""
    started = time.monotonic()
    last = _on_terminal(lectures, console) if console.is_terminal else _on_paper(lectures, console)
    if last is None or last.status != "ready":
        reason = printable(last.error) if last and last.error else "the server did not say why"
        raise LectureFailed(f"The lecture could not be transcribed: {reason}", code=last and last.error_code)
    took_s = time.monotonic() - started
    speed = f", {last.duration_s / took_s:.0f} times as fast as it was spoken" if took_s > 0.5 else ""
    console.print(f"  transcribed {clock(last.duration_s)} in {took_s:.1f} s{speed}")
    say_if_silent(last, console)
    return last


def say_if_silent(lecture: Lecture, console: Console) -> None:
    """Prints a sentence about a ready lecture in which not a word was heard."""
    if lecture.has_speech is False:
        console.print("  Not a word was heard in this recording, so there is nothing to answer questions from.")


def _on_terminal(lectures: Iterable[Lecture], console: Console) -> Lecture | None:
    last = None
    columns = (TextColumn("  transcribing"), BarColumn(40), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        bar = bars.add_task("", total=1.0)
        for last in lectures:
            bars.update(bar, completed=last.progress)
    return last


def _on_paper(lectures: Iterable[Lecture], console: Console) -> Lecture | None:
    last, shown = None, 0.0
    console.print("  transcribing", end="")
    try:
        for last in lectures:
            while last.progress >= shown + _STEP:
                shown += _STEP
                console.print(f" {shown:.0%}", end="")
    finally:  # also before the sentence that says why it is not followed to its end
        console.print()
    return last
