"""Which model answers, as far as the plan depends on it: read from GET /v1/models and never waited for for long."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace

from viva.errors import VivaError
from viva.service.upstream import Upstream

# Models change when somebody changes them; a stage that was away is looked at again sooner.
FRESH_S = 30.0
RETRY_S = 5.0
READ_S = 5.0

# How long a limit is believed that a server told us by refusing.
REFUSED_S = 600.0
LEAST_LIMIT = 1024

QUOTING = frozenset({"extractive"})
WHOLE_LIST = "viva"


@dataclass(frozen=True, slots=True)
class Model:
    """What is known of whatever answers.

    `name` is the model that is asked first, "" when not known; `limit` its context in tokens, None when nobody says.
    `quotes_only` means that no language model is there, so that nothing has a limit.
    """

    name: str = ""
    limit: int | None = None
    quotes_only: bool = False


class Models:
    """Keeps what GET /v1/models says of the model `asked`; looks again in the background."""

    def __init__(self, llm: Upstream, asked: str, *, wait_s: float) -> None:
        self._llm = llm
        self._asked = asked
        self._wait_s = wait_s
        self._known: Model | None = None
        self._stale_at = 0.0
        self._reading: asyncio.Task[None] | None = None
        self._refused: tuple[int, float] | None = None

    async def known(self) -> Model:
        """The model as it was last seen; only the very first look is waited for, and not for long."""
        if time.monotonic() >= self._stale_at and (self._reading is None or self._reading.done()):
            self._reading = asyncio.create_task(self._read())
        if self._known is None and self._reading is not None:
            await asyncio.wait([self._reading], timeout=self._wait_s)
        model = self._known or Model()
        if self._refused is None or time.monotonic() >= self._refused[1]:
            return model
        return replace(model, limit=min(self._refused[0], model.limit or self._refused[0]))

    def learn_limit(self, limit: int) -> None:
        """Take note of a limit that the tokenizer named, where the list of models has none."""
        if self._known is not None and self._known.limit is None:
            self._known = replace(self._known, limit=limit)

    def refused(self, limit: int) -> None:
        """Take note that prompts planned for a larger limit than this are refused."""
        self._refused = max(LEAST_LIMIT, limit), time.monotonic() + REFUSED_S

    async def close(self) -> None:
        """Stop looking."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    async def _read(self) -> None:
        try:
            listed = await self._llm.read_json("GET", "/v1/models", first_byte_s=READ_S)
        except VivaError:
            self._stale_at = time.monotonic() + RETRY_S
            return
        found = read_model(listed, self._asked)
        learnt = self._known.limit if self._known is not None and self._known.name == found.name else None
        self._known = replace(found, limit=found.limit or learnt)
        self._stale_at = time.monotonic() + FRESH_S


def read_model(listed: object, asked: str) -> Model:
    """What a list of models says of the one that is asked for by name, or by an alias of Viva's llm service."""
    data = listed.get("data") if isinstance(listed, dict) else None
    entries = [entry for entry in data or () if isinstance(entry, dict) and isinstance(entry.get("id"), str)]
    own = next((entry for entry in entries if entry["id"] == asked), None)
    if own is None:
        return Model(name=asked)
    behind = _behind(own, entries)
    speaking = [name for name in behind if name not in QUOTING]
    limits = [_limit(own)] if _limit(own) else [_limit(entry) for entry in entries if entry["id"] in speaking]
    return Model(
        name=speaking[0] if speaking else asked,
        limit=min((limit for limit in limits if limit), default=None),
        quotes_only=bool(behind) and not speaking,
    )


def _behind(own: dict, entries: list[dict]) -> list[str]:
    """The models that a name stands for, in order: itself, unless it is an alias."""
    routes = own.get("models") or own.get("routes")
    if isinstance(routes, list):
        names = [route.get("model") or route.get("backend") if isinstance(route, dict) else route for route in routes]
        return [name for name in names if isinstance(name, str)]
    if own["id"] == WHOLE_LIST:
        others = [entry for entry in entries if entry is not own]
        # Newer ones tell aliases from models by their owner.
        return [entry["id"] for entry in others if entry.get("owned_by") != "viva"] or [entry["id"] for entry in others]
    return [own["id"]]


def _limit(entry: dict) -> int | None:
    limit = entry.get("max_model_len")
    return limit if isinstance(limit, int) and limit > 0 else None
