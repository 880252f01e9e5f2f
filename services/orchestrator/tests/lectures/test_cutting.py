"""Pieces end in pauses."""

from __future__ import annotations

import numpy as np
import pytest

from viva_orchestrator.lectures.cutting import SEARCH_PART, cut_point

RATE_HZ = 16_000


def _noise(seconds: float) -> np.ndarray:
    return np.random.default_rng(3).normal(0, 3000, round(seconds * RATE_HZ)).astype("<i2")


@pytest.mark.parametrize("pause_s", [31.0, 38.2, 44.0, 49.0])
def test_cuts_in_the_middle_of_the_pause(pause_s: float) -> None:
    """The cut lies in the half second that is quiet, near its middle, also where the quiet is not silence."""
    samples = _noise(50)
    quiet = slice(round(pause_s * RATE_HZ), round((pause_s + 0.5) * RATE_HZ))
    samples[quiet] //= 20
    assert pause_s + 0.1 < cut_point(samples.tobytes()) / RATE_HZ < pause_s + 0.4


def test_prefers_a_pause_to_a_gap_in_a_word() -> None:
    """A short silence, as before a plosive, is no place to cut while there is a longer one."""
    samples = _noise(50)
    samples[40 * RATE_HZ : round(40.06 * RATE_HZ)] = 0
    samples[45 * RATE_HZ : round(45.4 * RATE_HZ)] //= 10
    assert 45 < cut_point(samples.tobytes()) / RATE_HZ < 45.4


def test_keeps_pieces_long() -> None:
    """A pause before the last part is left alone, and in all-silence the piece is as long as can be."""
    samples = _noise(50)
    samples[10 * RATE_HZ : 12 * RATE_HZ] = 0
    assert cut_point(samples.tobytes()) / RATE_HZ >= 50 * (1 - SEARCH_PART)
    assert cut_point(bytes(50 * 2 * RATE_HZ)) / RATE_HZ == pytest.approx(49.85, abs=0.01)


@pytest.mark.parametrize("samples", [1, 10, 500, 2000])
def test_tiny_pieces_are_cut_inside(samples: int) -> None:
    """However short the piece, the cut is after its beginning and not after its end."""
    assert 0 < cut_point(bytes(2 * samples)) <= samples
