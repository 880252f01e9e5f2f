"""Model servers as vLLM is one: answers are written together, each slower the more there are; prompts stop the rest."""

import random
from collections.abc import Iterator

from viva.plan.clock import Clock, Process, Wait
from viva.plan.layout import Model
from viva.plan.shared import Shared
from viva.plan.waiting import Places

# As the router places (services/llm/viva_llm/placement.py): a lecture stays where it is up to so many requests, and
# up to so much above the mean.
_STICKY_REQUESTS = 8
_LOAD_FACTOR = 1.25
# Questions at one time are about so many lectures for each replica, the first of them the most.
_LECTURES_EACH = 8


class ModelServer:
    """One replica: `slots` answers at once, one prompt being read at a time."""

    def __init__(self, clock: Clock, model: Model) -> None:
        self._model = model
        self._slots = Places(clock, model.slots)
        self._reading = Places(clock, 1)
        self._writing = Shared(clock, lambda n: 1000.0 / model.step_ms(n))
        self._clock = clock
        self.under_way = 0
        self.read_s = 0.0
        self.wrote_tokens = 0.0

    def read(self) -> Process:
        """Waits for a slot and reads the prompt; ends with the first token. `leave` gives the slot back."""
        self.under_way += 1
        yield self._slots.take()
        yield from self._occupy(self._model.read_ms / 1000)

    def read_ahead(self) -> Process:
        """Reads a lecture that is in no cache, as when a conversation about it is opened."""
        yield from self._occupy(self._model.cold_ms / 1000)

    def _occupy(self, seconds: float) -> Process:
        yield self._reading.take()
        self._writing.pause()
        self.read_s += seconds
        yield seconds
        self._writing.go_on()
        self._reading.give_back()

    def write(self, tokens: float) -> Wait:
        """Waits until so many tokens more are written."""
        self.wrote_tokens += tokens
        return self._writing.work(tokens)

    def leave(self) -> None:
        """The answer is written."""
        self.under_way -= 1
        self._slots.give_back()


class ModelServers:
    """All replicas, with the router's choice between them: a lecture's own, unless it has too much to do."""

    def __init__(self, clock: Clock, model: Model, count: int) -> None:
        self._model = model
        self._servers = [ModelServer(clock, model) for _ in range(count)]
        lectures = count * _LECTURES_EACH
        orders = random.Random(count)
        self._orders = [orders.sample(range(count), min(count, 4)) for _ in range(lectures)]
        self._popular = [1 / rank for rank in range(1, lectures + 1)]  # Zipf
        self._under_way = 0

    def pick(self, draw: random.Random) -> ModelServer:
        """The replica for a question about one of the lectures, drawn by their popularity."""
        (order,) = draw.choices(self._orders, self._popular)
        mean = sum(server.under_way for server in self._servers) / len(self._servers)
        bound = max(_STICKY_REQUESTS, _LOAD_FACTOR * mean)
        return next(self._below(order, bound), min(self._servers, key=lambda server: server.under_way))

    def alone_ms(self, tokens: float) -> float:
        """What a prompt and so many tokens take when nobody else is there."""
        return self._model.read_ms + tokens * self._model.step_ms(1)

    def _below(self, order: list[int], bound: float) -> Iterator[ModelServer]:
        return (self._servers[at] for at in order if self._servers[at].under_way < bound)

    def busy(self, seconds: float) -> float:
        """The share of their time that they would need if each batch were as full as it may be."""
        full_s = self._model.step_ms(self._model.slots) / 1000 / self._model.slots
        used_s = sum(server.read_s + server.wrote_tokens * full_s for server in self._servers)
        return used_s / (seconds * len(self._servers))
