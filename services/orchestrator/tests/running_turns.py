"""Turns on the stage servers of the tests, with a real Redis, and what is asked of them."""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from viva import events
from viva.audio import Decoder
from viva.errors import NotFound
from viva.passages import Segment
from viva.service.metrics import ServiceMetrics
from viva.service.upstream import client_session
from viva_orchestrator.context.planner import Planner
from viva_orchestrator.lectures.model import Transcript
from viva_orchestrator.metrics import SpeechMetrics, TurnMetrics
from viva_orchestrator.objects import ObjectStore
from viva_orchestrator.question import Question
from viva_orchestrator.sessions import Sessions
from viva_orchestrator.settings import Settings
from viva_orchestrator.stages import Stages
from viva_orchestrator.turn import TurnParts
from viva_orchestrator.turns import Turns

from .stage_servers import StageServers

SEGMENTS = (
    Segment(0.0, 6.0, "the first integrated circuit was made by jack kill be"),
    Segment(6.5, 12.0, "he showed it to his bosses in september nineteen fifty eight"),
)


class OneLecture:
    """The part of Lectures that a turn uses, with one transcript."""

    def __init__(self) -> None:
        self.known = Transcript("lec_1", "Circuits", "ready", 12.0, 12.0, SEGMENTS)

    async def transcript(self, lecture_id: str) -> Transcript:
        if lecture_id != self.known.lecture_id:
            raise NotFound("There is no such lecture.")
        return self.known


@asynccontextmanager
async def turns_on(servers: StageServers, redis_client, tmp_path, **changes):
    urls = {f"{stage}_url": servers.url for stage in ("asr", "llm", "tts")}
    settings = Settings(**(urls | changes))
    metrics = ServiceMetrics()
    sessions = Sessions(redis_client, ObjectStore.open(str(tmp_path)), expiry_s=60)
    async with client_session() as session, Decoder() as decoder:
        stages = Stages(settings, session)
        planner = Planner(settings, stages.llm, ObjectStore.open(str(tmp_path)))
        parts = TurnParts(settings, stages, sessions, OneLecture(), decoder, planner)
        yield Turns(settings, parts, TurnMetrics(metrics, SpeechMetrics(metrics))), parts, metrics
        await planner.close()


@pytest.fixture
async def system(servers, redis_client, tmp_path):
    async with turns_on(servers, redis_client, tmp_path) as system:
        yield system


@pytest.fixture
def turns(system):
    return system[0]


@pytest.fixture
def parts(system):
    return system[1]


async def ask(turns: Turns, **question) -> list[events.Event]:
    question = {"text": "Who made it?", "lecture_id": "lec_1"} | question
    async with aclosing(turns.run(Question(**question), transport="test")) as turn:
        return [event async for event in turn]


async def until(turn: AsyncIterator[events.Event], kind: type) -> events.Event:
    """The turn's next event of that type."""
    return await anext(event async for event in turn if isinstance(event, kind))


def of_type(found: list[events.Event], kind: type) -> list:
    return [event for event in found if isinstance(event, kind)]


def spoken_question(seconds: float = 1.0) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16000)
        out.writeframes(b"\x01\x00" * int(16000 * seconds))
    return file.getvalue()
