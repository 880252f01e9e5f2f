"""Microphones of every format."""

import numpy as np
import pytest

from viva.errors import InvalidRequest
from viva_orchestrator.realtime import g711
from viva_orchestrator.realtime.input_audio import InputAudio, InputFormat


def fed(audio: InputAudio, data: bytes, size: int) -> bytes:
    return b"".join(audio.feed(data[at : at + size]) for at in range(0, len(data), size))


@pytest.mark.parametrize("rate_hz", [16_000, 24_000])
@pytest.mark.parametrize("size", [1, 7, 4800])
def test_pcm_passes_through_frames_of_any_length(rate_hz: int, size: int) -> None:
    """Frames that end in the middle of a sample lose nothing, and each gives whole samples."""
    data = np.random.default_rng(0).integers(-32768, 32767, 6000, dtype="<i2").tobytes()
    audio = InputAudio(InputFormat("audio/pcm", rate_hz))
    assert audio.rate_hz == rate_hz
    assert fed(audio, data, size) == data
    assert len(audio.feed(b"\x01")) == 0


@pytest.mark.parametrize("law", ["audio/pcmu", "audio/pcma"])
def test_the_telephone_is_raised_to_16_khz(law: g711.Law) -> None:
    """A tone in G.711 frames of 20 ms is the same tone at 16 kHz, without gaps between the frames."""
    times = np.arange(8000) / 8000
    data = g711.encode((8000 * np.sin(2 * np.pi * 440 * times)).astype("<i2").tobytes(), law)
    audio = InputAudio(InputFormat(law, 8000))
    samples = np.frombuffer(fed(audio, data, 160), "<i2").astype(float)
    assert audio.rate_hz == 16_000
    assert 15_900 <= len(samples) <= 16_000
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    at = round(440 * len(samples) / 16_000)
    assert spectrum[at - 3 : at + 4].sum() > 0.999 * spectrum.sum()


@pytest.mark.parametrize("wrong", [InputFormat("audio/pcm", 44_100), InputFormat("audio/mpeg", 24_000)])
def test_another_format_is_refused(wrong: InputFormat) -> None:
    """What is not taken is a sentence, not noise."""
    with pytest.raises(InvalidRequest, match=r"\.$"):
        InputAudio(wrong)
