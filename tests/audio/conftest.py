"""Recordings to read, honest and otherwise, each made when a test asks for it."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from viva.audio.decode import Decoder
from viva.audio.job import HEADER, Job

FORMATS = {  # name: muxer, encoder, rate, layout, options of the muxer
    "wav": ("wav", "pcm_s16le", 44_100, "stereo", {}),
    "wav_float": ("wav", "pcm_f32le", 16_000, "mono", {}),
    "wav_six": ("wav", "pcm_s24le", 48_000, "5.1", {}),
    "wav_adpcm": ("wav", "adpcm_ms", 22_050, "mono", {}),
    "w64": ("w64", "pcm_s16le", 44_100, "mono", {}),
    "mp3": ("mp3", "libmp3lame", 44_100, "stereo", {}),
    "mp3_plain": ("mp3", "libmp3lame", 44_100, "mono", {"write_xing": "0"}),
    "m4a": ("ipod", "aac", 44_100, "stereo", {}),
    "m4a_faststart": ("ipod", "aac", 44_100, "mono", {"movflags": "faststart"}),
    "mp4_fragmented": ("mp4", "aac", 48_000, "mono", {"movflags": "empty_moov", "frag_duration": "1000000"}),
    "mov": ("mov", "pcm_s16be", 48_000, "mono", {}),
    "alac": ("ipod", "alac", 44_100, "mono", {}),
    "3gp": ("3gp", "libopencore_amrnb", 8_000, "mono", {}),
    "aac": ("adts", "aac", 44_100, "mono", {}),
    "ogg_opus": ("ogg", "libopus", 48_000, "mono", {}),
    "ogg_vorbis": ("ogg", "vorbis", 44_100, "stereo", {}),
    "webm": ("webm", "libopus", 48_000, "mono", {}),
    "webm_live": ("webm", "libopus", 48_000, "mono", {"live": "1"}),  # what a browser's recorder writes
    "mka_vorbis": ("matroska", "vorbis", 44_100, "stereo", {}),
    "mka_aac": ("matroska", "aac", 44_100, "mono", {}),
    "flac": ("flac", "flac", 44_100, "stereo", {}),
    "aiff": ("aiff", "pcm_s16be", 44_100, "mono", {}),
    "au": ("au", "pcm_mulaw", 8_000, "mono", {}),
    "caf": ("caf", "alac", 44_100, "mono", {}),
    "amr": ("amr", "libopencore_amrnb", 8_000, "mono", {}),
    "wma": ("asf", "wmav2", 44_100, "stereo", {}),
}


def chirp(rate: int, seconds: float) -> np.ndarray:
    """A tone that rises from 200 to 1,200 Hz over each ten seconds: every instant of ten seconds differs."""
    t = np.arange(round(rate * seconds)) / rate
    return (0.4 * 32767 * np.sin(2 * np.pi * np.cumsum(200 + 100 * (t % 10)) / rate)).astype(np.int16)


def record(path: Path, name: str, seconds: float, *, picture: bool = False, sound: bool = True) -> Path:
    """Write the chirp to `path` in the named format, with a picture track if asked."""
    muxer, encoder, rate, layout, options = FORMATS[name]
    with av.open(str(path), "w", format=muxer, container_options=options) as out:
        audio = None
        if sound:
            audio = out.add_stream(encoder, rate=rate, layout=layout)
            audio.codec_context.options = {"strict": "-2"} if encoder == "vorbis" else {}
            if encoder in ("aac", "wmav2", "libopus", "libmp3lame"):
                audio.bit_rate = 96_000
        if picture:
            _add_picture(out, seconds)
        if audio is not None:
            _add_sound(out, audio, rate, layout, seconds)
    return path


def _add_picture(out: "av.container.OutputContainer", seconds: float) -> None:
    video = out.add_stream("mpeg4" if out.format.name != "webm" else "libvpx", rate=5)
    video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
    for _ in range(round(seconds * 5)):
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")
        out.mux(video.encode(frame))
    out.mux(video.encode(None))


def _add_sound(out: object, audio: object, rate: int, layout: str, seconds: float) -> None:
    channels = av.AudioLayout(layout).nb_channels
    samples = chirp(rate, seconds)
    for at in range(0, len(samples), rate):
        part = np.repeat(samples[at : at + rate], channels).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(part, format="s16", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
        out.mux(audio.encode(frame))
    out.mux(audio.encode(None))


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Gives the path of the chirp in a format, made once: recording("mp3", 3.0)."""
    folder = tmp_path_factory.mktemp("recordings")

    def make(name: str, seconds: float = 3.0, **tracks: bool) -> Path:
        path = folder / f"{name}-{seconds}-{'-'.join(tracks)}"
        return path if path.exists() else record(path, name, seconds, **tracks)

    return make


