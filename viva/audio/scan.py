"""Inspection, inside the child process: walk through the packets, decode the first second."""

from viva.audio.info import AudioInfo
from viva.audio.media import Media
from viva.errors import AudioRejected, AudioTooLong

SLACK_S = 0.1  # encoders pad the end; a 60 s question comes out of an MP3 encoder as 60.05 s
TRUNCATION_TOLERANCE_S = 0.25
DECODED_S = 1.0
MAX_BROKEN_PACKETS = 200  # how many may fail before the first one decodes


def inspect(media: Media, max_duration_s: float) -> AudioInfo:
    """What the recording is. Raises AudioRejected, or AudioTooLong as soon as the limit is passed."""
    declared_s = _declared_s(media)
    if declared_s is not None and declared_s > max_duration_s + SLACK_S:
        raise too_long(max_duration_s)
    clock = _PacketClock(media)
    sample = _Sample(media)
    limit = max_duration_s + SLACK_S
    reach_s = 0.0
    for packet in media.packets(every_stream=media.name == "webm"):
        if packet.stream_index != media.stream.index:
            reach_s = max(reach_s, _end_s(packet))
            continue
        sample.take(packet)
        clock.tick(packet)
        if clock.seconds > limit:
            raise too_long(max_duration_s)
    sample.finish()
    duration_s = clock.finish()
    if declared_s is not None and max(duration_s, reach_s) + TRUNCATION_TOLERANCE_S < declared_s:
        raise AudioRejected(
            f"The recording is cut short: it declares {declared_s:.1f} s of sound and holds {duration_s:.1f} s.",
            code="audio_truncated",
        )
    if not sample.decoded_s:
        if clock.packets:
            raise AudioRejected("The sound could not be decoded.")
        raise AudioRejected("The recording holds no sound.", code="audio_empty")
    codec = media.stream.codec_context
    return AudioInfo(
        duration_s=round(max(duration_s, sample.decoded_s), 6),
        container=media.name,
        codec=codec.codec.canonical_name,
        sample_rate_hz=codec.sample_rate,
        channels=codec.channels,
    )


def too_long(max_duration_s: float) -> AudioTooLong:
    """The refusal, with the limit in it."""
    return AudioTooLong(f"The recording is longer than the limit of {max_duration_s:g} s.")


def _end_s(packet: object) -> float:
    if packet.pts is None:
        return 0.0
    return float((packet.pts + (packet.duration or 0)) * packet.time_base)


def _declared_s(media: Media) -> float | None:
    """Seconds of sound that the header really declares; None where FFmpeg would only estimate."""
    stream = media.stream
    if media.name in ("wav", "w64", "aiff", "caf", "flac", "mp4") and stream.duration:
        return float(stream.duration * stream.time_base)
    if media.name == "webm" and media.container.duration:
        return media.container.duration / 1e6
    if media.name == "mp3":
        size = 1152 if stream.codec_context.sample_rate >= 32_000 else 576
        return (media.xing_frames or 0) * size / stream.codec_context.sample_rate or None
    return None


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
        self._tried = 0
        self.decoded_s = 0.0

    def take(self, packet: object) -> None:
        """Decode this packet if there is not yet enough."""
        if self.decoded_s < DECODED_S and (self.decoded_s or self._tried < MAX_BROKEN_PACKETS):
            self._tried += 1
            self._count(self._media.decode(packet))

    def finish(self) -> None:
        """Decode what the decoder holds back, where that matters."""
        if self._tried and self.decoded_s < DECODED_S:
            self._count(self._media.decode(None))

    def _count(self, frames: list) -> None:
        self.decoded_s += sum(frame.samples / frame.sample_rate for frame in frames)
