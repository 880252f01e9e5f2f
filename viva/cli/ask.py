"""`viva ask`: one question about one lecture."""

import sys
from collections.abc import Iterator
from pathlib import Path

from viva.cli.console import at, err, out
from viva.cli.recording import Recording, format_of, require_writable
from viva.cli.samples import TITLE, render_samples
from viva.cli.turn import TurnView
from viva.cli.upload import upload_and_wait
from viva.client import VivaClient
from viva.errors import InvalidRequest, NotFound
from viva.events import Audio, Error, Event, decode

SAMPLE = "sample"


def ask_question(
    url: str,
    lecture: str,
    question: str | Path,
    *,
    samples: Path,
    session: str | None,
    save: Path | None,
    as_json: bool,
) -> int:
    """Asks, prints the answer and returns the exit status; with `as_json` stdout gets the turn's events alone.

    `samples` is the folder that the sample lecture is rendered into when it is meant and the server has it not.
    """
    if isinstance(question, Path) and question.stat().st_size == 0:
        raise InvalidRequest(f"{question} is empty: there is no question in it.", code="audio_empty")
    audio_format = format_of(save) if save else None
    if save:
        require_writable(save)  # before the question is asked: the answer would be lost
    with VivaClient(url) as client:
        lecture_id = lecture_id_of(client, lecture, samples)
        if as_json:
            lines = client.ask_raw(session, lecture_id, question, audio_format=audio_format)
            return _print_lines(lines, save)
        view = TurnView(out(), heard="Heard" if isinstance(question, Path) else "Asked")
        done = view.show(client.ask(session, lecture_id, question, audio_format=audio_format))
    if save:
        _save(view.recording, save)
    err().print(f"  To go on: --lecture {lecture_id} --session {done.session_id}{at(url)}")
    return 0


def lecture_id_of(client: VivaClient, lecture: str, samples: Path) -> str:
    """The id that was given, or that of the recording that was given, uploaded and transcribed."""
    if lecture == SAMPLE:
        return _sample_lecture(client, samples)
    path = Path(lecture)
    if path.is_file():
        return upload_and_wait(client, path, title=path.stem, console=err()).lecture_id
    if "/" in lecture or path.suffix:
        raise NotFound(f"There is no file {lecture!r}, and it is not a lecture's id either.", code="file_not_found")
    return lecture


def _sample_lecture(client: VivaClient, folder: Path) -> str:
    """The sample lecture, uploaded unless the server has it."""
    for lecture in client.lectures():
        if lecture.title == TITLE and lecture.is_ready:
            return lecture.lecture_id
    samples = render_samples(folder)
    return upload_and_wait(client, samples.lecture, title=TITLE, console=err()).lecture_id


def _print_lines(lines: Iterator[str], save: Path | None) -> int:
    recording, last = Recording(), None
    for line in lines:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        last = decode(line)
        if isinstance(last, Audio):
            recording.add(last)
    if save and not isinstance(last, Error):
        _save(recording, save)
    return _status_of(last)


def _status_of(last: Event | None) -> int:
    return 1 if isinstance(last, Error) else 0


def _save(recording: Recording, path: Path) -> None:
    if recording:
        new_folder = "" if path.parent.exists() else f" (the folder {path.parent} is new)"
        err().print(f"  Saved     {recording.save(path)}{new_folder}")
    else:
        err().print("  The answer was not spoken, so there is nothing to save.")
