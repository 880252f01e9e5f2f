"""Keeps the router at what the policy's file says, without a restart."""

import asyncio
import time
from pathlib import Path

import structlog

from viva.errors import EngineUnavailable, VivaError
from viva_llm.engine import choose
from viva_llm.metrics import LLMMetrics
from viva_llm.policy import Policy, policy_of
from viva_llm.policy_file import PolicyError, parse_policy, read_policy
from viva_llm.router import Router
from viva_llm.settings import LLMSettings

_NOT_LOOKED_YET = b"\0"  # no YAML


def first_policy(settings: LLMSettings) -> tuple[Policy, str]:
    """The policy to start with and a sentence on where it is from. Raises EngineUnavailable."""
    if settings.routes_file is None:
        specs, why = choose(settings)
        return policy_of(specs), why
    try:
        return checked(read_policy(settings.routes_file), settings), f"{settings.routes_file} says so"
    except PolicyError as error:
        raise EngineUnavailable(f"The routes file is wrong. {error}.") from None


def checked(policy: Policy, settings: LLMSettings) -> Policy:
    """The same policy, whose backends fit the keys of the settings. Raises PolicyError."""
    try:
        settings.check_keys(name for name, backend in policy.backends.items() if backend.kind == "openai")
    except ValueError as error:
        raise PolicyError(str(error)) from None
    return policy


class PolicyWatch:
    """Looks at the file's content every few seconds. Content, because what Kubernetes mounts changes by a link."""

    def __init__(self, path: Path | None, settings: LLMSettings, router: Router, metrics: LLMMetrics) -> None:
        self._path = path
        self._settings = settings
        self._router = router
        self._metrics = metrics
        self._seen: bytes | None = _NOT_LOOKED_YET
        self._loaded_at = time.time()
        self._watch: asyncio.Task | None = None
        self._log = structlog.get_logger()
        self.error = ""
        """Why the file as it is now is not in force, "" when it is."""

    async def start(self) -> None:
        """Begins to look."""
        if self._path is not None:
            self._watch = asyncio.create_task(self._keep_looking())

    async def close(self) -> None:
        """Looks no more."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(self._settings.reload_interval_s)
            await self.look()

    async def look(self) -> None:
        """Takes the file over if it has changed; a wrong one leaves everything as it is, and is told of."""
        content = await self._content()
        if content == self._seen:
            return
        self._seen = content
        try:
            if content is None:
                raise PolicyError(f"{self._path} cannot be read")
            policy = checked(parse_policy(content, self._path.name), self._settings)
            if policy == self._router.policy and not self.error:
                return
            await self._router.adopt(policy)
        except PolicyError as error:
            self._refuse(str(error))
        except VivaError as error:
            self._refuse(str(error), again=True)
        except Exception as error:
            self._refuse("it could not be taken over; the log has the details", again=True, defect=error)
        else:
            self.error, self._loaded_at = "", time.time()
            self._metrics.reloads.labels("ok").inc()
            self._metrics.policy_stale.set(0)
            self._log.info("policy taken over", aliases=list(policy.aliases), backends=list(policy.used()))

    def _refuse(self, said: str, *, again: bool = False, defect: Exception | None = None) -> None:
        """`again`: nothing is wrong with the file, so that it may be taken over the next time as it is."""
        if again:
            self._seen = _NOT_LOOKED_YET
            if said == self.error:
                return
        self.error = said
        self._metrics.reloads.labels("refused").inc()
        self._metrics.policy_stale.set(1)
        self._log.error("policy refused, the old one stays in force", reason=said, exc_info=defect)

    async def _content(self) -> bytes | None:
        try:
            return await asyncio.to_thread(self._path.read_bytes)
        except OSError:
            return None

    def body(self) -> dict:
        """As /status shows it."""
        return {
            "file": str(self._path) if self._path else None,
            "error": self.error or None,
            "age_s": round(time.time() - self._loaded_at, 1),
        }
