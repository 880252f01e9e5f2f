"""Piper: finding and loading voices. Speaking is in the contract."""

from contextlib import aclosing

import numpy as np
import pytest

from viva.errors import EngineUnavailable
from viva_tts.bridge import Bridge
from viva_tts.engines.piper import PiperEngine
from viva_tts.settings import TTSSettings

from ..sound import hear_pcm
from ..tiny_piper import make_tiny_piper


async def started(**settings) -> PiperEngine:
    """The engine with its voices loaded."""
    engine = PiperEngine(TTSSettings(**settings), Bridge(1))
    await engine.start()
    return engine


async def test_all_voices_of_the_models_folder_speak(tmp_path):
    """Voices are found at any depth; the one that the settings name is the default."""
    make_tiny_piper(tmp_path / "piper" / "en" / "a-voice.onnx")
    make_tiny_piper(tmp_path / "b-voice.onnx")
    engine = await started(models_dir=tmp_path, voice="b-voice")
    assert sorted(voice.id for voice in engine.voices) == ["a-voice", "b-voice"]
    assert engine.default_voice == "b-voice"


@pytest.mark.parametrize("named", ["b-voice", "b-voice.onnx"])
async def test_a_voice_is_named_in_the_models_folder(tmp_path, named):
    """VIVA_TTS_PIPER_VOICE may be a name instead of a path."""
    make_tiny_piper(tmp_path / "a-voice.onnx")
    make_tiny_piper(tmp_path / "deep" / "b-voice.onnx")
    engine = await started(models_dir=tmp_path, piper_voice=named)
    assert [voice.id for voice in engine.voices] == ["b-voice"]


async def test_each_speaker_is_a_voice(tiny_piper_of_two):
    """A model of two speakers gives two voices, which sound different."""
    engine = await started(piper_voice=str(tiny_piper_of_two))
    pitches = {}
    for voice in engine.voices:
        async with aclosing(engine.synthesize("Hello there.", voice.id, 1.0)) as pieces:
            sound = hear_pcm(b"".join([piece.data async for piece in pieces]), 22_050)
        pitches[voice.id] = np.argmax(np.abs(np.fft.rfft(sound.samples))) / sound.duration_s
    assert pitches["en_US-duo-tiny:low"] == pytest.approx(200, rel=0.02)
    assert pitches["en_US-duo-tiny:high"] == pytest.approx(400, rel=0.02)


async def test_no_voice_says_where_one_goes(tmp_path):
    """Without a voice the start stops with a sentence that names `viva models`."""
    with pytest.raises(EngineUnavailable, match="viva models"):
        await started(models_dir=tmp_path)
    with pytest.raises(EngineUnavailable, match=r"VIVA_TTS_PIPER_VOICE names 'nobody'"):
        await started(models_dir=tmp_path, piper_voice="nobody")


@pytest.mark.parametrize("damaged", ["voice.onnx", "voice.onnx.json"])
async def test_a_damaged_voice_stops_the_start(tmp_path, damaged):
    """A file that is cut short is named, rather than failing each request."""
    path = make_tiny_piper(tmp_path / "voice.onnx")
    file = tmp_path / damaged
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(EngineUnavailable, match=r"voice\.onnx cannot be loaded"):
        await started(piper_voice=str(path))
