"""G.711 against FFmpeg's."""

import av
import numpy as np
import pytest

from viva_orchestrator.realtime import g711
from viva_orchestrator.realtime.input_audio import InputFormat

LAWS = {"audio/pcmu": "pcm_mulaw", "audio/pcma": "pcm_alaw"}


def ffmpeg_decoded(codec: str) -> np.ndarray:
    """The sample of each code, as FFmpeg has it."""
    decoder = av.CodecContext.create(codec, "r")
    decoder.sample_rate, decoder.layout, decoder.format = 8000, "mono", "s16"
    (frame,) = decoder.decode(av.Packet(bytes(range(256))))
    return np.frombuffer(bytes(frame.planes[0])[:512], "<i2")


def tone(hz: float, rate_hz: int, seconds: float = 1.0) -> bytes:
    times = np.arange(round(rate_hz * seconds)) / rate_hz
    return (8000 * np.sin(2 * np.pi * hz * times)).astype("<i2").tobytes()


@pytest.mark.parametrize("law", LAWS)
def test_codes_mean_what_ffmpeg_says(law: g711.Law) -> None:
    """All 256 codes give FFmpeg's samples."""
    np.testing.assert_array_equal(np.frombuffer(g711.decode(bytes(range(256)), law), "<i2"), ffmpeg_decoded(LAWS[law]))


@pytest.mark.parametrize("law", LAWS)
def test_samples_get_the_nearest_code(law: g711.Law) -> None:
    """No code would be nearer to any of the 65,536 samples than the one that is given."""
    samples = np.arange(-32768, 32768)
    given = np.frombuffer(g711.decode(g711.encode(samples.astype("<i2").tobytes(), law), law), "<i2").astype(int)
    codes = np.sort(ffmpeg_decoded(LAWS[law]).astype(int))
    above = np.clip(np.searchsorted(codes, samples), 1, 255)
    nearest = np.minimum(np.abs(codes[above] - samples), np.abs(codes[above - 1] - samples))
    np.testing.assert_array_equal(np.abs(given - samples), nearest)


def test_silence_is_what_telephones_send() -> None:
    """A sample of 0 is 0xFF in µ-law and 0xD5 in A-law."""
    assert g711.encode(bytes(2), "audio/pcmu") == b"\xff"
    assert g711.encode(bytes(2), "audio/pcma") == b"\xd5"


@pytest.mark.parametrize("law", LAWS)
def test_an_answer_becomes_8_khz(law: g711.Law) -> None:
    """A second at 24 kHz becomes a second at 8 kHz; a tone stays, and what 8 kHz cannot hold is not folded into it."""
    heard = g711.encode_output(tone(1000, 24_000) + tone(7000, 24_000), InputFormat(law, 8000))
    assert abs(len(heard) - 16_000) <= 8
    samples = np.frombuffer(g711.decode(heard, law), "<i2").astype(float)
    assert np.abs(np.fft.rfft(samples[:8000])).argmax() == 1000
    assert np.abs(samples[8200:15_800]).max() < 400


def test_pcm_is_left_alone() -> None:
    """audio/pcm is what the stages speak already."""
    assert g711.encode_output(b"\x01\x02", InputFormat()) == b"\x01\x02"
