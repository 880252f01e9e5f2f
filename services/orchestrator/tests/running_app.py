"""Fixtures: the orchestrator's app in this process, on a real Redis and on stages that do as told."""

from __future__ import annotations

import httpx
import pytest

from viva.errors import NotFound
from viva.passages import Segment
from viva_orchestrator.app import create_app
from viva_orchestrator.lectures.model import Transcript
from viva_orchestrator.settings import Settings

from .stage_servers import stage_servers

SEGMENTS = (Segment(0.0, 6.0, "jack kill be made it"), Segment(7.0, 12.0, "in nineteen fifty eight"))


@pytest.fixture
async def servers():
    async with stage_servers() as servers:
        yield servers


@pytest.fixture
async def app(servers, redis_url, tmp_path):
    urls = {f"{stage}_url": servers.url for stage in ("asr", "llm", "tts")}
    settings = Settings(**urls, redis_url=redis_url, object_store_url=str(tmp_path), transcribe_workers=0)
    app = create_app(settings)
    async with app.router.lifespan_context(app):

        async def transcript(lecture_id: str) -> Transcript:
            if lecture_id != "lec_1":
                raise NotFound("There is no such lecture.")
            return Transcript("lec_1", None, "ready", 12.0, 12.0, SEGMENTS)

        app.state.lectures.transcript = transcript
        yield app


@pytest.fixture
async def client(app):
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://viva") as client:
        yield client
