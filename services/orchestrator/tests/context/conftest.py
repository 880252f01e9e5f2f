"""Fixtures: turns on a model server with a real tokenizer, about lectures of any length."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass

import pytest
from tokenizers import Tokenizer

from viva import events
from viva.audio import Decoder
from viva.errors import NotFound
from viva.service.metrics import ServiceMetrics
from viva.service.upstream import client_session
from viva_orchestrator.context.planner import Planner
from viva_orchestrator.context.warming import Warmer
from viva_orchestrator.lectures.model import Transcript
from viva_orchestrator.metrics import ContextMetrics, SpeechMetrics, TurnMetrics
from viva_orchestrator.objects import ObjectStore
from viva_orchestrator.question import Question
from viva_orchestrator.sessions import Sessions
from viva_orchestrator.settings import Settings
from viva_orchestrator.stages import Stages
from viva_orchestrator.turn import TurnParts
from viva_orchestrator.turns import Turns

from ..long_lectures import long_lecture
from ..model_server import ModelServer, model_server, trained_tokenizer


class KnownLectures:
    """The part of Lectures that a turn uses."""

    def __init__(self) -> None:
        self.known: dict[str, Transcript] = {}

    async def transcript(self, lecture_id: str) -> Transcript:
        if lecture_id not in self.known:
            raise NotFound("There is no such lecture.")
        return self.known[lecture_id]


@dataclass
class Replica:
    """One orchestrator as far as the context goes."""

    parts: TurnParts
    turns: Turns
    planner: Planner
    warmer: Warmer
    lectures: KnownLectures
    metrics: ServiceMetrics

    async def ask(self, text: str, lecture: Transcript, session_id: str | None = None) -> events.Done:
        """The `done` of a typed question that is not spoken. Anything else fails the test."""
        self.lectures.known[lecture.lecture_id] = lecture
        question = Question(text, lecture_id=lecture.lecture_id, session_id=session_id, audio_format=None)
        async with aclosing(self.turns.run(question, transport="test")) as turn:
            last = [event async for event in turn][-1]
        assert isinstance(last, events.Done), last
        return last

    async def has_read_models(self) -> None:
        """Waits for the list of models. Where little time is given for counting, the first plan may be made without."""
        nothing = long_lecture(0, status="transcribing")  # has nothing to be counted
        async with asyncio.timeout(60):
            while not (await self.planner.plan(nothing, ())).model:  # noqa: ASYNC110 - a plan tells no event
                await asyncio.sleep(0.01)

    def count(self, name: str, **labels: str) -> float:
        """The value of a metric."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return trained_tokenizer()


@pytest.fixture
async def model(tokenizer) -> AsyncIterator[ModelServer]:
    async with model_server(tokenizer) as server:
        yield server


@pytest.fixture
async def start(model, redis_client, tmp_path) -> AsyncIterator[Callable[..., Awaitable[Replica]]]:
    """Starts a replica; keyword arguments change its settings. All share one model server and one Redis."""
    async with AsyncExitStack() as stack:

        async def start(**changes: object) -> Replica:
            # Patient, so that no test depends on how fast this machine counts.
            settings = Settings(**({"llm_url": model.url, "context_count_s": 10} | changes))
            metrics = ServiceMetrics()
            objects = ObjectStore.open(str(tmp_path))
            stages = Stages(settings, await stack.enter_async_context(client_session()))
            decoder = await stack.enter_async_context(Decoder())
            planner = Planner(settings, stages.llm, objects)
            stack.push_async_callback(planner.close)
            warmer = Warmer(planner, stages, ContextMetrics(metrics), enabled=settings.context_warm)
            stack.push_async_callback(warmer.close)
            lectures = KnownLectures()
            sessions = Sessions(redis_client, objects, expiry_s=60)
            parts = TurnParts(settings, stages, sessions, lectures, decoder, planner)
            turns = Turns(settings, parts, TurnMetrics(metrics, SpeechMetrics(metrics)))
            return Replica(parts, turns, planner, warmer, lectures, metrics)

        yield start


@pytest.fixture
async def replica(start) -> Replica:
    return await start()
