"""16-bit mono PCM to the formats that people play, a block at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import av

from viva.audio.wav import wav_header

_BYTES_PER_SAMPLE = 2


@dataclass(frozen=True, slots=True)
class _Codec:
    """How one format is made by FFmpeg."""

    name: str
    container: str
    sample_format: str
    bit_rate: int | None = None  # bits per second
    codec_options: Mapping[str, str] = field(default_factory=dict)
    container_options: Mapping[str, str] = field(default_factory=dict)


# CPU per 10 s of speech, measured on one core of a 2-vCPU machine: mp3 35 ms, opus 57, aac 17, flac 8.
_CODECS: Mapping[str, _Codec] = MappingProxyType(
    {
        # No Xing header, ID3 tag or bit reservoir: every file stands alone, and files laid end to end are one file.
        "mp3": _Codec(
            "libmp3lame",
            "mp3",
            "s16p",
            48_000,
            {"compression_level": "7", "reservoir": "0"},
            {"write_xing": "0", "id3v2_version": "0"},
        ),
        # Ogg pages hold one second unless told otherwise, which would hold back the first byte.
        "opus": _Codec(
            "libopus",
            "ogg",
            "s16",
            28_000,
            {"application": "voip", "compression_level": "5"},
            {"page_duration": "100000"},
        ),
        "aac": _Codec("aac", "adts", "fltp", 64_000, {"aac_coder": "fast"}),
        "flac": _Codec("flac", "flac", "s16"),
    }
)

CONTENT_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "mp3": "audio/mpeg",
        "opus": "audio/ogg",
        "aac": "audio/aac",
        "flac": "audio/flac",
        "wav": "audio/wav",
        "pcm": "audio/pcm",
    }
)


class Encoder:
    """Turns s16le mono PCM at `in_rate_hz` into one file of `audio_format`: feed blocks of any size, then flush once.

    `out_rate_hz` is by default the input's, or the next one that the format can hold. A streamed wav states no
    length (0xFFFFFFFF). Raises ValueError for a format that is not in CONTENT_TYPES.
    """

    def __init__(self, audio_format: str, in_rate_hz: int, out_rate_hz: int | None = None) -> None:
        if audio_format not in CONTENT_TYPES:
            raise ValueError(f"unknown audio format {audio_format!r}; known are {', '.join(CONTENT_TYPES)}")
        codec = _CODECS.get(audio_format)
        self.audio_format = audio_format
        self.content_type = CONTENT_TYPES[audio_format]
        self.out_rate_hz = out_rate_hz or _nearest_rate(codec, in_rate_hz)
        self._in_rate_hz = in_rate_hz
        self._odd = b""  # half a sample, until its other half comes
        self._resampler = None
        if codec is not None or self.out_rate_hz != in_rate_hz:
            sample_format = codec.sample_format if codec else "s16"
            self._resampler = av.AudioResampler(format=sample_format, layout="mono", rate=self.out_rate_hz)
        self._muxer = _Muxer(codec, self.out_rate_hz) if codec else None
        self._head = wav_header(None, self.out_rate_hz) if audio_format == "wav" else b""

    def feed(self, pcm: bytes) -> bytes:
        """Take s16le samples and return the bytes of the file that are ready, perhaps none."""
        pcm = self._odd + pcm
        whole = len(pcm) - len(pcm) % _BYTES_PER_SAMPLE
        self._odd = pcm[whole:]
        return self._write(pcm[:whole]) if whole else b""

    def flush(self) -> bytes:
        """End the file and return its last bytes."""
        if self._muxer is not None:
            self._encode(None)
            self._muxer.close()
            return self._muxer.take()
        return self._take_head() + (self._resampled(None) if self._resampler else b"")

    def _write(self, pcm: bytes) -> bytes:
        if self._resampler is None:
            return self._take_head() + pcm
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(pcm) // _BYTES_PER_SAMPLE)
        frame.sample_rate = self._in_rate_hz
        _fill(frame, pcm)
        if self._muxer is None:
            return self._take_head() + self._resampled(frame)
        self._encode(frame)
        return self._muxer.take()

    def _take_head(self) -> bytes:
        head, self._head = self._head, b""
        return head

    def _resampled(self, frame: av.AudioFrame | None) -> bytes:
        return b"".join(_samples(out) for out in self._resampler.resample(frame))

    def _encode(self, frame: av.AudioFrame | None) -> None:
        for out in self._resampler.resample(frame):
            out.pts = None
            self._muxer.encode(out)


class _Muxer:
    """A codec and its container, writing to memory that cannot be sought: what is written is never corrected."""

    def __init__(self, codec: _Codec, rate_hz: int) -> None:
        self._written = bytearray()
        options = {"flush_packets": "1", **codec.container_options}
        self._container = av.open(self, "w", format=codec.container, options=options)
        self._stream = self._container.add_stream(codec.name, rate=rate_hz, options=dict(codec.codec_options))
        self._stream.layout = "mono"
        self._stream.format = codec.sample_format
        if codec.bit_rate:
            self._stream.bit_rate = codec.bit_rate

    def write(self, data: bytes) -> int:
        """Take bytes from FFmpeg, which calls this as a file's."""
        self._written += data
        return len(data)

    def encode(self, frame: av.AudioFrame | None) -> None:
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        self.encode(None)
        self._container.close()

    def take(self) -> bytes:
        """Return what was written since the last call."""
        taken, self._written = bytes(self._written), bytearray()
        return taken


def _nearest_rate(codec: _Codec | None, rate_hz: int) -> int:
    """Return `rate_hz`, or the lowest rate above it that the codec can hold, or the codec's highest."""
    rates = av.Codec(codec.name, "w").audio_rates if codec else None
    if not rates or rate_hz in rates:
        return rate_hz
    return min((rate for rate in rates if rate > rate_hz), default=max(rates))


def _fill(frame: av.AudioFrame, pcm: bytes) -> None:
    plane = frame.planes[0]
    # FFmpeg pads planes to its own alignment, and update() wants the plane's whole size.
    plane.update(pcm.ljust(plane.buffer_size, b"\0"))


def _samples(frame: av.AudioFrame) -> bytes:
    return bytes(frame.planes[0])[: frame.samples * _BYTES_PER_SAMPLE]
