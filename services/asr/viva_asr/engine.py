"""What an engine is, which ones there are, and which one `auto` takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from viva.service.engines import import_engine
from viva_asr.engines import presence
from viva_asr.segmenter import Cutting, Speech
from viva_asr.settings import AsrSettings
from viva_asr.transcript import Hypothesis

ENGINES = {
    "whisper": "viva_asr.engines.whisper:WhisperEngine",
    "moonshine": "viva_asr.engines.moonshine:MoonshineEngine",
    "pocketsphinx": "viva_asr.engines.pocketsphinx:PocketSphinxEngine",
    "openai": "viva_asr.engines.openai:OpenAIEngine",
    "chat": "viva_asr.engines.chat:ChatEngine",
    "fake": "viva_asr.engines.fake:FakeEngine",
}


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller wants of one recording. Segments with equal options may share a batch."""

    language: str | None = None
    """ISO 639-1 code; None: the engine finds out."""
    prompt: str | None = None
    """Words that are likely to occur, or the text before."""
    temperature: float = 0.0
    """0..1; for engines that sample."""
    words: bool = False
    """Whether word times are wanted."""
    partial: bool = False
    """Whether the speech still goes on: the answer is wanted soon, and is thrown away after the next."""


class Worker(Protocol):
    """What recognises one batch at a time. An engine has as many as can usefully work at once."""

    reserved: bool
    """Whether it is kept free for interactive requests."""
    batch_size: int
    """How many stretches of speech it takes at once."""

    async def transcribe(self, batch: Sequence[Speech], options: Options) -> list[Hypothesis]:
        """Return one hypothesis per stretch, times relative to its start; being cancelled stops the work."""

    async def settle(self) -> None:
        """Return once nothing goes on any more of what was cancelled: native code may run to its end."""


class Engine(Protocol):
    """A speech recogniser."""

    name: str
    model: str
    languages: frozenset[str] | None
    """ISO 639-1 codes that it knows; None when nobody can tell."""
    cutting: Cutting
    """How it wants its speech cut."""
    workers: Sequence[Worker]
    """Filled by `start`; does not change afterwards."""
    partials: bool
    """Whether it is quick and cheap enough to be asked several times a second about speech that goes on."""

    def __init__(self, settings: AsrSettings) -> None: ...

    async def start(self) -> None:
        """Load the model and warm it up. Raises EngineUnavailable with a sentence that says what is missing."""

    async def close(self) -> None:
        """Stop the workers."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine that was taken, and why."""

    name: str
    why: str


def choose(settings: AsrSettings) -> Choice:
    """Take the engine that the settings name, or for `auto` the best one that can run here."""
    if settings.engine != "auto":
        return Choice(settings.engine, "VIVA_ASR_ENGINE names it")
    model = settings.find_whisper_model()
    if model is not None:
        return Choice("whisper", f"its model {model.name} is present")
    if settings.openai_url:
        return Choice("openai", "no Whisper model is present, and VIVA_ASR_OPENAI_URL names a server")
    unnamed = "no Whisper model is present and no server is named"
    if presence.moonshine_model() is not None:
        return Choice("moonshine", f"{unnamed}; this model is built in")
    return Choice("pocketsphinx", f"{unnamed}; this model is built in, and moonshine is not made for this machine")


def make_engine(settings: AsrSettings, choice: Choice) -> Engine:
    """Import and construct the chosen engine, without loading its model. Raises EngineUnavailable."""
    return import_engine(ENGINES, choice.name, stage="asr")(settings)
