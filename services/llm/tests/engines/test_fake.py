"""The fake backend's clock."""

import asyncio

from viva_llm.chat import Chat, Message
from viva_llm.engines.fake import FakeEngine
from viva_llm.settings import LLMSettings


async def test_tokens_come_on_schedule(monkeypatch):
    """The first token comes after its latency, each next one at its speed; late wake-ups are caught up."""
    now, asked = 0.0, []

    async def sleep(seconds: float) -> None:
        nonlocal now
        asked.append(round(seconds, 3))
        now += seconds + 0.004  # every wake-up is late

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    settings = LLMSettings(fake_first_token_ms=500, fake_tokens_per_s=10, fake_text="a b c d")
    fake = FakeEngine("fake", "", settings)
    texts = [delta.text async for delta in fake.stream(Chat((Message("user", "x"),)), "") if delta.text]
    assert texts == ["a", " b", " c", " d"]
    assert asked == [0.5, 0.096, 0.096, 0.096]


async def test_default_answer_says_that_it_is_fake():
    """Nobody takes it for an answer of a model."""
    fake = FakeEngine("fake", "", LLMSettings(fake_first_token_ms=0, fake_tokens_per_s=0))
    text = "".join([delta.text async for delta in fake.stream(Chat((Message("user", "x"),)), "")])
    assert "fake" in text
    assert "[1]" in text
