"""A transcript in each of the forms that OpenAI's API knows."""

from collections.abc import Iterable
from typing import Any

import orjson
from starlette.responses import PlainTextResponse, Response

from viva.sse import encode
from viva_asr.form import TranscriptionForm
from viva_asr.languages import LANGUAGES
from viva_asr.transcript import Segment, Transcript, Word


def render(transcript: Transcript, form: TranscriptionForm) -> Response:
    """Return the whole transcript in the format that was asked for."""
    if form.response_format == "text":
        return PlainTextResponse(transcript.text + "\n")
    if form.response_format == "srt":
        return PlainTextResponse(srt(transcript.segments), media_type="application/x-subrip")
    if form.response_format == "vtt":
        return PlainTextResponse(vtt(transcript.segments), media_type="text/vtt")
    if form.response_format == "verbose_json":
        return _json(verbose(transcript, form))
    return _json({"text": transcript.text, "usage": usage(transcript.duration_s)})


def verbose(transcript: Transcript, form: TranscriptionForm) -> dict[str, Any]:
    """The verbose_json form; times in seconds."""
    body = {
        "task": "transcribe",
        "language": LANGUAGES.get(transcript.language, transcript.language),
        "duration": _seconds(transcript.duration_s),
        "text": transcript.text,
        "segments": [_segment(number, segment, form) for number, segment in enumerate(transcript.segments)],
        "usage": usage(transcript.duration_s),
    }
    if form.options.words:
        body["words"] = [_word(word) for segment in transcript.segments for word in segment.words]
    return body


def srt(segments: Iterable[Segment]) -> str:
    """SubRip subtitles."""
    return "".join(
        f"{number}\n{_clock(segment.start_s, ',')} --> {_clock(segment.end_s, ',')}\n{_cue(segment.text)}\n\n"
        for number, segment in enumerate(segments, start=1)
    )


def vtt(segments: Iterable[Segment]) -> str:
    """WebVTT subtitles."""
    cues = (
        f"{_clock(segment.start_s, '.')} --> {_clock(segment.end_s, '.')}\n{_cue(segment.text)}\n\n"
        for segment in segments
    )
    return "WEBVTT\n\n" + "".join(cues)


def usage(duration_s: float) -> dict[str, Any]:
    """What is counted: seconds of audio."""
    return {"type": "duration", "seconds": _seconds(duration_s)}


class EventWriter:
    """Writes a transcript as server-sent events, one segment after another."""

    def __init__(self, words: bool) -> None:
        self._words = words
        self._texts: list[str] = []

    def segment(self, segment: Segment) -> bytes:
        """Return a delta of the running text, and the segment with its times."""
        number = len(self._texts)
        delta = f" {segment.text}" if self._texts else segment.text
        self._texts.append(segment.text)
        body = {
            "type": "transcript.text.segment",
            "id": f"seg_{number:03d}",
            "start": _seconds(segment.start_s),
            "end": _seconds(segment.end_s),
            "text": segment.text,
        }
        if self._words:
            body["words"] = [_word(word) for word in segment.words]
        return _event({"type": "transcript.text.delta", "delta": delta}) + _event(body)

    def done(self, duration_s: float) -> bytes:
        """Return the last event: the whole text and what it cost."""
        return _event({"type": "transcript.text.done", "text": " ".join(self._texts), "usage": usage(duration_s)})

    def error(self, body: dict[str, Any]) -> bytes:
        """Return the event that says why there is no more; `body` is VivaError.body()."""
        return _event({"type": "error", **body})


def _event(body: dict[str, Any]) -> bytes:
    return encode(orjson.dumps(body))


def _json(body: dict[str, Any]) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")


def _segment(number: int, segment: Segment, form: TranscriptionForm) -> dict[str, Any]:
    return {
        "id": number,
        "seek": round(segment.start_s * 100),
        "start": _seconds(segment.start_s),
        "end": _seconds(segment.end_s),
        "text": segment.text,
        "tokens": [],
        "temperature": form.temperature,
        "avg_logprob": round(segment.avg_logprob, 4),
        "compression_ratio": round(segment.compression_ratio, 4),
        "no_speech_prob": round(segment.no_speech_prob, 4),
    }


def _word(word: Word) -> dict[str, Any]:
    return {"word": word.text, "start": _seconds(word.start_s), "end": _seconds(word.end_s)}


def _seconds(value: float) -> float:
    return round(value, 3)


def _clock(time_s: float, separator: str) -> str:
    milliseconds = round(time_s * 1000)
    hours, rest = divmod(milliseconds, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    seconds, milliseconds = divmod(rest, 1000)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{separator}{milliseconds:03d}"


def _cue(text: str) -> str:
    # An arrow or an empty line inside would end the cue.
    return " ".join(text.replace("-->", "->").split())
