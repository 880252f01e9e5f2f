"""One opened recording, inside the child process: only its own file, only formats that people record in."""

import io
import os
import stat
from collections.abc import Iterator
from typing import Self

import av
from av.error import FFmpegError
from av.stream import Discard

from viva.audio.declared import begins_like_a_recording, check_format, check_wav, mp3_frames
from viva.audio.job import RECORDING
from viva.errors import AudioRejected

# No playlist (hls, dash, concat), no session description, no picture sequence, no device, no lavfi.
DEMUXERS = "wav,w64,aiff,caf,au,mp3,aac,flac,ogg,matroska,mov,amr,asf"

# Only sound: a picture track is never decoded, so its size cannot cost anything.
CODECS = (
    "aac,aac_latm,ac3,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,alac,amrnb,amrwb,eac3,flac,gsm,gsm_ms,libopus,mp1,mp1float,"
    "mp2,mp2float,mp3,mp3float,opus,pcm_alaw,pcm_f32be,pcm_f32le,pcm_f64be,pcm_f64le,pcm_mulaw,pcm_s16be,pcm_s16le,"
    "pcm_s24be,pcm_s24le,pcm_s32be,pcm_s32le,pcm_s8,pcm_u8,qdm2,speex,vorbis,wmapro,wmav1,wmav2,wmavoice"
)

NAMES = {"mov,mp4,m4a,3gp,3g2,mj2": "mp4", "matroska,webm": "webm"}
DECODING = {"max_samples": str(1 << 20)}  # in one packet
MAX_DEMUX_ERRORS = 100


class Media:
    """The sound of one file. Reads the file through one descriptor, which is all that FFmpeg is given.

    Without a path it is the file that this process was given open. Raises AudioRejected when it cannot be opened as a
    recording with a sound track.
    """

    def __init__(self, path: str | None) -> None:
        self.file = io.FileIO(RECORDING, closefd=False) if path is None else _open_regular(path)
        try:
            self._begin()
        except BaseException:
            self.file.close()
            raise

    def _begin(self) -> None:
        self.size = os.fstat(self.file.fileno()).st_size
        if self.size == 0:
            raise AudioRejected("The recording is empty: the file has no bytes.", code="audio_empty")
        # Before FFmpeg opens it: its copy of the descriptor shares our position in the file.
        check_wav(self.file, self.size)
        self._xing_frames = mp3_frames(self.file)
        self.container = self._open()
        self.stream = self._best_stream()
        codec = self.stream.codec_context
        check_format(codec.sample_rate, codec.channels)
        codec.thread_count = 1
        codec.options = DECODING

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.container.close()
        self.file.close()

    @property
    def name(self) -> str:
        """The container, in one word."""
        return NAMES.get(self.container.format.name, self.container.format.name)

    @property
    def declared_s(self) -> float | None:
        """Seconds of sound that the header really declares; None where FFmpeg would only estimate."""
        if self.name in ("wav", "aiff", "caf", "flac", "mp4") and self.stream.duration:
            return float(self.stream.duration * self.stream.time_base)
        if self.name == "webm" and self.container.duration:
            return self.container.duration / 1e6
        if self.name == "mp3" and self._xing_frames:
            rate = self.stream.codec_context.sample_rate
            return self._xing_frames * (1152 if rate >= 32_000 else 576) / rate
        return None

    def _open(self) -> "av.container.InputContainer":
        # The fd: protocol has no name in it: no extension to be misled by, and nothing else to open.
        options = {
            "fd": str(self.file.fileno()),
            "protocol_whitelist": "fd",
            "format_whitelist": DEMUXERS,
            "codec_whitelist": CODECS,
            "max_streams": "100",
            # A WAV's samples are samples: FFmpeg would look for another codec inside them for 15 ms.
            "max_probe_packets": "1",
        }
        self.file.seek(0)
        head = self.file.read(16)
        self.file.seek(0)
        try:
            return av.open("fd:", options=DECODING, container_options=options, metadata_errors="replace")
        except MemoryError:
            raise
        except (FFmpegError, ValueError):
            if begins_like_a_recording(head):
                raise _damaged() from None
            raise AudioRejected(
                "This is not a recording in a format that can be read. Send WAV, MP3, M4A, Ogg, FLAC or WebM."
            ) from None

    def _best_stream(self) -> "av.audio.stream.AudioStream":
        streams = [stream for stream in self.container.streams if stream.type == "audio"]
        if not streams:
            if not any(stream.type == "video" for stream in self.container.streams):
                raise _damaged()  # a description of the tracks that breaks off
            raise AudioRejected("The file holds no sound track.", code="audio_no_stream")
        best = self.container.streams.best("audio") or streams[0]
        if best.codec_context is None or best.codec_context.name not in CODECS.split(","):
            raise AudioRejected("The sound is in a codec that cannot be read.")
        return best

    def packets(self, *, every_stream: bool = False) -> Iterator["av.packet.Packet"]:
        """The packets of the sound track (or of every stream) in order; damage in between is stepped over."""
        streams = list(self.container.streams) if every_stream else [self.stream]
        for stream in self.container.streams:
            if stream not in streams:
                stream.discard = Discard.all
        for _ in range(MAX_DEMUX_ERRORS):
            try:
                for packet in self.container.demux(streams):
                    if packet.size:
                        yield packet
            except MemoryError:
                raise
            except FFmpegError:
                continue
            return

    def jump(self, second: float) -> bool:
        """Go on from shortly before that second; False where timestamps are not exact enough to do so."""
        if self.name not in ("wav", "aiff", "au") or not self.stream.codec_context.name.startswith("pcm_"):
            return False
        try:
            self.container.seek(int(second / self.stream.time_base), stream=self.stream)
        except FFmpegError:
            return False
        return True

    def decode(self, packet: "av.packet.Packet | None") -> list["av.AudioFrame"]:
        """The frames of one packet (None: what the decoder still holds); none when the packet is broken."""
        try:
            return self.stream.codec_context.decode(packet)
        except MemoryError:
            raise
        except FFmpegError:
            return []


def _damaged() -> AudioRejected:
    return AudioRejected(
        "The recording is cut short or damaged: it begins like one, but the rest does not follow.",
        code="audio_truncated",
    )


def _open_regular(path: str) -> io.FileIO:
    file = io.FileIO(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), closefd=True)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise AudioRejected("This is not a recording: not a regular file.")
    return file
