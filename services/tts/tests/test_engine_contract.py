"""Every engine that can load offline keeps the same promises."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest
import responses

from viva.audio import Encoder
from viva_tts.app import create_app
from viva_tts.bridge import Bridge
from viva_tts.engine import ENGINES, Engine, Pcm, make_engine
from viva_tts.places import Places
from viva_tts.settings import TTSSettings

from .sound import Heard, hear_pcm, tone

SENTENCE = "Technical debt is the implied cost of rework."
LONGER = f"{SENTENCE[:-1]}, and it grows with every change that is made in haste."
GOOGLE = "https://translate.google.com/_/TranslateWebserverUi/data/batchexecute"
GOOGLE_S_PER_CHARACTER = 0.06


def _google(request) -> tuple[int, dict, str]:
    """Answers as Google does: base64 of an mp3 in a line of JSON, as long as the text wants it."""
    seconds = len(request.body) * GOOGLE_S_PER_CHARACTER / 3  # the text is percent-encoded, with some around it
    encoder = Encoder("mp3", 24_000)
    mp3 = encoder.feed(tone(seconds, 24_000)) + encoder.flush()
    return 200, {}, f'[["wrb.fr","jQ1olc","[\\"{base64.b64encode(mp3).decode()}\\"]",null]]'


@pytest.fixture(params=sorted(ENGINES))
async def engine(request, listen, tiny_piper) -> AsyncIterator[Engine]:
    """Each engine of the table, started as the service starts it."""
    async with _opened(request.param, listen, tiny_piper) as engine:
        yield engine


@asynccontextmanager
async def _opened(name: str, listen, tiny_piper) -> AsyncIterator[Engine]:
    settings = {"engine": name, "fake_first_byte_ms": 0, "fake_speed": 0, "piper_voice": str(tiny_piper)}
    if name == "openai":
        settings["openai_url"] = await listen(create_app(TTSSettings(engine="flite")))
    bridge = Bridge(2)
    engine = make_engine(name, TTSSettings(**settings), bridge)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as google:
        google.add_callback(responses.POST, GOOGLE, _google)
        await engine.start()
        try:
            yield engine
        finally:
            await engine.close()
            bridge.close()


async def say(engine: Engine, text: str, speed: float = 1.0, voice: str | None = None) -> list[Pcm]:
    """All pieces of a sentence."""
    async with aclosing(engine.synthesize(text, voice or engine.default_voice, speed)) as pieces:
        return [piece async for piece in pieces]


def heard(pieces: list[Pcm]) -> Heard:
    """The pieces as one sound."""
    return hear_pcm(b"".join(piece.data for piece in pieces), pieces[0].rate_hz)


async def test_it_knows_its_voices(engine):
    """A started engine has voices of different ids, the default among them."""
    ids = [voice.id for voice in engine.voices]
    assert len(set(ids)) == len(ids) > 0
    assert engine.default_voice in ids
    assert engine.model


async def test_a_sentence_is_heard(engine):
    """Eight words take from one to eight seconds, are not silent, and come as whole samples at one rate."""
    pieces = await say(engine, SENTENCE)
    sound = heard(pieces)
    assert 1 < sound.duration_s < 8
    assert sound.rms > 0.02
    assert {piece.rate_hz for piece in pieces} <= {8_000, 16_000, 22_050, 24_000}
    assert len({piece.rate_hz for piece in pieces}) == 1
    assert all(piece.data and len(piece.data) % 2 == 0 for piece in pieces)


async def test_more_text_takes_longer(engine):
    """The duration follows the words."""
    assert heard(await say(engine, LONGER)).duration_s > 1.4 * heard(await say(engine, SENTENCE)).duration_s


@pytest.mark.parametrize("speed", [0.5, 2.0, 4.0])
async def test_speed_divides_the_duration(engine, speed):
    """Twice the speed takes half the time, and so on."""
    plain, paced = heard(await say(engine, LONGER)), heard(await say(engine, LONGER, speed))
    assert plain.duration_s / paced.duration_s == pytest.approx(speed, rel=0.15)
    assert paced.rms > 0.02


async def test_every_voice_speaks(engine):
    """Each listed voice can be used."""
    for voice in engine.voices:
        assert heard(await say(engine, "Yes, indeed.", voice=voice.id)).rms > 0.01


@pytest.mark.parametrize("name", ["flite", "piper", "gtts"])
async def test_work_on_this_machine_waits_for_its_turn(name, listen, tiny_piper, monkeypatch):
    """What an engine has the bridge do has the sentence's due time."""
    due, seen = time.monotonic() + 1.0, []
    take = Places.take

    async def noted(places, when):
        seen.append(when)
        await take(places, when)

    async with _opened(name, listen, tiny_piper) as engine:
        monkeypatch.setattr(Places, "take", noted)
        async with aclosing(engine.synthesize(SENTENCE, engine.default_voice, 1.0, due)) as pieces:
            assert [piece async for piece in pieces]
    assert set(seen) == {due}


async def test_sentences_at_once_do_not_mix(engine):
    """Six sentences at once come out as they do alone."""
    alone = heard(await say(engine, SENTENCE)).duration_s
    together = await asyncio.gather(*(say(engine, SENTENCE) for _ in range(6)))
    assert [heard(pieces).duration_s for pieces in together] == [pytest.approx(alone, rel=0.05)] * 6


async def test_a_reader_may_leave(engine):
    """An engine whose reader left after the first piece, or before, speaks on for others."""
    left = engine.synthesize(LONGER, engine.default_voice, 1.0)
    await anext(left)
    await left.aclose()
    waiting = asyncio.create_task(say(engine, LONGER))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert heard(await say(engine, SENTENCE)).duration_s > 1


@pytest.mark.parametrize("text", ["?!", "'\"`$(touch x)\"' -o /tmp/x --help", "[[ hello ]] <speak>", "a" * 280])
async def test_odd_text_harms_nothing(engine, text):
    """Text that means something to a shell, a program or a phonemiser is only text."""
    await say(engine, text)
    assert heard(await say(engine, SENTENCE)).rms > 0.02
