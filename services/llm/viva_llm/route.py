"""One way to an answer: a model of a backend, and how long it may take."""

from dataclasses import dataclass

from viva_llm.backend import Backend


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long to wait for tokens, in seconds."""

    first_token_s: float
    chunk_s: float


@dataclass(frozen=True, slots=True)
class Route:
    """A step of an alias. `model` is "" where the server's first is meant."""

    backend: Backend
    model: str
    deadlines: Deadlines

    @property
    def shown_model(self) -> str:
        """The model as clients see it, "" while it is not known."""
        return self.model or self.backend.learned_model

    @property
    def max_model_len(self) -> int | None:
        """Tokens of its context, None while that is not known."""
        return self.backend.max_model_len(self.model)
