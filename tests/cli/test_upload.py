"""Following an upload: what is said when it is not followed to its end."""

import io
from collections.abc import Iterator

import pytest
import typer
from rich.console import Console

from viva.cli.upload import follow
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
    return Console(file=io.StringIO(), width=200)


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
