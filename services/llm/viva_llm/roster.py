"""All backends of the service and the names that clients ask for them by."""

import asyncio

import structlog

from viva.errors import NotFound
from viva_llm.engine import Backend
from viva_llm.failure import Failure, Reason
from viva_llm.health import Health
from viva_llm.member import Member

WHOLE_LIST = "viva"
"""The model name that means the whole list, in order."""


class Roster:
    """Looks every backend up by model name, and looks after them while the service runs."""

    def __init__(self, backends: list[Backend], *, rest_s: float, probe_interval_s: float, probe_timeout_s: float):
        self.members = [Member(backend, Health(rest_s)) for backend in backends]
        self._probe_interval_s = probe_interval_s
        self._probe_timeout_s = probe_timeout_s
        self._log = structlog.get_logger()
        self._watch: asyncio.Task | None = None

    def members_for(self, model: str | None) -> list[Member]:
        """The backends to try, in order. Raises NotFound for a name that nobody goes by."""
        if model is None or model == WHOLE_LIST:
            return self.members
        for member in self.members:
            if model in (member.name, member.backend.model):
                return [member]
        known = ", ".join(repr(name) for name in self.models())
        raise NotFound(f"There is no model {model!r} here; there are {known}.", code="model_not_found", param="model")

    def models(self) -> list[str]:
        """The names to ask for: the whole list first, then each backend's model."""
        return list(dict.fromkeys([WHOLE_LIST, *(m.backend.model or m.name for m in self.members)]))

    @property
    def in_use(self) -> Member:
        """The backend that the next question goes to first."""
        return min(self.members, key=lambda member: (member.health.resting, member.health.serving is False))

    @property
    def ready(self) -> bool:
        """Whether at least one backend can serve."""
        return any(member.health.serving for member in self.members)

    async def start(self) -> None:
        """Starts every backend, looks at each once, and goes on looking. Raises EngineUnavailable."""
        for member in self.members:
            await member.backend.start()
        await self._probe_all()
        self._watch = asyncio.create_task(self._keep_probing())

    async def close(self) -> None:
        """Stops looking and closes every backend."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
        for member in self.members:
            await member.backend.close()

    async def _keep_probing(self) -> None:
        while True:
            await asyncio.sleep(self._probe_interval_s)
            await self._probe_all()

    async def _probe_all(self) -> None:
        await asyncio.gather(*(self._probe(member) for member in self.members))

    async def _probe(self, member: Member) -> None:
        before = member.health.serving
        try:
            async with asyncio.timeout(self._probe_timeout_s):
                await member.backend.probe()
        except Failure as failure:
            member.health.failed(failure)
        except TimeoutError:
            # Reported as Failure by backends that notice; the deadline here is for those that do not.
            member.health.failed(Failure(Reason.TIMEOUT, f"no answer to a probe within {self._probe_timeout_s:g} s"))
        except Exception:
            self._log.exception("probe raised an unmapped error", backend=member.name)
        else:
            member.health.probed()
        if before is not member.health.serving:
            self._tell(member)

    def _tell(self, member: Member) -> None:
        if member.health.serving:
            self._log.info("backend serves", backend=member.name, model=member.backend.model)
        else:
            self._log.warning("backend does not serve", backend=member.name, said=member.health.last_error)
