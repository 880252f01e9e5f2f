"""Subtitles and JSON, character for character."""

import orjson
import pytest

from viva.sse import SSEParser
from viva_asr.form import TranscriptionForm
from viva_asr.formats import EventWriter, render, srt, vtt
from viva_asr.transcript import Segment, Transcript, Word

SEGMENTS = (
    Segment(0.5, 2.0, "good morning", (Word(0.5, 1.0, "good"), Word(1.0, 2.0, "morning"))),
    Segment(3661.25, 3662.9996, "the --> end\n\nof it"),
)
TRANSCRIPT = Transcript(SEGMENTS, "en", 3700.0)


def test_srt() -> None:
    """Cues are numbered from 1, times have a comma and round to milliseconds, and no text can end a cue."""
    assert srt(SEGMENTS) == (
        "1\n00:00:00,500 --> 00:00:02,000\ngood morning\n\n2\n01:01:01,250 --> 01:01:03,000\nthe -> end of it\n\n"
    )


def test_vtt() -> None:
    """The header comes first and times have a point."""
    assert vtt(SEGMENTS) == (
        "WEBVTT\n\n00:00:00.500 --> 00:00:02.000\ngood morning\n\n01:01:01.250 --> 01:01:03.000\nthe -> end of it\n\n"
    )


def test_no_segments_are_empty_files() -> None:
    """Silence makes an empty SubRip file and a WebVTT file with nothing but its header."""
    assert srt(()) == ""
    assert vtt(()) == "WEBVTT\n\n"


def body(**fields: object) -> dict:
    return orjson.loads(render(TRANSCRIPT, TranscriptionForm(**fields)).body)


def test_json_has_text_and_usage() -> None:
    """The default format is the text and what it cost."""
    answer = body()
    assert answer["text"].startswith("good morning the")
    assert answer["usage"] == {"type": "duration", "seconds": 3700.0}


def test_verbose_json() -> None:
    """The verbose format has the language's name, the duration and every field of a segment that clients read."""
    answer = body(response_format="verbose_json")
    assert (answer["task"], answer["language"], answer["duration"]) == ("transcribe", "english", 3700.0)
    assert [segment["id"] for segment in answer["segments"]] == [0, 1]
    assert set(answer["segments"][0]) == {
        "id", "seek", "start", "end", "text", "tokens", "temperature", "avg_logprob", "compression_ratio",
        "no_speech_prob",
    }  # fmt: skip
    assert "words" not in answer


def test_words_come_when_asked_for() -> None:
    """With the granularity `word`, words are listed with their times."""
    answer = body(response_format="verbose_json", timestamp_granularities=("word",))
    assert answer["words"][1] == {"word": "morning", "start": 1.0, "end": 2.0}


@pytest.mark.parametrize(
    ("response_format", "content_type"),
    [("text", "text/plain"), ("srt", "application/x-subrip"), ("vtt", "text/vtt"), ("json", "application/json")],
)
def test_content_types(response_format: str, content_type: str) -> None:
    """Every format says what it is."""
    response = render(TRANSCRIPT, TranscriptionForm(response_format=response_format))
    assert response.headers["content-type"].startswith(content_type)


def test_events_add_up_to_the_text() -> None:
    """The deltas joined are the text of the last event; segments carry ids, times and asked-for words."""
    writer = EventWriter(words=True)
    parser = SSEParser()
    events = [
        orjson.loads(event.data)
        for chunk in (*map(writer.segment, SEGMENTS), writer.done(3700.0))
        for event in parser.feed(chunk)
    ]
    assert [event["type"].rpartition(".")[2] for event in events] == ["delta", "segment", "delta", "segment", "done"]
    assert "".join(event["delta"] for event in events if "delta" in event) == events[-1]["text"]
    assert [event["id"] for event in events if "id" in event] == ["seg_000", "seg_001"]
    assert events[1]["words"][0] == {"word": "good", "start": 0.5, "end": 1.0}
