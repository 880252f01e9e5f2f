"""`viva demo`: the whole way of two spoken questions, on a stack of its own that is gone afterwards."""

import contextlib
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.text import Text

from viva.cli.console import err, out
from viva.cli.samples import TITLE, Samples, render_samples
from viva.cli.startup import refuse_unknown_variables, start_with_lines
from viva.cli.turn import TurnView
from viva.cli.upload import upload_and_wait
from viva.client import VivaClient
from viva.errors import VivaError
from viva.passages import clock
from viva.stack.folder import only_one
from viva.stack.plan import Place, plan
from viva.stack.ports import free_ports
from viva.stack.signals import Stopped, stop_signals_raise
from viva.stack.stack import PartFailed, Stack, why_it_ended

# The demo keeps its lecture to itself, whatever a running Viva of the user's is told to use.
_NOT_FOR_THE_DEMO = ("VIVA_REDIS_URL", "VIVA_OBJECT_STORE_URL")


def run_demo(data_dir: Path) -> int:
    """Runs the demo and returns the exit status. Raises VivaError when a part of it fails."""
    refuse_unknown_variables()
    started = time.monotonic()
    console = out()
    try:
        with stop_signals_raise(), only_one(data_dir / "demo") as lock:
            answers = _demo(data_dir / "demo", lock, console)
    except Stopped as stop:
        with contextlib.suppress(OSError):
            console.print("\nStopped.")
        return 128 + stop.number
    console.print(_heading(f"Done in {time.monotonic() - started:.0f} s; nothing is left running"))
    console.print(f"  The spoken answers: {', '.join(str(path) for path in answers)}")
    console.print("  Ask your own questions: make run")
    return 0


def _demo(folder: Path, lock: int, console: Console) -> list[Path]:
    console.print(_heading("Starting Viva on this machine"))
    began = time.monotonic()
    samples = render_samples(folder / "samples")
    line = Text("  ✓ ", style="green") + Text(f"{'samples':<13}", style="cyan")
    line.append(f"{time.monotonic() - began:4.1f} s  ", style="dim")
    console.print(line + Text(f"a lecture of {clock(samples.lecture_s)} and {len(samples.questions)} questions"))

    shutil.rmtree(folder / "data", ignore_errors=True)  # of the last demo
    place = Place(folder, free_ports(1)[0])
    with Stack(plan(place, _own_environment(os.environ)), place.logs, held=[lock]) as stack:
        try:
            start_with_lines(stack, console)
            with VivaClient(place.url) as client:
                return _ask_all(client, samples, folder / "answers", console)
        except PartFailed:
            raise  # it has the end of the log already
        except VivaError:
            for part in stack.died():
                err().print(Text(f"{part.name} {part.how_it_ended()}.{why_it_ended(part)}", style="dim"))
            err().print(f"The logs are in {place.logs}{os.sep}")
            raise


def _ask_all(client: VivaClient, samples: Samples, answers: Path, console: Console) -> list[Path]:
    console.print(_heading(f'The lecture: "{TITLE}"'))
    lecture = upload_and_wait(client, samples.lecture, title=TITLE, console=console)
    session = client.open_session(lecture.lecture_id)
    saved = []
    for number, (audio, asked) in enumerate(zip(samples.questions, samples.asked, strict=True), start=1):
        console.print(_heading(f"Question {number}, spoken: {asked}"))
        view = TurnView(console)
        view.show(client.ask(session, lecture.lecture_id, audio, audio_format="mp3"))
        if view.recording:
            saved.append(view.recording.save(answers / f"answer-{number}.mp3"))
    return saved


def _own_environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name not in _NOT_FOR_THE_DEMO}


def _heading(text: str) -> Text:
    return Text(f"\n{text}", style="bold")
