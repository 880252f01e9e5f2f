"""What is said on the stream besides audio."""

import pytest

from viva.errors import InvalidRequest
from viva_asr.streaming import frames


def test_a_start_with_defaults() -> None:
    """Without settings there is no turn detection; with `{}` it is OpenAI's default."""
    assert frames.parse('{"type":"start","rate_hz":24000}').turn_detection is None
    start = frames.parse('{"type":"start","rate_hz":16000,"turn_detection":{},"language":"English","more":1}')
    assert start.turn_detection == frames.TurnDetection(threshold=0.5, silence_duration_ms=500)
    assert start.language == "en"


@pytest.mark.parametrize(
    ("text", "param"),
    [
        ("{", None),
        ("[]", None),
        ('{"type":"shout"}', None),
        ('{"type":"start","rate_hz":8000}', "start.rate_hz"),
        ('{"type":"start","rate_hz":16000,"turn_detection":{"threshold":2}}', "start.turn_detection.threshold"),
        ('{"type":"configure","language":"klingon"}', "configure.language"),
    ],
)
def test_what_is_wrong_is_a_sentence(text: str, param: str | None) -> None:
    """A wrong frame is refused with a sentence and, where one is at fault, the field."""
    with pytest.raises(InvalidRequest, match=r"\.$") as caught:
        frames.parse(text)
    assert caught.value.param == param
