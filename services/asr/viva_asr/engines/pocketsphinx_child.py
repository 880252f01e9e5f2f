"""The process that recognises: `python -P pocketsphinx_child.py NICENESS`, frames on stdin and stdout.

A frame is four bytes of length (little-endian) and that many bytes: s16le PCM at 16 kHz in, JSON out. The first
frame out says that the model is loaded. It ends when stdin does, so it never outlives its parent.
"""

import json
import math
import os
import signal
import struct
import sys
from typing import BinaryIO

_FRAMES_PER_S = 100
_HEADER = struct.Struct("<I")
_WARM_UP_SAMPLES = 8_000
_LEAST_SAMPLES = 1_600
"""The decoder needs a few frames; less than 0.1 s holds no word."""

# Measured on 7.5 minutes of flite's two voices: the same words wrong as with the library's own values or fewer, at
# three quarters of their cost. Narrower beams and leaving out the second pass were cheaper still, and worse.
CONFIG = {"lw": 5.5, "wip": 0.2, "maxhmmpf": 3000}


class Recogniser:
    """One decoder with the model that its wheel carries."""

    def __init__(self) -> None:
        from pocketsphinx import Decoder

        self._decoder = Decoder(loglevel="FATAL", **CONFIG)
        self.recognise(bytes(2 * _WARM_UP_SAMPLES))

    def recognise(self, pcm: bytes) -> list[list]:
        """Return [word, start_s, end_s, probability] of every word in s16le PCM at 16 kHz."""
        if len(pcm) < 2 * _LEAST_SAMPLES:
            return []
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()
        if self._decoder.hyp() is None:
            return []
        return [
            [
                segment.word.partition("(")[0],
                segment.start_frame / _FRAMES_PER_S,
                (segment.end_frame + 1) / _FRAMES_PER_S,
                min(1.0, max(segment.prob, math.ulp(0.0))),
            ]
            for segment in self._decoder.seg()
            if not segment.word.startswith(("<", "[", "+"))
        ]


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


def main() -> None:
    """Load the model, then answer one frame after another until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends us properly
    os.nice(int(sys.argv[1]))
    # What native code may print must not get between the frames.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    recogniser = Recogniser()
    _write_frame(answers, "ready")
    while (pcm := _read_frame(sys.stdin.buffer)) is not None:
        _write_frame(answers, recogniser.recognise(pcm))


if __name__ == "__main__":
    main()
