"""Transcription by asking a chat model that hears, such as Qwen2.5-Omni on vLLM."""

import base64
import re
from typing import Any

from viva.audio import wav_bytes
from viva.errors import EngineUnavailable, StageUnavailable
from viva_asr.engine import Options
from viva_asr.engines.remote import Connection, make_workers
from viva_asr.languages import LANGUAGES
from viva_asr.segmenter import Cutting, Speech
from viva_asr.settings import AsrSettings
from viva_asr.transcript import Hypothesis, Segment
from viva_asr.vad import SAMPLE_RATE_HZ

_INSTRUCTION = (
    "Transcribe the speech in this recording word for word. Answer with the transcript alone: no introduction, "
    "no quotation marks, no comment. If there is no speech, answer with [silence]."
)
_TOKENS_PER_S = 12
"""Fast speech is about 6; the limit only stops a model that repeats itself."""

# What such models put around a transcript although asked not to.
_LEAD_IN = re.compile(
    r"^(?:(?:sure|certainly|of course|okay)[,.!]?\s+)?(?:here(?:'s| is)\s+|this is\s+)?(?:the\s+|a\s+|my\s+)?"
    r"(?:(?:\w+\s+){0,2}transcri(?:pt|ption)\b[^:\n]{0,60}"
    r"|(?:original\s+)?(?:content|speech|text) (?:of|in) (?:the|this) (?:audio|recording|speech)[^:\n]{0,20})"
    r":\s*",
    re.IGNORECASE,
)
_SAYS = re.compile(r"^the (?:speaker|person|man|woman|audio|recording) (?:says|said|states)[,:]?\s*(?=[\"'“‘])", re.I)
_SILENCE = re.compile(r"^[\[(<]?\s*(?:silence|no speech(?: detected)?|inaudible)\s*[\])>]?[.]?$", re.IGNORECASE)
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "`": "`"}
_FENCE = re.compile(r"^```\w*\s*(.*?)\s*```$", re.DOTALL)


def bare_transcript(answer: str) -> str:
    """Return what was said, without the wrapper that a chat model puts around it; "" for silence."""
    text = answer.strip()
    if fenced := _FENCE.match(text):
        text = fenced.group(1)
    text = _SAYS.sub("", _LEAD_IN.sub("", text, count=1), count=1).strip()
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1].removesuffix("."):
        text = text[1:-1].strip()
    return "" if _SILENCE.match(text) else " ".join(text.split())


class ChatEngine:
    """Sends each stretch of speech as a part of a chat message."""

    name = "chat"
    languages = None
    partials = False  # each would be a request to somebody's server

    def __init__(self, settings: AsrSettings) -> None:
        if not settings.chat_url:
            raise EngineUnavailable("The asr engine 'chat' needs VIVA_ASR_CHAT_URL, a server's URL ending in /v1.")
        self._asks_for = {"model": settings.chat_model} if settings.chat_model else {}
        self.model = settings.chat_model or "default"
        self.cutting = Cutting(max_s=settings.max_segment_s)
        self._part = settings.chat_audio_part
        key = settings.chat_api_key
        self._connection = Connection(
            settings.chat_url, key.get_secret_value() if key else None, settings.upstream_timeout_s
        )
        self.workers = make_workers(self._recognise, settings.workers, "VIVA_ASR_CHAT_URL", "VIVA_ASR_CHAT_MODEL")

    async def start(self) -> None:
        """Open the client; the server may come up later."""
        self._connection.open()

    async def close(self) -> None:
        """Close the client."""
        await self._connection.close()

    async def _recognise(self, speech: Speech, options: Options) -> Hypothesis:
        body = {
            **self._asks_for,
            "messages": [{"role": "user", "content": [self._audio(speech), _text(options)]}],
            "temperature": options.temperature,
            "max_tokens": 32 + round(_TOKENS_PER_S * speech.duration_s),
        }
        answer = await self._connection.upstream.read_json("POST", "/chat/completions", json=body)
        text = bare_transcript(_content(answer))
        return Hypothesis((Segment(0.0, speech.duration_s, text),)) if text else Hypothesis()

    def _audio(self, speech: Speech) -> dict[str, Any]:
        data = base64.b64encode(wav_bytes(speech.pcm, SAMPLE_RATE_HZ)).decode()
        if self._part == "audio_url":
            return {"type": "audio_url", "audio_url": {"url": f"data:audio/wav;base64,{data}"}}
        return {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}


def _text(options: Options) -> dict[str, str]:
    text = _INSTRUCTION
    if options.language:
        text += f" The language is {LANGUAGES.get(options.language, options.language)}."
    if options.prompt:
        text += f" These words may occur: {options.prompt}"
    return {"type": "text", "text": text}


def _content(answer: Any) -> str:
    try:
        content = answer["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError) as error:
        raise StageUnavailable("asr", "The chat server's answer has no message.") from error
    if not isinstance(content, str):
        raise StageUnavailable("asr", "The chat server's answer has no text.")
    return content
