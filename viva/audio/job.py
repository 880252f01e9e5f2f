"""What the decoder and its child process say to each other.

Down the child's stdin goes one line of JSON, the job. Up its stdout come frames: one byte that says the
kind, the length of the payload as a little-endian 32-bit number, the payload. An inspection ends with
INFO, a decoding with DONE (after an INFO, when both are asked for), either may end with ERROR or MISSING; a child that
ends without one of them has died.
How it ended is told by the process that it was forked from, as a STATUS on the child's lifeline.
"""

import json
import struct
from dataclasses import asdict, dataclass

INFO = b"I"  # the AudioInfo as JSON
PCM = b"P"  # a block of s16le mono
DONE = b"D"  # nothing
ERROR = b"E"  # {"code", "message"} as JSON
MISSING = b"M"  # no such file, which is the caller's mistake and not the recording's

# What a job asks for: the AudioInfo, the samples, or the one and then the other.
INSPECT, DECODE, READ = "inspect", "decode", "read"

HEADER = struct.Struct("<cI")
STATUS = struct.Struct("<i")  # as in subprocess: the exit code, or minus the number of the signal
MAX_BLOCK_BYTES = 64 * 1024
RECORDING = 3  # the descriptor from which a child reads a recording that has no path


@dataclass(frozen=True)
class Job:
    """One file to inspect, or to decode (or both) from `start_s` to `end_s` (None: to its end)."""

    action: str  # INSPECT, DECODE or READ
    path: str | None  # None: the child was given it open, as RECORDING
    max_duration_s: float
    max_memory_bytes: int
    cpu_s: float
    sample_rate_hz: int = 16_000
    start_s: float = 0.0
    end_s: float | None = None

    def to_line(self) -> bytes:
        """The job as the line that the child reads."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> "Job":
        """The job that a line holds."""
        return cls(**json.loads(line))


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    """One frame, ready to be written."""
    return HEADER.pack(kind, len(payload)) + payload
