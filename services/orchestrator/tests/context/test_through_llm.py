"""The same through the real llm service in front of the model server: what one plans, the other lets through."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator

import httpx
import pytest

from viva.errors import VivaError
from viva.stack.ports import free_ports

from ..long_lectures import long_lecture
from .conftest import Replica

PREFIX = "http://viva/lectures/"
FACT = "the warden of the first lighthouse was called Ossipova and she kept bees"
QUESTION = "Who was the warden of the first lighthouse that kept bees, Ossipova?"


@pytest.fixture
async def llm_url(model, tmp_path) -> AsyncIterator[str]:
    """A llm service that asks the model server first, and quotes when that is away."""
    port = free_ports(1)[0]
    settings = {
        "VIVA_LLM_BACKENDS": f"openai:{model.url}/v1|{model.model}, extractive",
        "VIVA_LLM_AUDIO_URL_PREFIXES": PREFIX,
        "VIVA_PORT": str(port),
    }
    with (tmp_path / "llm.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "viva_llm", env=os.environ | settings, stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient() as client, asyncio.timeout(60):
            while not await _ready(client, url):
                assert process.returncode is None, (tmp_path / "llm.log").read_text()
                await asyncio.sleep(0.1)
        yield url
    finally:
        process.kill()
        await process.wait()


async def _ready(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(f"{url}/readyz")).status_code == 200
    except httpx.TransportError:
        return False


async def ask_all(replica: Replica) -> list[tuple[str, str | None, bool]]:
    """Kind of context, what was replaced, and whether the fact was cited; for 8, 60 and 180 minutes."""
    found = []
    for number, minutes in enumerate((8, 60, 180)):
        lecture = long_lecture(minutes, {minutes / 2: FACT}, lecture_id=f"lec_{number:032x}")
        done = await replica.ask(QUESTION, lecture)
        cited = any(abs(citation.start - minutes * 30) < 12 for citation in done.citations)
        found.append((done.receipt.context.kind, done.degraded, cited))
    return found


class TestReading:
    """A model that reads."""

    async def test_every_length_is_answered_and_read_ahead(self, start, model, llm_url):
        """Limit, tokenizer and the name of the model come through the llm service."""
        replica = await start(llm_url=llm_url)
        assert await ask_all(replica) == [
            ("transcript", None, True),
            ("transcript", None, True),
            ("passages", None, True),
        ]
        assert model.refused == []
        assert model.counts == 3
        lead = list((await replica.planner.plan(long_lecture(8), ())).lead.messages)
        await replica.parts.stages.read_ahead(lead, lecture_id="lec_1", quoted=False)
        assert model.warmings[0][0]["messages"][:-1] == lead

    async def test_what_is_planned_for_a_model_is_quoted_from_when_it_fails(self, start, model, llm_url):
        """The passages in front of the question count, so that a fallback still finds the place.

        Reading ahead is not for what stands in.
        """
        model.fails = True
        replica = await start(llm_url=llm_url)
        kinds = await ask_all(replica)
        assert [kind for kind, _, _ in kinds] == ["transcript", "transcript", "passages"]
        assert {degraded for _, degraded, _ in kinds} == {"llm:extractive"}
        assert kinds[2][2]
        lead = list((await replica.planner.plan(long_lecture(8), ())).lead.messages)
        with pytest.raises(VivaError):
            await replica.parts.stages.read_ahead(lead, lecture_id="lec_1", quoted=False)


class TestHearing:
    """A model that hears."""

    @pytest.fixture
    def model(self, model):
        model.model = "Qwen/Qwen2.5-Omni-3B"
        model.audio_s = 8 * 60
        return model

    async def test_the_recording_is_let_through(self, start, model, llm_url):
        """At an address that both services were told of."""
        replica = await start(llm_url=llm_url, context_audio_url=f"{PREFIX}{{lecture_id}}/audio")
        done = await replica.ask(QUESTION, long_lecture(8, {4: FACT}))
        assert done.receipt.context.kind == "audio"
        assert model.prompts[0][1]["content"][0]["audio_url"]["url"].startswith(PREFIX)

    async def test_an_address_that_the_llm_service_was_not_told_of_is_no_error(self, start, model, llm_url):
        """The transcript is read instead, in the same turn."""
        replica = await start(llm_url=llm_url, context_audio_url="http://elsewhere/{lecture_id}/audio")
        done = await replica.ask(QUESTION, long_lecture(8, {4: FACT}))
        assert done.receipt.context.kind == "transcript"
        assert done.citations
        assert done.degraded is None

    async def test_what_cannot_hear_stands_in_from_the_transcript(self, start, model, llm_url):
        """The extractive answerer takes no recording; when the model is away it is given the transcript."""
        model.fails = True
        replica = await start(llm_url=llm_url, context_audio_url=f"{PREFIX}{{lecture_id}}/audio")
        done = await replica.ask(QUESTION, long_lecture(8, {4: FACT}))
        assert done.receipt.context.kind == "transcript"
        assert done.degraded == "llm:extractive"
