"""Rendering texts to audio with flite, and the seconds that come with it."""

import json
import tomllib
import wave
from array import array
from pathlib import Path

import pytest

from viva.errors import EngineUnavailable, InvalidRequest
from viva.samples import (
    EDGE_PAUSE_S,
    LINE_PAUSE_S,
    PARAGRAPH_PAUSE_S,
    SAMPLE_RATE_HZ,
    cached,
    main,
    read_lines,
    render,
)

SAMPLES = Path(__file__).parents[1] / "samples"
TEXT = "\nGood morning.\nThis is the first paragraph.\n\n\nThis is the second one, and it is longer.\n"
ONE_SAMPLE_S = 1 / SAMPLE_RATE_HZ


def heard(path: Path) -> array:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (SAMPLE_RATE_HZ, 1, 2)
        return array("h", file.readframes(file.getnframes()))


def between(samples: array, start_s: float, end_s: float) -> array:
    return samples[round(start_s * SAMPLE_RATE_HZ) : round(end_s * SAMPLE_RATE_HZ)]


def put_in_front(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Makes `script` the flite that is found first."""
    (folder / "flite").write_text(script)
    (folder / "flite").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_lines_are_numbered_as_an_editor_does():
    """Blank lines are counted, are not spoken, and open a paragraph, except before the first sentence."""
    lines = read_lines(TEXT)

    assert [(line.number, line.opens_paragraph) for line in lines] == [(2, False), (3, False), (6, True)]
    assert lines[0].text == "Good morning."


def test_times_add_up(tmp_path: Path):
    """Every line is in the times, in order, with the promised pauses between, and the file is as long as it says."""
    rendering = render(TEXT, tmp_path / "out.wav")

    first, second, third = rendering.lines
    assert [line.text for line in rendering.lines] == [line.text for line in read_lines(TEXT)]
    assert [line.number for line in rendering.lines] == [2, 3, 6]
    assert first.start == pytest.approx(EDGE_PAUSE_S, abs=ONE_SAMPLE_S)
    assert second.start - first.end == pytest.approx(LINE_PAUSE_S, abs=ONE_SAMPLE_S)
    assert third.start - second.end == pytest.approx(PARAGRAPH_PAUSE_S, abs=ONE_SAMPLE_S)
    assert rendering.duration_s - third.end == pytest.approx(EDGE_PAUSE_S, abs=ONE_SAMPLE_S)
    assert len(heard(tmp_path / "out.wav")) / SAMPLE_RATE_HZ == rendering.duration_s


def test_speech_is_where_the_times_say(tmp_path: Path):
    """A line is loud close to both of its ends, and it is silent between two lines."""
    rendering = render(TEXT, tmp_path / "out.wav")
    samples = heard(tmp_path / "out.wav")

    for line in rendering.lines:
        assert max(between(samples, line.start, line.start + 0.1)) > 300
        assert max(between(samples, line.end - 0.1, line.end)) > 50
        assert max(between(samples, line.start, line.end)) > 5000
        assert 0.3 < line.end - line.start < 5
    for before, after in zip(rendering.lines, rendering.lines[1:], strict=False):
        assert not any(between(samples, before.end, after.start))


def test_voices_differ(tmp_path: Path):
    """The chosen voice is the one that speaks."""
    render("Good morning.", tmp_path / "rms.wav", voice="rms")
    render("Good morning.", tmp_path / "slt.wav", voice="slt")

    assert heard(tmp_path / "rms.wav") != heard(tmp_path / "slt.wav")


def test_a_cached_text_is_not_spoken_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The second time, the same file and the same times come back without flite."""
    path, rendering = cached("Good morning.", tmp_path / "data")
    assert heard(path)

    monkeypatch.setenv("PATH", str(tmp_path))
    assert cached("Good morning.", tmp_path / "data") == (path, rendering)


def test_a_changed_text_or_voice_is_spoken_anew(tmp_path: Path):
    """The cache tells texts and voices apart, and holds nothing but whole recordings and their times."""
    paths = {
        cached("Good morning.", tmp_path)[0],
        cached("Good evening.", tmp_path)[0],
        cached("Good morning.", tmp_path, voice="slt")[0],
    }

    assert len(paths) == 3
    assert set(tmp_path.iterdir()) == paths | {path.with_suffix(".json") for path in paths}


def test_a_failed_rendering_is_not_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """When flite fails nothing stays in the cache folder."""
    put_in_front(monkeypatch, tmp_path, "#!/bin/sh\nexit 1\n")

    with pytest.raises(EngineUnavailable):
        cached("Good morning.", tmp_path / "data")

    assert not list((tmp_path / "data").iterdir())


def test_missing_flite_is_said_with_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Without flite the message names the package."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(EngineUnavailable, match="apt-get install flite"):
        render("Good morning.", tmp_path / "out.wav")

    assert not (tmp_path / "out.wav").exists()


@pytest.mark.parametrize("script", ["#!/bin/sh\nexit 1\n", "#!/bin/sh\nexit 0\n"])
def test_a_flite_that_writes_nothing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str):
    """Whether flite says that it failed or not: a sentence without audio is not passed over in silence."""
    put_in_front(monkeypatch, tmp_path, script)

    with pytest.raises(EngineUnavailable, match=r"flite could not speak 'Good morning\.'"):
        render("Good morning.", tmp_path / "out.wav")


