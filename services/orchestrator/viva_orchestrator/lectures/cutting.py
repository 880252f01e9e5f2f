"""Where to cut a recording: in the quietest moment near the end of a piece, so that no word is cut in two."""

from __future__ import annotations

import numpy as np

from viva_orchestrator.lectures.model import SAMPLE_RATE_HZ

# The cut is looked for in the last part of a piece; a pause of a lecturer comes well within it.
SEARCH_PART = 0.4
FRAME_S = 0.02
# A pause between sentences lasts about this long: the quietest stretch of this length is no mere gap in a word.
PAUSE_S = 0.3


def cut_point(pcm: bytes) -> int:
    """The sample in the middle of the quietest PAUSE_S of the last SEARCH_PART of `pcm` (16 kHz mono 16-bit)."""
    samples = np.frombuffer(pcm, dtype="<i2")
    frame = int(FRAME_S * SAMPLE_RATE_HZ)
    first = int(len(samples) * (1 - SEARCH_PART))
    frames = (len(samples) - first) // frame
    window = min(frames, round(PAUSE_S / FRAME_S))
    if window == 0:
        return len(samples)
    searched = samples[first : first + frames * frame].astype(np.float32).reshape(frames, frame)
    energy = np.square(searched).mean(axis=1)
    # The root gives a single loud frame less weight than a mean of energies would, the sum finds the longest quiet.
    quiet = np.convolve(np.sqrt(energy), np.ones(window, dtype=np.float32), mode="valid")
    # Of equally quiet moments the last, so that pieces of silence are as long as they may be.
    quietest = len(quiet) - 1 - int(np.argmin(quiet[::-1]))
    return first + (quietest * frame + window * frame // 2)