@pytest.fixture
async def decoder() -> AsyncIterator[Decoder]:
    """A started decoder."""
    async with Decoder() as opened:
        yield opened


# A process begins with the peak memory of the one it was forked from, so a small one stands in between.
MEASURE = """
import os, subprocess, sys
worker = subprocess.Popen(sys.argv[1:], stderr=subprocess.DEVNULL)
usage = os.wait4(worker.pid, 0)[2]
sys.stderr.write(f"[{usage.ru_utime + usage.ru_stime}, {usage.ru_maxrss}]")
sys.stderr.flush()
"""


PYTHON = (sys.executable, "-P", "-S", "-c")
WORKER = "from viva.audio import worker; worker.prepare(); worker.serve()"


@dataclass(frozen=True)
class Outcome:
    """What a worker answered and what it took."""

    kind: bytes  # of the last frame; empty when it died
    payload: dict
    cpu_s: float  # start-up included
    peak_bytes: int  # resident, libraries included
    pcm_bytes: int


@pytest.fixture
def work() -> Callable[..., Outcome]:
    """Runs the worker itself on a file and measures it."""

    def run(path: Path, action: str = "inspect", *, max_duration_s: float = 10_800.0, **changes: object) -> Outcome:
        fields = {"max_memory_bytes": 160 << 20, "cpu_s": 10.0, **changes}
        job = Job(action=action, path=str(path), max_duration_s=max_duration_s, **fields)
        paths = [str(Path(__file__).parents[2]), *filter(None, sys.path)]
        with subprocess.Popen(
            [*PYTHON, MEASURE, *PYTHON, WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PYTHONPATH": os.pathsep.join(paths)},
        ) as process:
            answer, usage = process.communicate(job.to_line())
        return _outcome(answer, *json.loads(usage))

    return run


def _outcome(answer: bytes, cpu_s: float, peak: int) -> Outcome:
    kind, payload, pcm_bytes, at = b"", b"", 0, 0
    while at < len(answer):
        kind, length = HEADER.unpack_from(answer, at)
        at += HEADER.size
        payload = answer[at : at + length]
        at += length
        pcm_bytes += length if kind == b"P" else 0
    known = json.loads(payload) if kind in b"IE" and payload else {}
    unit = 1 if sys.platform == "darwin" else 1024
    return Outcome(kind, known, cpu_s, peak * unit, pcm_bytes)


def _crc(data: bytes, width: int, polynomial: int) -> int:
    value, top = 0, 1 << (width - 1)
    for byte in data:
        value ^= byte << (width - 8)
        for _ in range(8):
            value = ((value << 1) ^ polynomial if value & top else value << 1) & ((1 << width) - 1)
    return value


@pytest.fixture(scope="session")
def silent_flac() -> Callable[..., bytes]:
    """Makes a FLAC of silence with 14 bytes for each 65,535 samples; `declared` is the total its header gives."""

    def make(seconds: float, *, declared: int, rate: int = 8_000) -> bytes:
        size = 65_535
        packed = (rate << 44) | (0 << 41) | (15 << 36) | declared
        info = size.to_bytes(2) * 2 + bytes(6) + packed.to_bytes(8) + bytes(16)
        parts = [b"fLaC", b"\x80", len(info).to_bytes(3), info]
        for number in range(round(seconds * rate) // size):
            coded = chr(number).encode("utf-8", "surrogatepass")
            head = b"\xff\xf8\x70\x08" + coded + (size - 1).to_bytes(2)
            body = head + bytes([_crc(head, 8, 0x07)]) + bytes(3)
            parts.append(body + _crc(body, 16, 0x8005).to_bytes(2))
        return b"".join(parts)

    return make
