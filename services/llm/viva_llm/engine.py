"""The seam between the routes and whatever answers: the protocol, the table, and the choice of `auto`.

A new kind of backend is one file in engines/, one line in ENGINES and one word in backend_list.KINDS.
"""

from collections.abc import AsyncGenerator
from typing import Protocol

from viva.service.engines import import_engine
from viva_llm.answer import Delta
from viva_llm.backend_list import BackendSpec, check_url, parse_backends
from viva_llm.chat import Chat
from viva_llm.settings import LLMSettings

ENGINES = {
    "openai": "viva_llm.engines.openai:OpenAIBackend",
    "extractive": "viva_llm.engines.extractive:ExtractiveBackend",
    "fake": "viva_llm.engines.fake:FakeBackend",
}


class Backend(Protocol):
    """Something that answers chats. Made with `(spec, settings)`; holds no resources before `start`."""

    name: str
    """Unique in the list; a header value and a metric label."""
    kind: str
    model: str
    """What answers, as it is reported to clients; "" until an openai backend has learned it from its server."""
    hears: bool
    """Whether audio parts may be sent."""

    async def start(self) -> None:
        """Opens what the backend needs. Raises EngineUnavailable, which stops the service's start."""

    async def close(self) -> None:
        """Gives everything back; called when no answer is under way any more."""

    async def probe(self) -> None:
        """Returns when the backend could serve now, in milliseconds and at no cost. Raises Failure."""

    def stream(self, chat: Chat) -> AsyncGenerator[Delta]:
        """The answer as it is made. Raises Failure, before or after the first delta.

        Closing the generator stops the work behind it. No deadline is the backend's business except that of
        connecting: whoever reads the stream times it.
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


def make_backends(specs: tuple[BackendSpec, ...], settings: LLMSettings) -> list[Backend]:
    """The backends of a list, not started. Raises EngineUnavailable when one cannot be loaded here."""
    return [import_engine(ENGINES, spec.kind, stage="llm")(spec, settings) for spec in specs]
