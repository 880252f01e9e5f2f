"""The progress of a transcription where there is no terminal."""

import io

import pytest
from rich.console import Console

from viva.cli.progress import LectureFailed, show_transcription
from viva.client import Lecture


def lectures(*states: tuple[str, float], **failure: str) -> list[Lecture]:
    return [Lecture("l1", status, progress, 61.0, **failure) for status, progress in states]


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
    """The server's reason is in the error, and its code."""
    console = Console(file=io.StringIO(), width=80)
    with pytest.raises(LectureFailed, match="asr refused it") as failed:
        show_transcription(lectures(("failed", 0.2), error="asr refused it.", error_code="asr_refused"), console)
    assert failed.value.code == "asr_refused"


def test_a_recording_without_a_word_is_said_to_be_one():
    """Nobody has to find out by asking."""
    console = Console(file=io.StringIO(), width=100)
    show_transcription([Lecture("l1", "ready", 1.0, 61.0, has_speech=False)], console)
    assert "Not a word was heard" in console.file.getvalue()
    show_transcription([Lecture("l1", "ready", 1.0, 61.0, has_speech=True)], console)
    assert console.file.getvalue().count("Not a word was heard") == 1
