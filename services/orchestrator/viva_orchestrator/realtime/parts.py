"""What conversations over the Realtime WebSocket work with; one for all connections of a process."""

from __future__ import annotations

from dataclasses import dataclass

from viva.service.tracing import NO_TRACER, Tracer
from viva_orchestrator.context.warming import Warmer
from viva_orchestrator.lectures import Lectures
from viva_orchestrator.metrics import RealtimeMetrics
from viva_orchestrator.realtime.resume import Conversations
from viva_orchestrator.sessions import Sessions
from viva_orchestrator.settings import Settings
from viva_orchestrator.stages import Stages
from viva_orchestrator.turns import Turns


@dataclass(frozen=True, slots=True)
class RealtimeParts:
    """The pieces of the process that a conversation needs."""

    settings: Settings
    turns: Turns
    stages: Stages
    sessions: Sessions
    lectures: Lectures
    warmer: Warmer
    conversations: Conversations
    metrics: RealtimeMetrics
    tracer: Tracer = NO_TRACER
