"""Tempo: other durations at the same pitch."""

import numpy as np
import pytest

from viva_tts.tempo import Tempo

from .sound import hear_pcm, tone


@pytest.mark.parametrize("speed", [0.25, 0.5, 0.8, 1.0, 1.5, 2.0, 4.0])
def test_speed_divides_the_duration_and_keeps_the_pitch(speed):
    """Three seconds take three seconds by the speed, and a tone stays where it was."""
    pcm, tempo = tone(3, 24_000, 300.0), Tempo(speed, 24_000)
    blocks = [tempo.feed(pcm[start : start + 5_000]) for start in range(0, len(pcm), 5_000)]
    sound = hear_pcm(b"".join([*blocks, tempo.flush()]), 24_000)
    assert sound.duration_s == pytest.approx(3 / speed, rel=0.06)
    spectrum = np.abs(np.fft.rfft(sound.samples))
    assert np.argmax(spectrum) / sound.duration_s == pytest.approx(300, rel=0.03)
