"""The command line as a process: exit statuses, and sentences instead of tracebacks."""

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

PATIENCE_S = 60.0
NOBODY = "http://127.0.0.1:9"


def viva(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("VIVA_")}
    done = subprocess.run(
        [sys.executable, "-m", "viva.cli", *arguments],
        env={**clean, **environ},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("ask", "--lecture", "lec_1"),
        ("ask", "--lecture", "lec_1", "--text", "a", "--audio", __file__),
        ("ask", "--lecture", "lec_1", "--text", "  "),
        ("upload", "no-such-file.wav"),
        ("run", "--port", "0"),
    ],
    ids=["no such command", "no question", "two questions", "an empty question", "no such file", "no such port"],
)
def test_a_wrong_call_is_status_2(arguments):
    """Usage errors say so on stderr and leave stdout empty."""
    done = viva(*arguments)
    assert done.returncode == 2
    assert done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "arguments", [("status",), ("lectures",), ("ask", "--lecture", "lec_1", "--text", "Who?"), ("upload", __file__)]
)
def test_nobody_there_is_one_sentence_and_status_1(arguments):
    """Without a server: where it was looked for, how to start one, and the code."""
    done = viva(*arguments, VIVA_URL=NOBODY)
    assert done.returncode == 1
    assert f"No Viva answers at {NOBODY}." in done.stderr
    assert "make run" in done.stderr
    assert "[server_unreachable]" in done.stderr
    assert done.stdout == ""


def test_models_without_a_connection_say_so_first_and_in_few_lines(tmp_path: Path):
    """The sentence first, then a line for each model and the command for the rest; nothing half-fetched is left."""
    done = viva("models", "whisper-base.en", "--models-dir", str(tmp_path), "--hub", NOBODY)
    first, *details = done.stderr.splitlines()
    assert done.returncode == 1
    assert "could not be fetched: no connection to 127.0.0.1" in first
    assert "[models_unreachable]" in first
    assert [line.strip() for line in details] == [
        "missing: whisper-base.en, 148 MB",
        "`viva models --by-hand whisper-base.en` lists the files' addresses and where each belongs.",
    ]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_models_lists_what_is_to_be_placed_by_hand(tmp_path: Path):
    """The address and the place of every file, without a connection."""
    done = viva("models", "--by-hand", "--models-dir", str(tmp_path), "--hub", NOBODY)
    assert done.returncode == 0
    assert f"{NOBODY}/Systran/faster-whisper-base.en/resolve/" in done.stdout
    assert str(tmp_path / "whisper/base.en/model.bin") in done.stdout
    assert done.stderr == ""


def test_a_name_to_save_under_that_cannot_be_is_refused_before_anything_is_asked(tmp_path: Path):
    """The ending is looked at first: an answer that could not be saved is not asked for."""
    arguments = ("--lecture", "lec_1", "--text", "Who?", "--save", str(tmp_path / "answer.flac"))
    done = viva("ask", *arguments, VIVA_URL=NOBODY)
    assert done.returncode == 1
    assert ".mp3" in done.stderr
    assert "No Viva" not in done.stderr


def test_a_place_to_save_at_that_cannot_be_written_is_refused_before_anything_is_asked(tmp_path: Path):
    """The place is looked at first, too."""
    (tmp_path / "file").write_text("")
    arguments = ("--lecture", "lec_1", "--text", "Who?", "--save", str(tmp_path / "file" / "answer.mp3"))
    done = viva("ask", *arguments, VIVA_URL=NOBODY)
    assert done.returncode == 1
    assert "[save_failed]" in done.stderr


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:80a", "http://[::1", "notaurl", "127.0.0.1:8080", "ftp://viva", "http://"]
)
def test_an_address_that_is_none_is_status_2(url):
    """The sentence names the variable and shows an address."""
    done = viva("status", VIVA_URL=url)
    assert done.returncode == 2
    assert "VIVA_URL" in done.stderr
    assert "[wrong_url]" in done.stderr


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path):
    """The system's word for it, with the path."""
    (tmp_path / "file").write_text("")
    done = viva("run", "--data-dir", str(tmp_path / "file" / "data"))
    assert done.returncode == 1
    assert f"{tmp_path / 'file' / 'data'}: Not a directory" in done.stderr


def test_help_lists_every_command():
    """The overview names each command that the README promises."""
    text = viva("--help").stdout
    assert all(command in text for command in ("run", "demo", "upload", "ask", "lectures", "status", "models"))


def test_the_version_is_that_of_the_package():
    """On stdout, for whoever reports a problem."""
    done = viva("--version")
    assert (done.returncode, done.stdout) == (0, f"viva {metadata.version('viva-lectures')}\n")
