"""One piece of a recording to the asr stage, and its segments back."""

from __future__ import annotations

from typing import Any

import aiohttp

from viva.audio.wav import wav_bytes
from viva.errors import StageUnavailable
from viva.passages import Segment
from viva.service.upstream import Upstream
from viva_orchestrator.lectures.model import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ


class Recogniser:
    """Transcribes pieces, behind whoever waits for an answer: asr is told that there is no hurry."""

    def __init__(self, asr: Upstream, *, model: str, timeout_s: float) -> None:
        self._asr = asr
        self._model = model
        self._timeout_s = timeout_s

    async def transcribe(self, pcm: bytes, start_s: float) -> list[Segment]:
        """The segments of `pcm` (16 kHz mono 16-bit), which begins at `start_s` of the recording.

        Raises what `Upstream` raises, and `StageUnavailable("asr")` for an answer that cannot be right.
        """
        form = aiohttp.FormData()
        form.add_field("file", wav_bytes(pcm, SAMPLE_RATE_HZ), filename="piece.wav", content_type="audio/wav")
        form.add_field("model", self._model)
        form.add_field("response_format", "verbose_json")
        answer = await self._asr.read_json(
            "POST",
            "/v1/audio/transcriptions",
            data=form,
            headers={"X-Viva-Priority": "batch"},
            first_byte_s=self._timeout_s,
            between_s=self._timeout_s,
        )
        return segments_of(answer, start_s, len(pcm) / BYTES_PER_SAMPLE / SAMPLE_RATE_HZ)


def segments_of(answer: Any, start_s: float, duration_s: float) -> list[Segment]:
    """The segments of a verbose_json answer, moved to `start_s` and kept inside the piece; empty ones left out.

    A server that gives text but no segments has one segment, as long as the piece.
    """
    try:
        given = answer.get("segments")
        if given is None:
            given = [{"start": 0.0, "end": duration_s, "text": answer["text"]}]
        found = [(float(item["start"]), float(item["end"]), str(item["text"]).strip()) for item in given]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StageUnavailable("asr", "The asr stage sent a transcript that cannot be read.") from error
    return [
        Segment(_placed(start, start_s, duration_s), _placed(end, start_s, duration_s), text)
        for start, end, text in found
        if text
    ]


def _placed(time_s: float, start_s: float, duration_s: float) -> float:
    # min and max in this order also turn NaN, which no comparison holds for, into a time inside the piece.
    return round(start_s + max(0.0, min(duration_s, time_s)), 3)
