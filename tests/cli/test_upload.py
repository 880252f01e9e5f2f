"""Uploading: what is uploaded, and what is said when it is not followed to its end."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from rich.console import Console

from viva.cli.upload import follow, upload_and_wait
from viva.client import Lecture, ServerUnreachable, VivaClient
from viva.errors import StageUnavailable

HALF = Lecture("lec_1", "transcribing", 0.5, 60.0)


class Breaking(VivaClient):
    """A client whose transcription is half done when something happens."""

    def __init__(self, url: str, happens: BaseException) -> None:
        super().__init__(url)
        self._happens = happens

    def follow(self, lecture_id: str) -> Iterator[Lecture]:
        yield HALF
        raise self._happens


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=400)


def test_ctrl_c_ends_the_line_and_says_that_the_transcription_goes_on(console):
    """The status of an interrupted program, and the command that shows how far it is, at the same server."""
    with Breaking("http://viva.test", KeyboardInterrupt()) as client, pytest.raises(typer.Exit) as ended:
        follow(client, "lec_1", console)
    progress, sentence = console.file.getvalue().splitlines()
    assert ended.value.exit_code == 130
    assert progress == "  transcribing 25% 50%"
    assert "lec_1 goes on" in sentence
    assert "`viva lectures --url http://viva.test`" in sentence


@pytest.mark.parametrize(
    "error", [ServerUnreachable("gone"), StageUnavailable("server", "stopping", code="shutting_down")]
)
def test_a_server_that_goes_away_is_said_with_what_becomes_of_the_lecture(console, error):
    """The line of percentages has ended, and the sentence names the server, the lecture and what to do."""
    with Breaking("http://viva.test", error) as client, pytest.raises(ServerUnreachable) as raised:
        follow(client, "lec_1", console)
    assert console.file.getvalue() == "  transcribing 25% 50%\n"
    for part in ("http://viva.test went away", "lec_1", "viva lectures"):
        assert part in raised.value.message


def test_the_address_is_left_out_where_it_is_the_usual_one(console, monkeypatch):
    """A command to copy is no longer than it has to be."""
    monkeypatch.setenv("VIVA_URL", "http://viva.test/")
    with Breaking("http://viva.test", KeyboardInterrupt()) as client, pytest.raises(typer.Exit):
        follow(client, "lec_1", console)
    assert "`viva lectures`" in console.file.getvalue()


class Server:
    """A client of a server that has `lectures`, notes what is uploaded, and has it ready at once."""

    url = "http://viva.test"

    def __init__(self, *lectures: Lecture) -> None:
        self._lectures = lectures
        self.uploaded: list[tuple[str | None, str | None]] = []

    def lectures(self, *, sha256: str) -> Iterator[Lecture]:
        return iter(self._lectures)

    def upload(self, _path: Path, *, title: str | None, key: str | None) -> Lecture:
        self.uploaded.append((title, key))
        return Lecture("lec_new", "queued", 0.0, 60.0)

    def follow(self, lecture_id: str) -> Iterator[Lecture]:
        yield Lecture(lecture_id, "ready", 1.0, 60.0)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "my talk.mp3"
    path.write_bytes(b"sound")
    return path


HASH = hashlib.sha256(b"sound").hexdigest()


def test_a_known_recording_is_not_uploaded_again(console, recording):
    """The newest lecture of it that did not fail is taken and named, and so is the way to have it transcribed anew."""
    failed = Lecture("lec_3", "failed", sha256=HASH)
    known = Lecture("lec_2", "ready", 1.0, 60.0, title="A\x1btalk", sha256=HASH)
    server = Server(failed, known, Lecture("lec_1", "ready", sha256=HASH))
    assert upload_and_wait(server, recording, title="t", console=console) is known
    assert server.uploaded == []
    (line,) = console.file.getvalue().splitlines()
    assert 'known as lecture lec_2 "A talk"' in line
    assert f"`viva upload --again '{recording}' --url http://viva.test`" in line


def test_a_known_recording_that_is_still_transcribed_is_followed(console, recording):
    """Asking while somebody's upload of it is under way waits for that one."""
    server = Server(Lecture("lec_2", "transcribing", 0.5, 60.0, sha256=HASH))
    assert upload_and_wait(server, recording, title="t", console=console).is_ready
    assert server.uploaded == []


def test_an_unknown_recording_is_uploaded_under_the_key_of_its_content(console, recording):
    """Twice at the same moment is one lecture; other recordings, which an older server lists too, do not count."""
    server = Server(Lecture("lec_1", "ready", sha256="0" * 64), Lecture("lec_0", "ready"))
    assert upload_and_wait(server, recording, title="t", console=console).lecture_id == "lec_new"
    assert server.uploaded == [("t", HASH)]


def test_again_uploads_what_is_known_as_a_new_lecture(console, recording):
    """Without a key, under which it would be the same."""
    server = Server(Lecture("lec_1", "ready", sha256=HASH))
    upload_and_wait(server, recording, title="t", console=console, again=True)
    assert server.uploaded == [("t", None)]
