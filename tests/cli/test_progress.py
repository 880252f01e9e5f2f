"""The progress of a transcription where there is no terminal."""

import io

import pytest
from rich.console import Console

from viva.cli.progress import LectureFailed, show_transcription
from viva.client import Lecture


def lectures(*states: tuple[str, float], error: str | None = None) -> list[Lecture]:
    return [Lecture("l1", status, progress, 61.0, error=error) for status, progress in states]


def test_quarters_are_printed_on_one_line_without_control_characters():
    """Each quarter is printed once, whatever the steps of the server are."""
    console = Console(file=io.StringIO(), width=80)
    ready = show_transcription(
        lectures(("queued", 0), ("transcribing", 0.1), ("transcribing", 0.6), ("ready", 1)), console
    )
    first, second, *_ = console.file.getvalue().splitlines()
    assert ready.is_ready
    assert first == "  transcribing 25% 50% 75% 100%"
    assert second.startswith("  transcribed 01:01 in ")
    assert "\x1b" not in console.file.getvalue()


def test_a_failed_lecture_says_why():
    """The server's reason is in the error."""
    console = Console(file=io.StringIO(), width=80)
    with pytest.raises(LectureFailed, match="There was no speech"):
        show_transcription(lectures(("failed", 0.2), error="There was no speech."), console)
