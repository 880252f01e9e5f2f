"""The three stages as the turn sees them. Each speaks the OpenAI API, so any server that does can stand in."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import aiohttp
import orjson
from prometheus_client import Counter

from viva.errors import StageUnavailable
from viva.events import Usage
from viva.service.upstream import Upstream
from viva.sse import SSEParser
from viva_orchestrator.settings import Settings

T = TypeVar("T")

SPEECH = "/v1/audio/speech"
MOST_SPEECH_BYTES = 64 * 2**20

# {"role", "content"} of the OpenAI API; the content is text, or a list of parts.
Message = dict[str, object]


@dataclass(frozen=True, slots=True)
class AnswerChunk:
    """A piece of the answer as the model writes it, citation marks and all."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerEnd:
    """The model has finished: the tokens it counted."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class AnswerStart:
    """The llm stage has begun to answer; `degraded` names the backend that had to stand in, if one did."""

    degraded: str | None


class Stages:
    """Clients of asr, llm and tts on one shared HTTP session; `retried` counts second tries by stage and outcome."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession, retried: Counter | None = None) -> None:
        self._settings = settings
        self._retried = retried
        key = settings.stage_api_key.get_secret_value() if settings.stage_api_key else None
        self.asr = Upstream("asr", str(settings.asr_url), session, api_key=key, first_byte_s=settings.asr_timeout_s)
        self.llm = Upstream("llm", str(settings.llm_url), session, api_key=key, first_byte_s=settings.first_token_s)
        self.tts = Upstream("tts", str(settings.tts_url), session, api_key=key, first_byte_s=settings.tts_timeout_s)

    async def transcribe(self, audio: bytes) -> str:
        """The words of a spoken question; empty when there is no speech."""

        async def ask() -> str:
            form = aiohttp.FormData()
            file = io.BytesIO(audio)  # aiohttp sends a file in blocks, and bytes in one piece that holds the event loop
            form.add_field("file", file, filename="question", content_type="application/octet-stream")
            form.add_field("model", self._settings.asr_model)
            form.add_field("response_format", "json")
            headers = {"X-Viva-Priority": "interactive"}
            answer = await self.asr.read_json("POST", "/v1/audio/transcriptions", data=form, headers=headers)
            return str(answer.get("text", "")).strip() if isinstance(answer, dict) else ""

        return await self._once_more("asr", ask)

    async def answer(
        self, messages: list[Message], *, lecture_id: str | None, session_id: str
    ) -> AsyncIterator[AnswerStart | AnswerChunk | AnswerEnd]:
        """The model's answer. Raises StageUnavailable when the stream breaks off or ends without its finish mark.

        There is no retry here: the llm stage has its own, over its backends.
        """
        body = {
            "model": self._settings.llm_model,
            "messages": messages,
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": self._settings.answer_max_tokens,
            "temperature": 0.2,
            "prompt_cache_key": f"lecture:{lecture_id}" if lecture_id else f"session:{session_id}",
        }
        headers = {"X-Viva-Session": session_id} | ({"X-Viva-Lecture": lecture_id} if lecture_id else {})
        reader = _AnswerReader()
        async with self.llm.open("POST", "/v1/chat/completions", json=body, headers=headers) as response:
            yield AnswerStart(response.headers.get("X-Viva-Degraded"))
            async for chunk in response.content.iter_any():
                if text := reader.feed(chunk):
                    yield AnswerChunk(text)
                if reader.done:
                    break
        if not reader.finished:
            raise _broken_off()
        yield AnswerEnd(reader.usage)

    async def read_ahead(self, messages: list[Message], *, lecture_id: str, quoted: bool) -> None:
        """Has whatever answers about a lecture read what its prompts begin with.

        Nothing stands in for a language model, since that would not help its reading; `quoted`: there is none.
        """
        body = {
            "model": self._settings.llm_model,
            # Some chat templates refuse a prompt that asks nothing.
            "messages": [*messages, {"role": "user", "content": "?"}],
            "max_tokens": 1,
            "temperature": 0,
            "prompt_cache_key": f"lecture:{lecture_id}",
        }
        headers = {"X-Viva-Lecture": lecture_id} | ({} if quoted else {"X-Viva-Fallback": "none"})
        await self.llm.read("POST", "/v1/chat/completions", json=body, headers=headers)

    async def speak(
        self, text: str, *, voice: str, audio_format: str, speed: float = 1.0, needed_in_s: float = 0.0
    ) -> bytes:
        """One sentence as an audio file in `audio_format`; `speed` 1 is as fast as the voice is.

        For `needed_in_s` the listener has something else to hear: who has not is served first.
        """
        asked = self._speech(text, voice, audio_format, speed, needed_in_s)
        return await self._once_more("tts", lambda: self.tts.read("POST", SPEECH, **asked))

    async def speak_to(
        self,
        take: Callable[[bytes], None],
        text: str,
        *,
        voice: str,
        audio_format: str,
        speed: float = 1.0,
        needed_in_s: float = 0.0,
        take_back: Callable[[], bool],
    ) -> None:
        """The same, given to `take` part by part as it is made.

        A second try begins anew, so there is none unless `take_back` forgets all that was taken of the first. What has
        been heard cannot be gone on with: hardly a voice says the same words twice at the same pace.
        """
        asked = self._speech(text, voice, audio_format, speed, needed_in_s)

        async def ask() -> None:
            passed = 0
            async with self.tts.open("POST", SPEECH, **asked) as response:
                async for part in response.content.iter_any():
                    passed += len(part)
                    if passed > MOST_SPEECH_BYTES:
                        raise StageUnavailable("tts", "The tts stage sent more than it may.")
                    take(part)

        await self._once_more("tts", ask, may=take_back)

    def _speech(self, text: str, voice: str, audio_format: str, speed: float, needed_in_s: float) -> dict[str, object]:
        body = {"model": self._settings.tts_model, "input": text, "voice": voice, "response_format": audio_format}
        return {
            "json": body | ({"speed": speed} if speed != 1.0 else {}),
            "headers": {"X-Viva-Needed-In-Ms": str(round(needed_in_s * 1000))},
        }

    async def _once_more(
        self, stage: str, call: Callable[[], Awaitable[T]], *, may: Callable[[], bool] = lambda: True
    ) -> T:
        """Tries twice when a replica cannot be reached or dies: the second connection meets another one."""
        try:
            return await call()
        except StageUnavailable:
            if not may():
                raise
            outcome = "failed"
            try:
                result = await call()
                outcome = "ok"
                return result
            finally:
                if self._retried is not None:
                    self._retried.labels(stage, outcome).inc()


class _AnswerReader:
    """Reads the chunks of a chat completion; chunks that came together give their text together."""

    def __init__(self) -> None:
        self.finished = False
        self.done = False
        self.usage = Usage()
        self._parser = SSEParser()

    def feed(self, body: bytes) -> str:
        try:
            return "".join(self._text(event.data) for event in self._parser.feed(body))
        except ValueError as error:  # not JSON, or an event without end
            raise _broken_off() from error

    def _text(self, data: str) -> str:
        if data == "[DONE]":
            self.done = True
            return ""
        chunk = orjson.loads(data)
        if not isinstance(chunk, dict) or chunk.get("error"):
            raise _broken_off()
        if usage := chunk.get("usage"):
            self.usage = Usage(usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0)
        if not (choices := chunk.get("choices")):
            return ""
        if choices[0].get("finish_reason"):
            self.finished = True
        return (choices[0].get("delta") or {}).get("content") or ""


def _broken_off() -> StageUnavailable:
    return StageUnavailable("llm", "The answer broke off before its end; ask again.", code="llm_interrupted")
