"""Joining the sentences of an answer into one file."""

import base64
import io
import wave
from pathlib import Path

import pytest

from viva.cli.recording import Recording, SaveFailed, format_of, require_writable
from viva.errors import InvalidRequest
from viva.events import Audio


def sentence(data: bytes, audio_format: str) -> Audio:
    return Audio(0, audio_format, base64.b64encode(data).decode(), "text")


def wav_of(samples: bytes) -> bytes:
    written = io.BytesIO()
    with wave.open(written, "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        out.writeframes(samples)
    return written.getvalue()


def test_frames_of_mp3_follow_each_other(tmp_path):
    """Formats made of frames are joined byte by byte, in a folder that is made if need be."""
    recording = Recording()
    assert not recording
    for data in (b"one", b"two"):
        recording.add(sentence(data, "mp3"))
    assert recording.save(tmp_path / "new" / "answer.mp3").read_bytes() == b"onetwo"


def test_wav_files_become_one_wav_file(tmp_path):
    """The samples of all sentences are under one header that counts them all."""
    recording = Recording()
    for samples in (b"\1\0" * 100, b"\2\0" * 50):
        recording.add(sentence(wav_of(samples), "wav"))
    with wave.open(str(recording.save(tmp_path / "answer.wav"))) as joined:
        assert joined.getnframes() == 150
        assert joined.readframes(150) == b"\1\0" * 100 + b"\2\0" * 50


def test_a_streamed_wav_that_does_not_know_its_length_is_joined(tmp_path):
    """A header that says "until the end" (all ones) counts what is there."""
    recording = Recording()
    for samples in (b"\1\0" * 100, b"\2\0" * 50):
        data = bytearray(wav_of(samples))
        data[4:8] = data[40:44] = b"\xff" * 4
        recording.add(sentence(bytes(data), "wav"))
    with wave.open(str(recording.save(tmp_path / "answer.wav"))) as joined:
        assert joined.getnframes() == 150


def test_the_ending_decides_the_format():
    """Upper case and .ogg are understood."""
    assert [format_of(Path(name)) for name in ("a.MP3", "b.ogg", "c.wav")] == ["mp3", "opus", "wav"]


@pytest.mark.parametrize("name", ["answer", "answer.flac", "answer.txt"])
def test_an_ending_that_cannot_be_joined_is_refused(name):
    """The message names the endings that can be."""
    with pytest.raises(InvalidRequest, match=r"\.mp3, \.opus"):
        format_of(Path(name))


def test_a_place_that_cannot_be_written_to_is_said_before_and_after(tmp_path):
    """A folder under a file: the check refuses it without a turn, and saving does so with the same sentence."""
    (tmp_path / "file").write_text("")
    place = tmp_path / "file" / "answer.mp3"
    with pytest.raises(SaveFailed, match="cannot be saved"):
        require_writable(place)
    with pytest.raises(SaveFailed, match="cannot be saved"):
        Recording().save(place)


def test_looking_whether_a_file_can_be_saved_leaves_nothing(tmp_path):
    """Folders that are not there yet are made when the file is written, not before."""
    require_writable(tmp_path / "new" / "folder" / "answer.mp3")
    (tmp_path / "answer.mp3").write_text("old")
    require_writable(tmp_path / "answer.mp3")
    assert [path.name for path in tmp_path.rglob("*")] == ["answer.mp3"]
    assert (tmp_path / "answer.mp3").read_text() == "old"
