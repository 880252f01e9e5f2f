"""The seam between the routes and whatever speaks: the protocol, the table, and the choice of `auto`.

A new engine is one file in engines/, one line in ENGINES and one word in settings.EngineName.
"""

import importlib.util
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, Protocol

from viva.service.engines import import_engine
from viva_tts.bridge import Bridge
from viva_tts.piper_voices import find_voices
from viva_tts.settings import TTSSettings

ENGINES: Mapping[str, str] = MappingProxyType(
    {
        "piper": "viva_tts.engines.piper:PiperEngine",
        "flite": "viva_tts.engines.flite:FliteEngine",
        "gtts": "viva_tts.engines.gtts:GttsEngine",
        "openai": "viva_tts.engines.openai:OpenAIEngine",
        "fake": "viva_tts.engines.fake:FakeEngine",
    }
)

Gender = Literal["female", "male", "unknown"]


@dataclass(frozen=True, slots=True)
class Pcm:
    """A stretch of speech: s16le mono samples."""

    data: bytes
    rate_hz: int

    @property
    def duration_s(self) -> float:
        """How long it plays, in seconds."""
        return len(self.data) / 2 / self.rate_hz


@dataclass(frozen=True, slots=True)
class Voice:
    """One voice of an engine."""

    id: str
    language: str = "en"
    gender: Gender = "unknown"
    description: str = ""


class Engine(Protocol):
    """Something that speaks. Made with `(settings, bridge)`; holds no resources before `start`."""

    name: str
    model: str
    """What speaks, for /status."""
    voices: list[Voice]
    """Known once started; at least one."""
    default_voice: str

    async def start(self) -> None:
        """Opens what the engine needs. Raises EngineUnavailable, which stops the service's start."""

    async def close(self) -> None:
        """Gives everything back."""

    def synthesize(self, text: str, voice: str, speed: float, due: float = 0.0) -> AsyncGenerator[Pcm]:
        """One speakable sentence as audio, all at one rate; nothing where the voice cannot say any of it.

        `speed` is 0.25 to 4. `due` is when it is needed, for the bridge of an engine that works on this machine.
        Closing the generator stops the work behind it. Raises StageUnavailable or Overloaded.
        """


def choose(settings: TTSSettings) -> tuple[str, str]:
    """The name of the engine that the settings ask for, and a sentence on why it is this one."""
    if settings.engine != "auto":
        return settings.engine, f"VIVA_TTS_ENGINE is {settings.engine}"
    voices = find_voices(settings)
    if voices and importlib.util.find_spec("piper") is not None:
        return "piper", f"auto: there is a Piper voice, {voices[0].stem}"
    without = "there is no Piper voice" if not voices else "a Piper voice is there, but piper-tts is not installed"
    if settings.openai_url:
        return "openai", f"auto: {without}, and VIVA_TTS_OPENAI_URL is set"
    return "flite", f"auto: {without}, and VIVA_TTS_OPENAI_URL is not set"


def make_engine(name: str, settings: TTSSettings, bridge: Bridge) -> Engine:
    """The engine, not started. Raises EngineUnavailable when it cannot be loaded here."""
    return import_engine(ENGINES, name, stage="tts")(settings, bridge)
