"""The speech detector on real audio."""

import wave

import numpy as np
import pytest

from viva_asr.vad import SAMPLE_RATE_HZ, WINDOW, SpeechDetector, VadModel


@pytest.fixture(scope="module")
def model() -> VadModel:
    """The network, loaded once."""
    return VadModel()


def probabilities(model: VadModel, samples: np.ndarray, block: int) -> np.ndarray:
    detector = SpeechDetector(model)
    fed = [detector.feed(samples[at : at + block]) for at in range(0, len(samples), block)]
    return np.concatenate([*fed, detector.flush()])


def spoken(speak) -> np.ndarray:
    with wave.open(str(speak("the students read the third chapter of the book"))) as file:
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")


def test_speech_is_told_from_silence(model: VadModel, speak) -> None:
    """Speech gets high probabilities, a second of silence before it low ones."""
    found = probabilities(model, np.concatenate([np.zeros(SAMPLE_RATE_HZ, np.int16), spoken(speak)]), 16_000)
    assert found[: SAMPLE_RATE_HZ // WINDOW].max() < 0.2
    assert np.median(found[SAMPLE_RATE_HZ // WINDOW :]) > 0.8


@pytest.mark.parametrize("block", [100, 512, 5_000])
def test_blocks_change_nothing(model: VadModel, speak, block: int) -> None:
    """State and context are carried over, so that blocks of any size give the same probabilities."""
    samples = spoken(speak)
    np.testing.assert_allclose(
        probabilities(model, samples, block), probabilities(model, samples, len(samples)), atol=1e-4
    )


def test_two_streams_do_not_mix(model: VadModel, speak) -> None:
    """One loaded network serves interleaved streams, each with its own state."""
    samples = spoken(speak)
    alone = probabilities(model, samples, 4_096)
    one, other = SpeechDetector(model), SpeechDetector(model)
    fed = []
    for at in range(0, len(samples), 4_096):
        fed.append(one.feed(samples[at : at + 4_096]))
        other.feed(samples[::-1][at : at + 4_096])
    np.testing.assert_allclose(np.concatenate([*fed, one.flush()]), alone, atol=1e-4)
