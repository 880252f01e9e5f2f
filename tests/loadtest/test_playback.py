"""The player that makes no sound: what was first heard, and where it stood still."""

import numpy as np
import pytest

from loadtest.playback import PCM_HZ, Arrival, play, silence_before
from viva.audio import Encoder


def tone(seconds: float, level: float = 0.3, silence_s: float = 0.0) -> bytes:
    quiet = np.zeros(round(silence_s * PCM_HZ))
    sound = level * np.sin(2 * np.pi * 440 * np.arange(round(seconds * PCM_HZ)) / PCM_HZ)
    return (np.concatenate([quiet, sound]) * 32767).astype("<i2").tobytes()


def test_the_first_audible_sample_counts_and_not_the_first_byte() -> None:
    """Silence in front is waited for by a listener like any other."""
    heard = play([Arrival(10.0, tone(1.0, silence_s=0.25))], "pcm")
    assert heard.first_audio_s == 10.0
    assert heard.first_audible_s == pytest.approx(10.25, abs=0.01)
    assert heard.ends_s == pytest.approx(11.25)


def test_what_is_fainter_than_45_dbfs_is_silence() -> None:
    """A piece of noise in front of the answer is none of it."""
    heard = play([Arrival(1.0, tone(0.5, level=0.004)), Arrival(1.2, tone(1.0))], "pcm")
    assert heard.first_audible_s == pytest.approx(1.5, abs=0.01)
    assert play([Arrival(1.0, tone(0.5, level=0.004))], "pcm").first_audible_s is None
    assert silence_before(np.array([0.0, 0.005, 0.006], np.float32)) == 2


def test_a_piece_that_comes_late_leaves_a_gap() -> None:
    """One that comes while the one before is heard leaves none, and is heard behind it."""
    arrivals = [Arrival(0.0, tone(1.0)), Arrival(0.5, tone(1.0)), Arrival(2.7, tone(1.0))]
    heard = play(arrivals, "pcm")
    assert heard.gaps_s == (pytest.approx(0.7),)
    assert heard.ends_s == pytest.approx(3.7)
    assert heard.audio_s == pytest.approx(3.0)


def test_without_audio_nothing_was_heard() -> None:
    """An answer in writing has no times of sound."""
    assert play([], "pcm").first_audible_s is None


@pytest.mark.parametrize("audio_format", ["mp3", "opus", "wav", "flac"])
def test_every_format_is_decoded(audio_format: str) -> None:
    """Each piece is a file of its own."""
    encoder = Encoder(audio_format, PCM_HZ)
    data = encoder.feed(tone(1.0, silence_s=0.5)) + encoder.flush()
    heard = play([Arrival(5.0, data)], audio_format)
    assert heard.first_audible_s == pytest.approx(5.5, abs=0.08)
    assert heard.ends_s == pytest.approx(6.5, abs=0.1)
