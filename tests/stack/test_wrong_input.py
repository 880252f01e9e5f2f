"""Input that is wrong gets a 4xx with a code, and nothing of it is stored."""

import io
import wave
from pathlib import Path

import pytest

from viva.client import VivaClient
from viva.errors import InvalidRequest, NotFound


def silent_wav(seconds: float) -> bytes:
    written = io.BytesIO()
    with wave.open(written, "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        out.writeframes(bytes(int(32_000 * seconds)))
    return written.getvalue()


def lying_wav() -> bytes:
    """Its header promises an hour; a second follows."""
    data = bytearray(silent_wav(1))
    data[40:44] = (32_000 * 3600).to_bytes(4, "little")
    return bytes(data)


WRONG = {
    "zero bytes": b"",
    "text": b"This is not audio at all. " * 100,
    "only a header": silent_wav(1)[:44],
    "cut in its header": silent_wav(1)[:20],
    "a playlist": b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:9/secret.ts\n",
}


@pytest.fixture
def wrong_file(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "wrong.wav"
    path.write_bytes(WRONG[request.param])
    return path


@pytest.mark.parametrize("wrong_file", WRONG, indirect=True)
def test_a_wrong_lecture_is_refused_and_not_stored(client: VivaClient, wrong_file):
    """The upload is told a code that says what is wrong, and the list of lectures stays as it was."""
    before = [lecture.lecture_id for lecture in client.lectures()]
    with pytest.raises(InvalidRequest) as refused:
        client.upload(wrong_file)
    assert refused.value.code.startswith(("audio_", "unsupported_"))
    assert [lecture.lecture_id for lecture in client.lectures()] == before


@pytest.mark.parametrize("wrong_file", WRONG, indirect=True)
def test_a_wrong_spoken_question_is_refused_and_not_in_the_history(client: VivaClient, lecture, wrong_file):
    """The turn is refused before its first event, and the session has no turn of it."""
    session = client.open_session(lecture.lecture_id)
    with pytest.raises(InvalidRequest):
        list(client.ask(session, lecture.lecture_id, wrong_file))
    assert client.session(session).turns == ()


def test_a_lying_header_does_not_decide_the_length(client: VivaClient, tmp_path):
    """A WAV that promises an hour and has a second is refused."""
    path = tmp_path / "lying.wav"
    path.write_bytes(lying_wav())
    with pytest.raises(InvalidRequest) as refused:
        client.upload(path)
    assert refused.value.code.startswith("audio_")


def test_a_question_of_silence_is_told_so(client: VivaClient, lecture, tmp_path):
    """Silence is no question: a 4xx that says nothing was heard."""
    path = tmp_path / "silence.wav"
    path.write_bytes(silent_wav(2))
    with pytest.raises(InvalidRequest) as refused:
        list(client.ask(None, lecture.lecture_id, path))
    assert refused.value.code == "no_speech"


def test_a_question_over_the_limit_is_told_so(client: VivaClient, lecture, tmp_path):
    """Over 60 seconds is no question."""
    path = tmp_path / "long.wav"
    path.write_bytes(silent_wav(70))
    with pytest.raises(InvalidRequest) as refused:
        list(client.ask(None, lecture.lecture_id, path))
    assert refused.value.code == "audio_too_long"


@pytest.mark.parametrize("identifier", ["lec_00000000000000000000000000000000", "no-such", "../../etc/passwd"])
def test_unknown_ids_are_404(client: VivaClient, lecture, identifier):
    """Lectures and sessions that are not there are not found, whatever the id looks like."""
    for call in (
        lambda: client.lecture(identifier),
        lambda: client.session(identifier),
        lambda: client.open_session(identifier),
        lambda: list(client.ask(None, identifier, "Who?")),
        lambda: list(client.ask(identifier, lecture.lecture_id, "Who?")),
    ):
        with pytest.raises(NotFound):
            call()


def test_an_empty_question_is_refused(client: VivaClient, lecture):
    """White space is no question."""
    with pytest.raises(InvalidRequest):
        list(client.ask(None, lecture.lecture_id, "  "))
