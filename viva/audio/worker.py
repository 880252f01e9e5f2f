"""What the decoder's child process does: read one job, answer it within its limits, and end.

`prepare` runs before there is a job, in the process that the children are forked from (see forker), so that
no job waits for the imports. A child ends with the service: at work it finds its stdout closed.
"""

import contextlib
import io
import json
import resource
import struct
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import av
import av.logging

from viva.audio.job import DECODE, DONE, ERROR, INFO, INSPECT, MISSING, PCM, READ, Job, frame
from viva.audio.media import Media
from viva.audio.pcm import pcm_blocks
from viva.audio.scan import inspect
from viva.errors import AudioRejected, InvalidRequest

OPEN_FILES = 5  # stdin, stdout, stderr, the recording, and the copy of its descriptor that FFmpeg makes


def prepare() -> None:
    """Take a tenth of a second of silence all the way, so that every library is loaded before files are forbidden."""
    av.logging.set_level(None)
    silence = struct.pack(">4s5I", b".snd", 24, 1600, 3, 8000, 1) + bytes(1600)  # Sun's .au: 16 bit, 8 kHz, mono
    with av.open(io.BytesIO(silence)) as container:
        container.streams.audio[0].codec_context.thread_count = 1
        resampler = av.AudioResampler("s16", "mono", 16_000)
        for decoded in [*container.decode(audio=0), None]:
            resampler.resample(decoded)


def serve() -> None:
    """Serve one job from stdin to stdout."""
    with open(0, "rb", closefd=False) as asked:
        line = asked.readline()
    if not line.endswith(b"\n"):
        return
    job = Job.from_line(line)
    _limit(job)
    with contextlib.suppress(BrokenPipeError), open(1, "wb", buffering=0, closefd=False) as out:
        for part in _answer(job):
            _write(out, part)


def _write(out: io.RawIOBase, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[out.write(left) :]


def _answer(job: Job) -> Iterator[bytes]:
    """The frames of the answer. Whatever else is raised ends the process, which the parent takes as a refusal."""
    try:
        yield from _serve(job)
    except InvalidRequest as error:
        yield _error(error)
    except FileNotFoundError:
        yield frame(MISSING)
    except MemoryError:
        yield _error(AudioRejected("The recording needs more memory to read than is allowed."))


def _serve(job: Job) -> Iterator[bytes]:
    if job.action in (INSPECT, READ):
        with Media(job.path) as media:
            info = inspect(media, job.max_duration_s)
        yield frame(INFO, json.dumps(asdict(info)).encode())
    if job.action in (DECODE, READ):
        with Media(job.path) as media:
            yield from _decoded(media, job)
        yield frame(DONE)


def _decoded(media: Media, job: Job) -> Iterator[bytes]:
    blocks = pcm_blocks(
        media,
        sample_rate_hz=job.sample_rate_hz,
        start_s=job.start_s,
        end_s=job.end_s,
        max_duration_s=job.max_duration_s,
    )
    for block in blocks:
        yield frame(PCM, block)


def _error(error: InvalidRequest) -> bytes:
    return frame(ERROR, json.dumps({"code": error.code, "message": error.message}).encode())


def _limit(job: Job) -> None:
    """Bound memory and CPU time; allow one file to be opened, none to be written and no dump of core."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    for kind, amount in (
        (resource.RLIMIT_AS, _address_space_bytes() + job.max_memory_bytes),  # macOS does not enforce it
        (resource.RLIMIT_CPU, int(usage.ru_utime + usage.ru_stime + job.cpu_s) + 1),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        # A system without this limit goes without; the parent still watches the clock.
        with contextlib.suppress(ValueError, OSError):
            # A hard limit above the soft one: at the soft one of CPU time the system says why it ends us.
            resource.setrlimit(kind, (amount, amount + 1 if kind == resource.RLIMIT_CPU else amount))


def _address_space_bytes() -> int:
    """What this process has mapped already; a guess where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 256 * 1024 * 1024
