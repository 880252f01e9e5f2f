"""What one running llm service holds; made in create_app, opened in its lifespan."""

from dataclasses import dataclass

from starlette.requests import Request

from viva.service.admission import Admission
from viva_llm.chat import Chat
from viva_llm.given_answer import Deadlines, GivenAnswer
from viva_llm.metrics import LLMMetrics
from viva_llm.roster import Roster
from viva_llm.settings import LLMSettings


@dataclass(frozen=True, slots=True)
class LLMService:
    """The parts that the routes use."""

    settings: LLMSettings
    roster: Roster
    admission: Admission
    metrics: LLMMetrics
    why: str
    """Why the list of backends is what it is."""

    def answer(self, model: str | None, chat: Chat) -> GivenAnswer:
        """An answer to the chat, not started. Raises NotFound for a model that is not here."""
        deadlines = Deadlines(self.settings.first_token_timeout_s, self.settings.chunk_timeout_s)
        return GivenAnswer(self.roster.members_for(model), chat, deadlines, self.metrics)


async def service_of(request: Request) -> LLMService:
    """The service that a request came to. Async, because FastAPI runs plain dependencies in a thread each time."""
    return request.app.state.llm
