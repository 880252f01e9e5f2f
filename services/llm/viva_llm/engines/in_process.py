"""What engines without a server have in common: nothing to open, nothing to measure, one thing to serve."""

from typing import ClassVar

from viva_llm.engine import ServedModel
from viva_llm.failure import Failure, Reason
from viva_llm.load import Load


class InProcess:
    """Always there; knows no endpoint but that of answers."""

    kind: ClassVar[str]

    async def start(self) -> None:
        """Needs nothing."""

    async def close(self) -> None:
        """Holds nothing."""

    async def probe(self) -> tuple[ServedModel, ...]:
        """Can always serve, as a model that is called like the kind."""
        return (ServedModel(self.kind),)

    async def load(self) -> Load | None:
        """Says nothing of its load."""
        return None

    async def call(self, _path: str, _body: dict) -> dict:
        """Raises Failure."""
        raise Failure(Reason.NOT_SUPPORTED, "it has no server")
