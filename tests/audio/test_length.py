"""Lengths read from headers agree with what was encoded."""

import math

import pytest

from viva.audio import CONTENT_TYPES, Encoder
from viva.audio.length import audio_seconds

RATE_HZ = 24_000
# A frame more or less: what an encoder adds at the ends, and what its last frame lacks.
SLACK_S = {"mp3": 0.08, "aac": 0.1, "opus": 0.03, "flac": 0.1, "wav": 0.001, "pcm": 0.001}


def tone(seconds: float) -> bytes:
    """A sound that is not the same throughout, so that encoders have something to do."""
    samples = (int(9000 * math.sin(i / 7) * math.sin(i / 900)) for i in range(round(seconds * RATE_HZ)))
    return b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)


@pytest.mark.parametrize("audio_format", sorted(CONTENT_TYPES))
@pytest.mark.parametrize("seconds", [0.4, 3.03])
def test_the_length_of_a_file_is_read_from_its_headers(audio_format, seconds):
    """Every format that speech comes in says how long it is, to within the frames that its encoder adds."""
    encoder = Encoder(audio_format, RATE_HZ)
    file = encoder.feed(tone(seconds)) + encoder.flush()
    assert audio_seconds(file, audio_format) == pytest.approx(seconds, abs=SLACK_S[audio_format])


@pytest.mark.parametrize("audio_format", [*sorted(CONTENT_TYPES), "none", "midi"])
@pytest.mark.parametrize("data", [b"", b"\x00" * 64, b"\xff" * 64, b"no audio at all"], ids=["empty", "0", "1", "text"])
def test_what_is_no_such_file_raises_nothing(audio_format, data):
    """Another server may send anything: a length is given for it, and no error raised."""
    assert audio_seconds(data, audio_format) >= 0
