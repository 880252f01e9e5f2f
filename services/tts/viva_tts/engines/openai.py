"""Any OpenAI-compatible speech server by URL: its PCM is passed on while it comes."""

from collections.abc import AsyncGenerator

import aiohttp
import structlog

from viva.errors import EngineUnavailable, InvalidRequest, StageUnavailable, VivaError
from viva.service.upstream import Upstream, client_session
from viva_tts.bridge import Bridge
from viva_tts.engine import Pcm, Voice
from viva_tts.settings import TTSSettings
from viva_tts.voices import OPENAI_VOICES

_VOICES_WITHIN_S = 2.0
# What this service says itself of a text that its voices cannot say; the other sentences are spoken all the same.
_NOTHING_TO_SAY = ("text_empty", "text_unspeakable")


class OpenAIEngine:
    """Asks for `pcm`, which is OpenAI's name for s16le mono without a header."""

    name = "openai"

    def __init__(self, settings: TTSSettings, bridge: Bridge) -> None:
        if not settings.openai_url:
            raise EngineUnavailable(
                "The tts engine 'openai' needs VIVA_TTS_OPENAI_URL, the base URL of a speech server."
            )
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None
        self._server: Upstream | None = None
        self.model = settings.openai_model
        self.voices: list[Voice] = []
        self.default_voice = settings.voice

    async def start(self) -> None:
        """Opens the session and asks for the server's voices; a server that is not up yet does not stop the start."""
        key = self._settings.openai_api_key
        self._session = client_session()
        self._server = Upstream(
            "tts",
            self._settings.openai_url.removesuffix("/v1"),
            self._session,
            api_key=key.get_secret_value() if key else None,
            first_byte_s=self._settings.sentence_timeout_s,
            between_s=self._settings.sentence_timeout_s,
        )
        self.voices = await self._listed_voices()
        self.default_voice = self.default_voice or self.voices[0].id

    async def close(self) -> None:
        """Closes the session."""
        if self._session is not None:
            await self._session.close()

    async def synthesize(self, text: str, voice: str, speed: float, due: float = 0.0) -> AsyncGenerator[Pcm]:
        """The server's audio, chunk by chunk."""
        body = {
            "model": self.model,
            "input": text,
            "voice": voice,
            "response_format": "pcm",
            "speed": speed,
        }
        try:
            async with self._server.open("POST", "/v1/audio/speech", json=body) as response:
                _check_is_pcm(response.headers.get("Content-Type", ""))
                odd = b""
                async for chunk in response.content.iter_any():
                    chunk = odd + chunk
                    whole = len(chunk) // 2 * 2
                    odd = chunk[whole:]
                    if whole:
                        yield Pcm(chunk[:whole], self._settings.openai_rate_hz)
        except InvalidRequest as error:
            if error.code not in _NOTHING_TO_SAY:
                raise

    async def _listed_voices(self) -> list[Voice]:
        """What `GET /v1/audio/voices` lists, in any of the shapes in use; OpenAI's own voices where it lists none."""
        try:
            listed = await self._server.read_json("GET", "/v1/audio/voices", first_byte_s=_VOICES_WITHIN_S)
        except VivaError as error:
            structlog.get_logger().info("the speech server lists no voices", code=error.code)
            listed = None
        voices = [voice for item in _items(listed) if (voice := _voice(item))]
        own = self._settings.voice
        if own and own not in {voice.id for voice in voices}:
            voices.insert(0, Voice(own))
        return voices or [Voice(name, gender=gender) for name, gender in OPENAI_VOICES.items()]


def _items(listed: object) -> list:
    if isinstance(listed, dict):
        listed = listed.get("voices", listed.get("data"))
    return listed if isinstance(listed, list) else []


def _voice(item: object) -> Voice | None:
    if isinstance(item, str):
        return Voice(item)
    if not isinstance(item, dict):
        return None
    name = item.get("id") or item.get("voice_id") or item.get("name")
    gender = item.get("gender") if item.get("gender") in ("female", "male") else "unknown"
    return Voice(name, str(item.get("language") or "en"), gender) if isinstance(name, str) else None


def _check_is_pcm(content_type: str) -> None:
    """Some servers send what they can rather than what they are asked for; played as PCM that would be noise."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind and kind not in ("audio/pcm", "audio/l16", "audio/x-pcm", "application/octet-stream"):
        raise StageUnavailable("tts", f"The speech server was asked for PCM and sent {kind[:40]!r}.")
