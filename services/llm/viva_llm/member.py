"""A backend in a list, together with what is known of it."""

from dataclasses import dataclass

from viva_llm.engine import Backend
from viva_llm.health import Health


@dataclass(frozen=True, slots=True)
class Member:
    """Backends know nothing of their own record; whoever asks them keeps it here."""

    backend: Backend
    health: Health

    @property
    def name(self) -> str:
        """The backend's name."""
        return self.backend.name
