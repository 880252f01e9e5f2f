"""Decoding, inside the child process: any codec to s16le mono at one rate, cut to the sample."""

from collections.abc import Iterator

from av import AudioFrame, AudioResampler

from viva.audio.job import MAX_BLOCK_BYTES
from viva.audio.media import Media
from viva.audio.scan import SLACK_S, check_length, too_long
from viva.audio.stride import Stride
from viva.errors import AudioRejected

BYTES_PER_SAMPLE = 2
SETTLE_S = 1.0  # a codec that was made to jump is wrong at first: what it remembers is of another place
WARM_UP_S = 0.25  # the resampler hears this much before the slice begins, so that its filter is full


def pcm_blocks(
    media: Media, *, sample_rate_hz: int, start_s: float, end_s: float | None, max_duration_s: float
) -> Iterator[bytes]:
    """Blocks of at most 64 KiB. Raises AudioTooLong when the limit is reached, AudioRejected when nothing decodes."""
    if end_s is None:
        check_length(media.declared_s, max_duration_s)
    cut = _Cut(
        start=round(start_s * sample_rate_hz),
        end=None if end_s is None else round(end_s * sample_rate_hz),
        limit=round((max_duration_s + SLACK_S) * sample_rate_hz),
    )
    frames = _Frames(media, skip_until_s=start_s - WARM_UP_S)
    converter = _Converter(sample_rate_hz)
    pending = bytearray()
    for frame in frames:
        if converter.position is None:
            converter.position = round(frames.skipped_s * sample_rate_hz)
        for at, data in converter.convert(frame):
            pending += cut.keep(at, data)
            while len(pending) >= MAX_BLOCK_BYTES:
                yield bytes(pending[:MAX_BLOCK_BYTES])
                del pending[:MAX_BLOCK_BYTES]
            if cut.too_long:
                raise too_long(max_duration_s)
        if cut.finished:
            break
    if not frames.decoded:
        raise AudioRejected("The sound could not be decoded.")
    for at, data in converter.convert(None):
        pending += cut.keep(at, data)
    for at in range(0, len(pending), MAX_BLOCK_BYTES):
        yield bytes(pending[at : at + MAX_BLOCK_BYTES])


class _Frames:
    """The decoded frames, without those that lie wholly before `skip_until_s`.

    Far from the slice, packets are not even decoded where their length is known without: an hour is
    stepped over in a fraction of a second.
    """

    def __init__(self, media: Media, *, skip_until_s: float) -> None:
        self._media = media
        self._skip_until_s = skip_until_s
        self._stride = Stride(media.stream)
        self.skipped_s = 0.0
        self.decoded = 0

    def __iter__(self) -> Iterator[AudioFrame]:
        skipping = self._skip_until_s > 0
        jumped = skipping and self._media.jump(self._skip_until_s)
        for packet in self._packets():
            if jumped and packet is not None:
                self.skipped_s, jumped = float(packet.pts * packet.time_base), False
            if skipping and self._step_over(packet):
                continue
            frames = self._media.decode(packet)
            self.decoded += len(frames)
            if skipping:
                self._stride.learn(frames)
            for frame in frames:
                length_s = frame.samples / frame.sample_rate
                skipping = skipping and self.skipped_s + length_s < self._skip_until_s
                if skipping:
                    self.skipped_s += length_s
                else:
                    yield frame

    def _step_over(self, packet: object) -> bool:
        length_s = self._stride.length_s(packet) if packet is not None else None
        if length_s is None or self.skipped_s + length_s > self._skip_until_s - SETTLE_S:
            return False
        self.skipped_s += length_s
        return True

    def _packets(self) -> Iterator[object]:
        yield from self._media.packets()
        yield None


class _Converter:
    """Frames of any format in, (position, s16le mono) out; a format that changes on the way is followed."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._rate = sample_rate_hz
        self._resampler: AudioResampler | None = None
        self._format: tuple | None = None
        self.position: int | None = None

    def convert(self, frame: AudioFrame | None) -> Iterator[tuple[int, bytes]]:
        """What one frame gives; None flushes."""
        shape = None if frame is None else (frame.format.name, frame.layout.name, frame.sample_rate)
        if shape != self._format:
            if self._resampler is not None:
                yield from self._resample(None)
            self._resampler = AudioResampler("s16", "mono", self._rate)
            self._format = shape
        if frame is not None:
            frame.pts = None  # samples are laid end to end, whatever the timestamps say
            yield from self._resample(frame)

    def _resample(self, frame: AudioFrame | None) -> Iterator[tuple[int, bytes]]:
        for out in self._resampler.resample(frame):
            if out is None:
                continue
            at = self.position
            self.position += out.samples
            yield at, bytes(out.planes[0])[: out.samples * BYTES_PER_SAMPLE]


class _Cut:
    """Keeps the samples from `start` up to `end`, and knows when `limit` is passed."""

    def __init__(self, *, start: int, end: int | None, limit: int) -> None:
        self._start = start
        self._end = end
        self._limit = limit
        self._reached = 0

    def keep(self, at: int, data: bytes) -> bytes:
        """The part of these samples, the first of which has the number `at`, that lies inside."""
        samples = len(data) // BYTES_PER_SAMPLE
        self._reached = at + samples
        first = max(self._start - at, 0)
        last = min(samples, min(self._end if self._end is not None else self._limit, self._limit) - at)
        return data[first * BYTES_PER_SAMPLE : max(last, first) * BYTES_PER_SAMPLE]

    @property
    def finished(self) -> bool:
        """Whether nothing that follows is wanted."""
        return self._end is not None and self._reached >= self._end

    @property
    def too_long(self) -> bool:
        """Whether the recording went past the limit, and its end was wanted."""
        return self._reached > self._limit and (self._end is None or self._end > self._limit)
