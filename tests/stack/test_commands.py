"""The commands against the real stack: what goes to stdout, what to stderr, what is saved."""

import json
import subprocess
import sys

import pytest

from viva.cli.ask import lecture_id_of
from viva.client import VivaClient
from viva.errors import NotFound

PATIENCE_S = 180.0
QUESTION = "Who made the first integrated circuit?"


@pytest.fixture
def viva(url, family):
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "viva.cli", *arguments],
            env={**family.environ, "VIVA_URL": url},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    return call


def test_upload_prints_the_id_alone_on_stdout(viva, client: VivaClient, spoken):
    """The id can be used in a script; the progress goes to stderr."""
    done = viva("upload", str(spoken.question), "--title", "A question")
    assert done.returncode == 0, done.stderr
    lecture = client.lecture(done.stdout.strip())
    assert (lecture.title, lecture.status) == ("A question", "ready")
    assert "100%" in done.stderr


def test_ask_with_json_prints_the_events_and_nothing_else(viva, lecture, spoken):
    """Each line of stdout is an event, and the last is `done`."""
    done = viva("ask", "--lecture", lecture.lecture_id, "--audio", str(spoken.question), "--json")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [events[0]["type"], events[-1]["type"]] == ["transcript", "done"]


def test_ask_prints_and_saves_the_answer_and_says_how_to_go_on(viva, client: VivaClient, lecture, tmp_path):
    """Question, answer and citation on stdout; the sound in the file, in the format that its name asks for."""
    saved = tmp_path / "new" / "folder" / "answer.wav"
    done = viva("ask", "--lecture", lecture.lecture_id, "--text", QUESTION, "--save", str(saved))
    assert done.returncode == 0, done.stderr
    assert QUESTION in done.stdout
    assert "kilby" in done.stdout.lower()
    assert "Rests on" in done.stdout
    assert "\x1b" not in done.stdout
    assert f"Saved     {saved} (the folder {saved.parent} is new)" in done.stderr
    assert saved.read_bytes()[:4] == b"RIFF"
    assert saved.stat().st_size > 10_000
    session = done.stderr.partition("--session ")[2].strip()
    assert len(client.session(session).turns) == 1


def test_ask_uploads_a_recording_first(viva, spoken):
    """A file in the place of the id is uploaded and waited for."""
    done = viva("ask", "--lecture", str(spoken.question), "--text", "Which circuit?", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["type"] == "done"


def test_a_recording_that_was_uploaded_before_is_known_again(viva, client: VivaClient, spoken):
    """Uploading it a second time, or asking about it, gives the same lecture, and says so."""
    first = viva("upload", str(spoken.follow_up))
    again = viva("upload", str(spoken.follow_up))
    asked = viva("ask", "--lecture", str(spoken.follow_up), "--text", "Which year?")
    assert first.stdout == again.stdout
    assert client.lecture(first.stdout.strip()).title == spoken.follow_up.stem
    for done in (again, asked):
        assert f"is known as lecture {first.stdout.strip()}" in done.stderr


def test_ask_about_a_lecture_that_is_not_there_is_an_error_with_its_code(viva, stack):
    """What happened, what to do, the code, status 1, nothing on stdout."""
    done = viva("ask", "--lecture", "lec_00000000000000000000000000000000", "--text", QUESTION)
    assert done.returncode == 1
    assert "There is no such lecture. `viva lectures` lists those there are. [not_found]" in done.stderr
    assert done.stdout == ""


def test_a_path_that_is_not_there_is_not_taken_for_an_id(client: VivaClient, tmp_path):
    """A misspelt file name is said to be one."""
    with pytest.raises(NotFound, match="no file"):
        lecture_id_of(client, "recordings/lectur.wav", tmp_path)


def test_status_names_the_engines(viva, stack):
    """A line for each stage, with the engine and why."""
    done = viva("status")
    assert done.returncode == 0
    for engine in ("moonshine", "extractive", "flite"):
        assert engine in done.stdout


def test_status_for_programs(viva, client: VivaClient):
    """What the server says, as it says it."""
    done = viva("status", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0
    assert found.keys() == client.status().keys()
    assert found["stages"]["asr"]["engine"] == "moonshine"


def test_an_address_with_a_path_in_it_is_told(viva, url):
    """Somebody answers there, but has nothing of ours at that path."""
    done = viva("status", "--url", f"{url}/api")
    assert done.returncode == 1
    said = " ".join(done.stderr.split())
    assert "but has nothing at /api/status. Is VIVA_URL right?" in said
    assert "[path_not_found]" in said


def test_a_lecture_can_be_deleted(viva, client: VivaClient, spoken):
    """Its recording and its words are gone; what was never there is told."""
    lecture = viva("upload", str(spoken.follow_up)).stdout.strip()
    done = viva("delete", lecture)
    assert (done.returncode, done.stdout) == (0, "")
    assert f"Deleted {lecture}" in done.stderr
    assert lecture not in {each.lecture_id for each in client.lectures()}
    for unknown in ("lec_00000000000000000000000000000000", "talks/a.mp3"):
        done = viva("delete", unknown)
        assert (done.returncode, "There is no such lecture." in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--lecture", " ", "--text", QUESTION), "there is no lecture in it"),
        (("--lecture", "sample", "--audio", "{empty}"), "is empty: there is no question in it. [audio_empty]"),
    ],
)
def test_a_question_without_anything_in_it_is_told_by_its_option(viva, tmp_path, arguments, said):
    """Before anything is sent: the server would speak of its fields."""
    empty = tmp_path / "empty.wav"
    empty.touch()
    done = viva("ask", *(argument.format(empty=empty) for argument in arguments))
    assert done.returncode == (1 if "audio_empty" in said else 2)
    assert said in done.stderr
