"""Whisper's own: clips in batches, devices, languages. Its model is tiny and random, its code is the real one."""

import shutil
from pathlib import Path

import pytest

from viva.errors import EngineUnavailable
from viva_asr.engine import Options
from viva_asr.engines.whisper import WhisperEngine
from viva_asr.segmenter import Speech
from viva_asr.settings import AsrSettings


@pytest.fixture
async def engine(tiny_multilingual_whisper: Path):
    """A started engine with three languages, on the CPU."""
    made = WhisperEngine(AsrSettings(whisper_model=tiny_multilingual_whisper, whisper_device="cpu"))
    await made.start()
    yield made
    await made.close()


def noise(seconds: float, seed: int) -> Speech:
    import numpy as np

    samples = np.random.default_rng(seed).normal(0, 4_000, int(seconds * 16_000)).astype("<i2")
    return Speech(0.0, samples.tobytes())


async def test_a_batch_gives_what_its_clips_give_alone(engine: WhisperEngine) -> None:
    """Clips of different lengths in one batch are told apart: each gets its own text and times."""
    clips = [noise(3, 1), noise(11, 2), noise(27.5, 3)]
    options = Options(language="en")
    together = await engine.workers[1].transcribe(clips, options)
    alone = [(await engine.workers[0].transcribe([clip], options))[0] for clip in clips]
    assert [[s.text for s in h.segments] for h in together] == [[s.text for s in h.segments] for h in alone]


async def test_an_unnamed_language_is_found_out(engine: WhisperEngine) -> None:
    """Without a language the model chooses one of its own, and says so only when it is sure."""
    (hypothesis,) = await engine.workers[0].transcribe([noise(5, 4)], Options())
    assert hypothesis.language in {None, "en", "de", "fr"}


async def test_a_prompt_of_any_length_is_taken(engine: WhisperEngine) -> None:
    """A prompt longer than the model's memory is shortened rather than refused."""
    await engine.workers[0].transcribe([noise(3, 5)], Options(language="en", prompt="germanium " * 900))


async def test_cpu_means_int8(engine: WhisperEngine) -> None:
    """On the CPU the weights are eight bits unless something else is set."""
    assert engine.device == "cpu int8"


async def test_an_english_model_knows_english_only(tiny_whisper: Path) -> None:
    """A model without other languages says so, so that a request for one can be refused."""
    engine = WhisperEngine(AsrSettings(whisper_model=tiny_whisper, whisper_device="cpu"))
    await engine.start()
    await engine.close()
    assert engine.languages == {"en"}


async def test_a_damaged_model_stops_the_start(tiny_whisper: Path, tmp_path: Path) -> None:
    """A model file that is cut short is a sentence, not a traceback."""
    folder = tmp_path / "cut"
    shutil.copytree(tiny_whisper, folder)
    whole = (folder / "model.bin").read_bytes()
    (folder / "model.bin").write_bytes(whole[: len(whole) // 2])
    engine = WhisperEngine(AsrSettings(whisper_model=folder, whisper_device="cpu"))
    with pytest.raises(EngineUnavailable, match="cannot be loaded"):
        await engine.start()
    await engine.close()


def test_a_compute_type_that_cannot_be_is_said(tiny_whisper: Path) -> None:
    """A number type that the device lacks stops the start and names those that it has."""
    with pytest.raises(EngineUnavailable, match="int8"):
        WhisperEngine(AsrSettings(whisper_model=tiny_whisper, whisper_device="cpu", whisper_compute_type="int3"))
