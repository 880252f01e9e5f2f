"""What a recording is, and what it may cost to find out."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AudioInfo:
    """A recording that has been looked at: it is whole, it decodes, and it is no longer than the limit.

    `duration_s` is what was found by walking through the file, not what its header claims.
    """

    duration_s: float
    container: str  # "wav", "mp3", "mp4", "ogg", "webm", ...
    codec: str  # FFmpeg's name: "pcm_s16le", "mp3", "aac", "opus", ...
    sample_rate_hz: int  # of the file
    channels: int


@dataclass(frozen=True)
class AudioLimits:
    """What one recording may take.

    `max_memory_bytes` is what reading may add to the idle child (about 35 MB, most of it shared), so that
    the default keeps all of it under 200 MB. macOS does not enforce it; time and samples are bounded
    there as everywhere.
    `decode_timeout_s` bounds both the child's CPU time and the time spent waiting for it; the time that
    the consumer takes over each block is not counted. None means 10 s and a twentieth of the longest
    recording.
    """

    max_duration_s: float
    max_memory_bytes: int = 160 * 1024 * 1024
    inspect_timeout_s: float = 5.0
    decode_timeout_s: float | None = None

    @property
    def decode_budget_s(self) -> float:
        """Seconds that decoding may take."""
        if self.decode_timeout_s is not None:
            return self.decode_timeout_s
        return 10.0 + self.max_duration_s / 20
