"""What one running llm service holds; made in create_app, opened in its lifespan."""

from dataclasses import dataclass

from starlette.requests import Request

from viva.errors import StageUnavailable
from viva.service.admission import Admission
from viva_llm.chat import Asked
from viva_llm.given_answer import GivenAnswer
from viva_llm.metrics import LLMMetrics
from viva_llm.policy import EXTRACTIVE
from viva_llm.policy_watch import PolicyWatch
from viva_llm.route import Route
from viva_llm.router import Router
from viva_llm.settings import LLMSettings


@dataclass(frozen=True, slots=True)
class LLMService:
    """The parts that the routes use."""

    settings: LLMSettings
    router: Router
    policy: PolicyWatch
    admission: Admission
    metrics: LLMMetrics
    why: str
    """Why the backends are what they are."""

    def routes(self, model: str | None, *, fallback: bool = True) -> tuple[Route, ...]:
        """The routes behind a name; without `fallback` none that needs no model. Raises NotFound, StageUnavailable."""
        routes = self.router.routes_for(model)
        if not fallback:
            routes = tuple(route for route in routes if route.backend.kind != EXTRACTIVE)
            if not routes:
                raise StageUnavailable("llm", "No model server is set up, and the request takes no other answer.")
        return routes

    def answer(self, routes: tuple[Route, ...], key: str, asked: Asked) -> GivenAnswer:
        """An answer, not started. `key` is what the request shares with others that the same replica should get."""
        return GivenAnswer(routes, key, asked, self.metrics)


async def service_of(request: Request) -> LLMService:
    """The service that a request came to. Async, because FastAPI runs plain dependencies in a thread each time."""
    return request.app.state.llm


def wants_fallback(request: Request) -> bool:
    """Whether the client takes an answer that no model gave; `X-Viva-Fallback: none` says that it does not."""
    return request.headers.get("x-viva-fallback", "").strip().lower() != "none"
