"""The seam between the router and whatever answers: the protocol, the table, and the choice of `auto`.

A new kind of engine is one file in engines/, one line in ENGINES and one word in backend_list.KINDS.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import ClassVar, Protocol

from viva_llm.answer import Delta
from viva_llm.backend_list import BackendSpec, check_url, parse_backends
from viva_llm.chat import Asked
from viva_llm.load import Load
from viva_llm.settings import LLMSettings

ENGINES = {
    "openai": "viva_llm.engines.openai:OpenAIEngine",
    "extractive": "viva_llm.engines.extractive:ExtractiveEngine",
    "fake": "viva_llm.engines.fake:FakeEngine",
}


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that a server has loaded."""

    name: str
    max_model_len: int | None = None
    """Tokens of its context; None where the server does not say."""


class Engine(Protocol):
    """One replica's way to answer. Made with `(backend, url, settings)`; holds no resources before `start`.

    `backend` is the name of the backend that it is a replica of, `url` its base address, "" for one in this process.
    """

    kind: ClassVar[str]
    hears: ClassVar[bool]
    """Whether audio parts may be sent."""
    completes: ClassVar[bool]
    """Whether it continues a bare text, too."""

    async def start(self) -> None:
        """Opens what it needs. Raises EngineUnavailable."""

    async def close(self) -> None:
        """Gives everything back; called when no answer is under way any more."""

    async def probe(self) -> tuple[ServedModel, ...]:
        """Returns what it has loaded, when it could serve now; in milliseconds and at no cost. Raises Failure."""

    async def load(self) -> Load | None:
        """How much it has to do; None when it does not say. Raises Failure."""

    def stream(self, asked: Asked, model: str) -> AsyncGenerator[Delta]:
        """The answer as it is made. Raises Failure, before or after the first delta.

        Closing the generator stops the work behind it. No deadline is the engine's business except that of
        connecting: whoever reads the stream times it.
        """

    async def call(self, path: str, body: dict) -> dict:
        """The JSON answer of another endpoint, by its path behind the base address; "../" goes above /v1.

        Raises Failure, with NOT_SUPPORTED where there is no such endpoint.
        """


def choose(settings: LLMSettings) -> tuple[tuple[BackendSpec, ...], str]:
    """The list of backends that the settings ask for, and a sentence on why it is this one."""
    if settings.backends != "auto":
        return parse_backends(settings.backends), "VIVA_LLM_BACKENDS names this list"
    extractive = BackendSpec("extractive", "extractive")
    if not settings.openai_url:
        return (extractive,), "auto: VIVA_LLM_OPENAI_URL is not set, so answers are quoted without a model"
    url = check_url(settings.openai_url, settings.openai_url)
    openai = BackendSpec("openai", "openai", url, settings.openai_model)
    return (openai, extractive), "auto: VIVA_LLM_OPENAI_URL is set; extractive answers when that server does not"
