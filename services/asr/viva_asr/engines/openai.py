"""Any OpenAI-compatible transcription server by URL: vLLM, Speaches, whisper.cpp, another viva_asr."""

from typing import Any

import aiohttp

from viva.audio import wav_bytes
from viva.errors import EngineUnavailable, StageUnavailable
from viva_asr.engine import Options
from viva_asr.engines.remote import Connection, make_workers
from viva_asr.segmenter import Cutting, Speech
from viva_asr.settings import AsrSettings
from viva_asr.transcript import Hypothesis, Segment, Word
from viva_asr.vad import SAMPLE_RATE_HZ


class OpenAIEngine:
    """Sends each stretch of speech as a WAV file to /audio/transcriptions."""

    name = "openai"
    languages = None
    partials = False  # each would be a request to somebody's server

    def __init__(self, settings: AsrSettings) -> None:
        if not settings.openai_url:
            raise EngineUnavailable("The asr engine 'openai' needs VIVA_ASR_OPENAI_URL, a server's URL ending in /v1.")
        self.model = settings.openai_model
        self.cutting = Cutting(max_s=settings.max_segment_s)
        key = settings.openai_api_key
        self._connection = Connection(
            settings.openai_url, key.get_secret_value() if key else None, settings.upstream_timeout_s
        )
        self.workers = make_workers(self._recognise, settings.workers, "VIVA_ASR_OPENAI_URL", "VIVA_ASR_OPENAI_MODEL")

    async def start(self) -> None:
        """Open the client; the server may come up later."""
        self._connection.open()

    async def close(self) -> None:
        """Close the client."""
        await self._connection.close()

    async def _recognise(self, speech: Speech, options: Options) -> Hypothesis:
        form = aiohttp.FormData()
        form.add_field("file", wav_bytes(speech.pcm, SAMPLE_RATE_HZ), filename="speech.wav", content_type="audio/wav")
        form.add_field("model", self.model)
        # Not every server knows verbose_json, so it is asked for only when something needs it.
        form.add_field("response_format", "verbose_json" if options.words else "json")
        if options.words:
            form.add_field("timestamp_granularities[]", "word")
        if options.language:
            form.add_field("language", options.language)
        if options.prompt:
            form.add_field("prompt", options.prompt)
        if options.temperature:
            form.add_field("temperature", str(options.temperature))
        answer = await self._connection.upstream.read_json("POST", "/audio/transcriptions", data=form)
        return _hypothesis(answer, speech.duration_s)


def _hypothesis(answer: Any, duration_s: float) -> Hypothesis:
    try:
        text = answer["text"].strip()
        words = tuple(
            Word(float(word["start"]), float(word["end"]), word["word"].strip()) for word in answer.get("words") or ()
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StageUnavailable("asr", "The transcription server's answer has no text.") from error
    return Hypothesis((Segment(0.0, duration_s, text, words),)) if text else Hypothesis()
