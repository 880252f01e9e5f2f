"""One server of a backend, together with what is known of it: its health, its load, its models."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from viva_llm.engine import Engine, ServedModel
from viva_llm.failure import Failure, Reason
from viva_llm.health import Health
from viva_llm.load import Load

# A server that has no metrics of this kind is asked for them rarely: it may be somebody else's, or be replaced.
_ASK_AGAIN_S = 60.0
# So many probes without an answer mean that the process hangs; one may only have met it busy.
_LATE_PROBES = 2
_NO_MODEL = (
    "its entry names no model and it lists none; write the model behind the address as '|model', or into its route"
)


class Replica:
    """Engines know nothing of their own record; it is kept here.

    `load_lasts_s` is for how long a load that was read counts; afterwards only our own requests do.
    """

    def __init__(
        self,
        name: str,
        engine: Engine,
        health: Health,
        *,
        load_lasts_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.engine = engine
        self.health = health
        self.models: tuple[ServedModel, ...] = ()
        self.load: Load | None = None
        self.in_flight = 0
        self.reading_load = False
        """Whether it is being asked for its load."""
        self._deadlines: set[asyncio.Timeout] = set()
        self._late_probes = 0
        self._load_lasts_s = load_lasts_s
        self._load_read_at = 0.0
        self._ask_load_at = 0.0
        self._has_no_load = False
        self._clock = clock
        self._log = structlog.get_logger()

    @property
    def fresh_load(self) -> Load | None:
        """The load that the server told of, unless that is too old to be true."""
        return self.load if self.load and self._clock() - self._load_read_at <= self._load_lasts_s else None

    @property
    def busy(self) -> int:
        """Requests that it has: ours, or what it told of, which has other routers' in it; whichever is more."""
        load = self.fresh_load
        return max(self.in_flight, load.running + load.waiting) if load else self.in_flight

    @property
    def queueing(self) -> bool:
        """Whether requests are known to wait there."""
        load = self.fresh_load
        return load is not None and load.waiting > 0

    def take(self) -> Callable[[], None]:
        """A request goes to it. What is returned says that it is over, and must be called, once."""
        self.in_flight += 1
        trial = self.health.asked()

        def release() -> None:
            self.in_flight -= 1
            self.health.released(trial)

        return release

    @contextmanager
    def waited_for(self, deadline: asyncio.Timeout) -> Iterator[None]:
        """Whoever waits for a first token does so in here: should the server turn out to hang, the wait ends early."""
        self._deadlines.add(deadline)
        try:
            yield
        finally:
            self._deadlines.discard(deadline)

    async def model_for(self, model: str) -> str:
        """The model to ask for: the one given, else the first that the server has. Raises Failure."""
        if model:
            return model
        if not self.models:
            self.models = await self.engine.probe()
        if not self.models:
            raise Failure(Reason.REFUSED, _NO_MODEL)
        return self.models[0].name

    async def probe(self, timeout_s: float, *, learns_model: bool) -> None:
        """Asks whether it could serve, and notes the answer. `learns_model`: it is of no use without a list.

        A server without vLLM's metrics is left alone while it answers us: one that does one thing at a time, as
        llama-cpp-python's does, would let the probe wait, or break the answer off for its sake.
        """
        if self.in_flight and self._has_no_load:
            return
        before = self.health.serving
        try:
            async with asyncio.timeout(timeout_s):
                self.models = await self.engine.probe()
            if learns_model and not self.models:
                raise Failure(Reason.REFUSED, _NO_MODEL)
        except Failure as failure:
            self.health.probe_failed(failure)
        except TimeoutError:
            self.health.probe_failed(Failure(Reason.TIMEOUT, f"no answer to a probe within {timeout_s:g} s"))
            self._late_probes += 1
            if self._late_probes >= _LATE_PROBES:
                self._end_waits()
        except Exception:
            self._log.exception("probe raised an unmapped error", replica=self.name)
        else:
            self._late_probes = 0
            self.health.probed()
        if before is not self.health.serving:
            self._tell()

    async def read_load(self, timeout_s: float) -> None:
        """Asks how much it has to do. What cannot be read just grows old: probes tell of its health."""
        if self._clock() < self._ask_load_at:
            return
        self.reading_load = True
        try:
            async with asyncio.timeout(timeout_s):
                load = await self.engine.load()
        except (Failure, TimeoutError):
            return
        except Exception:
            self._log.exception("reading a load raised an unmapped error", replica=self.name)
            return
        finally:
            self.reading_load = False
        self.load, self._load_read_at, self._has_no_load = load, self._clock(), load is None
        if load is None:
            self._ask_load_at = self._clock() + _ASK_AGAIN_S

    def _end_waits(self) -> None:
        now = asyncio.get_running_loop().time()
        for deadline in self._deadlines:
            if not deadline.expired():
                deadline.reschedule(now)

    def _tell(self) -> None:
        if self.health.serving:
            self._log.info("replica serves", replica=self.name, models=[model.name for model in self.models])
        else:
            self._log.warning("replica does not serve", replica=self.name, said=self.health.last_error)

    def body(self) -> dict:
        """As /status shows it."""
        load = self.fresh_load
        rate = load.prefix_hit_rate if load else None
        return {
            "address": self.name,
            **self.health.body(),
            "in_flight": self.in_flight,
            "running": load.running if load else None,
            "waiting": load.waiting if load else None,
            "kv_usage": round(load.kv_usage, 4) if load else None,
            "prefix_hit_rate": None if rate is None else round(rate, 4),
            "models": [{"id": model.name, "max_model_len": model.max_model_len} for model in self.models],
        }
