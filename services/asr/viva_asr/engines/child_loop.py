"""What a recogniser's process does: `python -m MODULE NICENESS`, frames on stdin and stdout.

A frame is four bytes of length (little-endian) and that many bytes: s16le PCM at 16 kHz in, JSON out. The first
frame out says that the model is loaded. It ends when stdin does, so it never outlives its parent.
"""

import json
import os
import signal
import struct
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

_HEADER = struct.Struct("<I")


def serve(load: Callable[[], Callable[[bytes], Any]]) -> None:
    """Load the model, then answer one frame after another with what `load` returned, until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends us properly
    os.nice(int(sys.argv[1]))
    # What native code may print must not get between the frames.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    recognise = load()
    _write_frame(answers, "ready")
    while (pcm := _read_frame(sys.stdin.buffer)) is not None:
        _write_frame(answers, recognise(pcm))


def _read_frame(stream: BinaryIO) -> bytes | None:
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    (length,) = _HEADER.unpack(header)
    body = stream.read(length)
    return body if len(body) == length else None


def _write_frame(stream: BinaryIO, value: object) -> None:
    body = json.dumps(value).encode()
    stream.write(_HEADER.pack(len(body)) + body)
    stream.flush()