def test_a_sentence_that_looks_like_an_option_is_spoken(tmp_path: Path):
    """Text is never read as flite's options, nor as the name of a file."""
    rendering = render("-v is an option.\n/etc/passwd", tmp_path / "out.wav")

    assert all(line.end - line.start > 0.5 for line in rendering.lines)


@pytest.mark.parametrize(("text", "voice"), [("", "rms"), (" \n\n", "rms"), ("Good morning.", "kal")])
def test_what_cannot_be_spoken_is_refused(tmp_path: Path, text: str, voice: str):
    """A text without words and a voice that is not one of ours are refused before anything is written."""
    with pytest.raises(InvalidRequest):
        render(text, tmp_path / "out.wav", voice=voice)

    assert not (tmp_path / "out.wav").exists()


def test_the_command_writes_audio_and_times(tmp_path: Path, capsys: pytest.CaptureFixture):
    """`python -m viva.samples TEXT OUT --times JSON` writes both, and the times are those of the audio."""
    text, out, times = tmp_path / "text.txt", tmp_path / "out.wav", tmp_path / "times.json"
    text.write_text(TEXT)

    assert main([str(text), str(out), "--times", str(times)]) == 0

    content = json.loads(times.read_text())
    assert content["duration_s"] == len(heard(out)) / SAMPLE_RATE_HZ
    assert [line["number"] for line in content["lines"]] == [2, 3, 6]
    assert "3 lines" in capsys.readouterr().out


def test_the_command_fails_with_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture):
    """An empty text ends the command with 1 and one line on stderr, not with a traceback."""
    (tmp_path / "text.txt").write_text("\n")

    assert main([str(tmp_path / "text.txt"), str(tmp_path / "out.wav")]) == 1

    assert capsys.readouterr().err == "There is nothing to speak: the text has no words.\n"


def test_the_sample_lecture_lasts_as_long_as_promised(tmp_path: Path):
    """The sample lecture is over five minutes, yet short enough that a second `make demo` takes under a minute."""
    rendering = render((SAMPLES / "lecture.txt").read_text(), tmp_path / "lecture.wav")

    assert 5 * 60 + 20 < rendering.duration_s < 6 * 60


def test_the_demo_questions_are_answered_by_the_lecture():
    """There are two questions, and each quote of an expected answer is in exactly one line of the lecture."""
    lines = read_lines((SAMPLES / "lecture.txt").read_text())
    turns = tomllib.loads((SAMPLES / "questions.toml").read_text())["turn"]

    assert len(turns) == 2
    for turn in turns:
        assert turn["ask"].endswith("?")
        assert turn["answer"]
        for quote in turn["answer"]:
            assert sum(quote in line.text for line in lines) == 1, quote
