"""fake: its latency and its pace are the ones that are set."""

import pytest

from viva_tts.bridge import Bridge
from viva_tts.engines import fake
from viva_tts.engines.fake import FakeEngine
from viva_tts.settings import TTSSettings


async def test_it_waits_as_long_as_it_is_told(monkeypatch):
    """The first piece comes after the latency, the others at the pace; the audio is as long as the text."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(fake.asyncio, "sleep", sleep)
    engine = FakeEngine(TTSSettings(fake_first_byte_ms=120, fake_speed=4), Bridge(1))
    await engine.start()
    pieces = [piece async for piece in engine.synthesize("a" * 15, "high", 1.0)]
    assert slept == [pytest.approx(0.12), *[pytest.approx(0.025)] * 9]
    assert sum(piece.duration_s for piece in pieces) == pytest.approx(1.0)
