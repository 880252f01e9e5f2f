"""`viva lectures`: a line for each, or a JSON object."""

import json
from collections.abc import Iterator
from typing import ClassVar

import pytest

from viva.cli import lectures
from viva.client import Lecture
from viva.errors import NotFound

FOUND = [
    Lecture("lec_4", "transcribing", 0.42, 3725.0, title="A\x1b[2J long title " * 9, created_at=1_760_000_000),
    Lecture("lec_3", "ready", 1.0, 61.0, title="Waves", created_at=1_750_000_000, has_speech=True),
    Lecture("lec_2", "ready", 1.0, 5.0, has_speech=False),
    Lecture("lec_1", "failed", 0.2, 9.0, error="No.", error_code="asr_refused"),
]


class Client:
    """A client of a server that has `found`."""

    found: tuple[Lecture, ...] = tuple(FOUND)
    url = "http://viva.test"
    deleted: ClassVar[list[str]] = []

    def __init__(self, _url: str) -> None:
        pass

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def delete_lecture(self, lecture_id: str) -> None:
        if lecture_id not in {lecture.lecture_id for lecture in self.found}:
            raise NotFound("There is no such lecture.", param="lecture_id")
        self.deleted.append(lecture_id)

    def lectures(self) -> Iterator[Lecture]:
        return iter(self.found)


@pytest.fixture(autouse=True)
def client(monkeypatch: pytest.MonkeyPatch) -> type[Client]:
    monkeypatch.setattr(lectures, "VivaClient", Client)
    monkeypatch.setattr(Client, "deleted", [])
    return Client


def test_a_line_has_id_length_status_time_and_title(capsys):
    """How far a transcription is and what a ready lecture lacks are in the status; a title cannot move the cursor."""
    lectures.list_lectures("u", as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["lec_4", "lec_3", "lec_2", "lec_1"]
    assert "62:05  transcribing 42%" in lines[0]
    assert "2025-10-" in lines[0]
    assert "\x1b" not in lines[0]
    assert len(lines[0]) < 120
    assert lines[1].endswith("Waves")
    assert "ready, no speech" in lines[2]
    assert "failed" in lines[3]


def test_json_is_one_object_a_line(capsys):
    """With what the server said of each, for programs."""
    lectures.list_lectures("u", as_json=True)
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["lecture_id"], each["status"], each["has_speech"]) for each in found] == [
        ("lec_4", "transcribing", None),
        ("lec_3", "ready", True),
        ("lec_2", "ready", False),
        ("lec_1", "failed", None),
    ]
    assert (found[1]["title"], found[1]["duration_s"], found[1]["created_at"]) == ("Waves", 61.0, 1_750_000_000)
    assert found[3]["error_code"] == "asr_refused"


def test_a_server_without_lectures_says_how_to_bring_one(capsys, client, monkeypatch):
    """On stderr: what a script reads stays empty."""
    monkeypatch.setattr(client, "found", ())
    lectures.list_lectures("u", as_json=False)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "viva upload FILE --url http://viva.test" in printed.err


def test_deleting_says_what_is_gone_and_ends_where_something_is_not(capsys, client):
    """A misspelt id is no success, and those before it are told."""
    with pytest.raises(NotFound):
        lectures.delete_lectures("u", ["lec_3", "lec_9", "lec_1"])
    assert client.deleted == ["lec_3"]
    assert capsys.readouterr().err == "Deleted lec_3\n"
