"""What a client of pipecat's protobuf serializer sends and gets, written by hand: two kinds of message."""

import json

_AUDIO, _MESSAGE = 2, 4  # numbers of the frames' kinds
_BYTES = 2  # protobuf's wire type of what has a length


def audio_frame(pcm: bytes, rate_hz: int) -> bytes:
    """Mono s16le."""
    rate, channels = _key(4, 0) + _varint(rate_hz), _key(5, 0) + _varint(1)
    return _sized(_AUDIO, _sized(3, pcm) + rate + channels)


def message_frame(message: dict) -> bytes:
    """Anything else that a client has to say."""
    return _sized(_MESSAGE, _sized(1, json.dumps(message).encode()))


def is_audio(frame: bytes) -> bool:
    """Whether that is sound."""
    return frame[:1] == _key(_AUDIO, _BYTES)


def _sized(number: int, data: bytes) -> bytes:
    return _key(number, _BYTES) + _varint(len(data)) + data


def _key(number: int, wire_type: int) -> bytes:
    return _varint(number << 3 | wire_type)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])
