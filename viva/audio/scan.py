"""Inspection, inside the child process: walk through the packets, decode the first second."""

import time

from av.error import FFmpegError

from viva.audio.info import AudioInfo
from viva.audio.media import Media
from viva.errors import AudioRejected, AudioTooLong

SLACK_S = 0.1  # encoders pad the end; a 60 s question comes out of an MP3 encoder as 60.05 s
TRUNCATION_TOLERANCE_S = 0.25
DECODED_S = 1.0
MAX_BROKEN_PACKETS = 200  # how many may fail before the first one decodes
WALK_S = 1.0  # seconds of walking after which a file that says how long it is is only checked at its end
TAIL_S = 2.0
LOOK_UP_EVERY = 64  # packets: a long recording has half a million


def inspect(media: Media, max_duration_s: float, *, walk_s: float = WALK_S) -> AudioInfo:
    """What the recording is. Raises AudioRejected, or AudioTooLong as soon as the limit is passed."""
    declared_s = media.declared_s
    check_length(declared_s, max_duration_s)
    sample = _Sample(media)
    found_s, reach_s = _walk(media, sample, max_duration_s, walk_s)
    if declared_s is not None and max(found_s, reach_s) + TRUNCATION_TOLERANCE_S < declared_s:
        raise AudioRejected(
            f"The recording is cut short: it declares {declared_s:.1f} s of sound and holds {found_s:.1f} s.",
            code="audio_truncated",
        )
    if not sample.decoded_s:
        if sample.tried:
            raise AudioRejected("The sound could not be decoded.")
        raise AudioRejected("The recording holds no sound.", code="audio_empty")
    codec = media.stream.codec_context
    return AudioInfo(
        duration_s=round(max(found_s, sample.decoded_s), 6),
        container=media.name,
        codec=codec.codec.canonical_name,
        sample_rate_hz=codec.sample_rate,
        channels=codec.channels,
    )


def check_length(seconds: float | None, max_duration_s: float) -> None:
    """Raise AudioTooLong when that many seconds are more than the limit."""
    if seconds is not None and seconds > max_duration_s + SLACK_S:
        raise too_long(max_duration_s)


def _walk(media: Media, sample: "_Sample", max_duration_s: float, walk_s: float) -> tuple[float, float]:
    """Seconds of sound found, and the last second that any track reaches where all share one duration."""
    clock = _PacketClock(media)
    reach_s = 0.0
    until = time.monotonic() + walk_s
    may_jump = media.declared_s is not None and media.name != "mp3"  # an MP3 has no timestamps to jump to
    for packet in media.packets(every_stream=media.name == "webm"):
        if packet.stream_index != media.stream.index:
            reach_s = max(reach_s, _end_s(packet))
            continue
        if not sample.enough:
            sample.take(packet)
        clock.tick(packet)
        if clock.packets % LOOK_UP_EVERY:
            continue
        check_length(clock.seconds, max_duration_s)
        if may_jump and sample.enough and time.monotonic() > until:
            return _tail(media, clock.seconds, max_duration_s)
    sample.finish()
    check_length(clock.finish(), max_duration_s)
    return clock.finish(), reach_s


def _tail(media: Media, found_s: float, max_duration_s: float) -> tuple[float, float]:
    """What `_walk` returns, for a file too big to walk through, from the timestamps of its last packets."""
    start = media.stream.start_time or 0
    reach_s = 0.0
    target = int(max(media.declared_s - TAIL_S, found_s) / media.stream.time_base) + start
    try:
        media.container.seek(target, stream=media.stream)
    except FFmpegError:
        return found_s, reach_s  # what cannot be reached is not there
    for packet in media.packets(every_stream=media.name == "webm"):
        reach_s = max(reach_s, _end_s(packet))
        if packet.stream_index == media.stream.index:
            found_s = max(found_s, _end_s(packet) - float(start * packet.time_base))
        check_length(found_s, max_duration_s)
    return found_s, reach_s


def too_long(max_duration_s: float) -> AudioTooLong:
    """The refusal, with the limit in it."""
    return AudioTooLong(f"The recording is longer than the limit of {max_duration_s:g} s. Send a shorter one.")


def _end_s(packet: object) -> float:
    if packet.pts is None:
        return 0.0
    return float((packet.pts + (packet.duration or 0)) * packet.time_base)


class _PacketClock:
    """Adds up how long the packets last.

    A packet's duration is rounded to the container's unit (1 ms in WebM), so the step from one timestamp
    to the next is taken where the two agree to within one unit; where they do not (a gap, a jump, a lie)
    the duration counts, because decoding puts the packets end to end.
    """

    def __init__(self, media: Media) -> None:
        stream = media.stream
        self._unit_s = float(stream.time_base)
        self._start = stream.start_time
        self._ticks = 0
        self._last: tuple[int | None, int] = (None, 0)
        self.packets = 0

    def tick(self, packet: object) -> None:
        """Count one packet."""
        pts, duration = packet.pts, packet.duration or 0
        if self.packets == 0 and pts is not None and self._start is not None:
            self._ticks -= max(0, self._start - pts)  # what the encoder put in front
        last_pts, last_duration = self._last
        if self.packets and last_pts is not None and pts is not None:
            step = pts - last_pts
            if step > 0 and (last_duration == 0 or step <= last_duration + 1):
                last_duration = step
        self._ticks += last_duration
        self._last = (pts, duration)
        self.packets += 1

    @property
    def seconds(self) -> float:
        """Seconds before the latest packet."""
        return self._ticks * self._unit_s

    def finish(self) -> float:
        """Seconds, the last packet included."""
        return (self._ticks + self._last[1]) * self._unit_s


class _Sample:
    """Decodes the first second, so that what demuxes but does not decode is found out."""

    def __init__(self, media: Media) -> None:
        self._media = media
        self.tried = 0
        self.decoded_s = 0.0

    @property
    def enough(self) -> bool:
        """Whether the first second has been decoded, or given up."""
        return self.decoded_s >= DECODED_S or (not self.decoded_s and self.tried >= MAX_BROKEN_PACKETS)

    def take(self, packet: object) -> None:
        """Decode this packet."""
        self.tried += 1
        self._count(self._media.decode(packet))

    def finish(self) -> None:
        """Decode what the decoder holds back."""
        if self.tried and not self.enough:
            self._count(self._media.decode(None))

    def _count(self, frames: list) -> None:
        self.decoded_s += sum(frame.samples / frame.sample_rate for frame in frames)
