"""Every container and codec that people record in."""

import numpy as np
import pytest

from viva.audio import AudioLimits
from viva.errors import AudioRejected

LIMITS = AudioLimits(max_duration_s=60)
NAMES = [
    *("wav", "wav_float", "wav_six", "wav_adpcm", "w64", "mp3", "mp3_plain", "m4a", "m4a_faststart"),
    *("mp4_fragmented", "mov", "alac", "3gp", "aac", "ogg_opus", "ogg_vorbis", "webm", "webm_live"),
    *("mka_vorbis", "mka_aac", "flac", "aiff", "au", "caf", "amr", "wma"),
]


async def _pcm(decoder, path, **asked) -> np.ndarray:
    return np.frombuffer(b"".join([block async for block in decoder.decode(path, LIMITS, **asked)]), "<i2")


@pytest.mark.parametrize("name", NAMES)
async def test_duration_and_samples_are_right(name, recording, decoder):
    """Each format is recognised, and its duration and its samples agree with the recording to within 50 ms."""
    path = recording(name, 3.0)
    info = await decoder.inspect(path, LIMITS)
    samples = await _pcm(decoder, path)
    assert info.duration_s == pytest.approx(3.0, abs=0.05)
    assert len(samples) / 16_000 == pytest.approx(3.0, abs=0.05)
    assert np.abs(samples).max() > 8_000
