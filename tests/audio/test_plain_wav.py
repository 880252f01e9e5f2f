"""Plain WAVs in memory: read without a child, with the child's own answer, and only when they are plain."""

import asyncio
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from viva.audio import AudioLimits, Decoder
from viva.audio.plain_wav import plain_wav
from viva.errors import AudioRejected, AudioTooLong, Overloaded

LIMITS = AudioLimits(max_duration_s=60)
SECOND = bytes(range(256)) * 125
FORMAT = struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16)


def chunk(name: bytes, data: bytes, size: int | None = None) -> bytes:
    """A chunk, padded to an even length, whose header may give another size."""
    return name + struct.pack("<I", len(data) if size is None else size) + data + bytes(len(data) % 2)


def wav(*chunks: bytes, riff: int | None = None) -> bytes:
    """A WAV of these chunks, whose header may give another size."""
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if riff is None else riff) + body


def pcm_format(**changes: int) -> bytes:
    """The format chunk of 16 kHz mono, with changes."""
    fields = {"kind": 1, "channels": 1, "rate": 16_000, "bytes_s": 32_000, "frame": 2, "bits": 16} | changes
    return chunk(b"fmt ", struct.pack("<HHIIHH", *fields.values()))


PLAIN = wav(pcm_format(), chunk(b"data", SECOND))


async def whole(decoder: Decoder, recording: Path | bytes) -> tuple:
    """What reading it gives: the information and all samples."""
    async with decoder.read(recording, LIMITS) as (info, blocks):
        return info, b"".join([block async for block in blocks])


@pytest.mark.parametrize(
    "data",
    [
        PLAIN,
        wav(pcm_format(), chunk(b"LIST", b"INFOodd"), chunk(b"data", SECOND)),
        wav(pcm_format(), chunk(b"data", SECOND), chunk(b"LIST", b"INFO")),
        wav(pcm_format(), chunk(b"data", SECOND[:2])),
        wav(pcm_format(), chunk(b"data", SECOND * 20)),
    ],
    ids=["plain", "tag before", "tag behind", "one sample", "20 seconds"],
)
async def test_a_plain_wav_is_what_the_child_says_it_is(data: bytes, decoder: Decoder, tmp_path: Path) -> None:
    """Information and samples are the same, to the bit, in memory and through the child."""
    assert plain_wav(data, 60.0) is not None
    (tmp_path / "a").write_bytes(data)
    assert await whole(decoder, data) == await whole(decoder, tmp_path / "a")
    assert await decoder.inspect(data, LIMITS) == await decoder.inspect(tmp_path / "a", LIMITS)


async def test_a_plain_wav_needs_no_child() -> None:
    """It is read by a decoder that has not been started, and so has nothing to fork."""
    info, samples = await whole(Decoder(), PLAIN)
    assert (info.duration_s, samples) == (1.0, SECOND)


async def test_stereo_is_inspected_here_and_mixed_by_the_child(decoder: Decoder) -> None:
    """What has to be converted is looked at without a child, but not converted without one."""
    data = wav(pcm_format(channels=2, frame=4), chunk(b"data", SECOND))
    info = await Decoder().inspect(data, LIMITS)
    assert (info.duration_s, info.channels) == (0.5, 2)
    _, samples = await whole(decoder, data)
    assert len(samples) == 16_000
    with pytest.raises(AudioTooLong):
        await decoder.inspect(data, AudioLimits(max_duration_s=0.3))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PLAIN[:11],
        PLAIN[:-1],
        PLAIN + b"\0",
        b"RIFX" + PLAIN[4:],
        wav(pcm_format(), chunk(b"data", SECOND), riff=0xFFFFFFFF),
        wav(pcm_format(), chunk(b"data", SECOND, size=0xFFFFFFFF)),
        wav(pcm_format(), chunk(b"data", SECOND, size=len(SECOND) + 2)),
        wav(pcm_format(), chunk(b"LIST", b"INFO", size=0xFFFFFFF0), chunk(b"data", SECOND)),
        wav(pcm_format(), chunk(b"data", b"")),
        wav(pcm_format(), chunk(b"data", SECOND[:-1])),
        wav(chunk(b"data", SECOND)),
        wav(chunk(b"data", SECOND), pcm_format()),
        wav(pcm_format(), pcm_format(rate=8_000), chunk(b"data", SECOND)),
        wav(pcm_format(), *(chunk(b"x%03d" % n, b"") for n in range(1_000)), chunk(b"data", SECOND)),
        wav(chunk(b"fmt ", FORMAT + bytes(2)), chunk(b"data", SECOND)),
        wav(pcm_format(kind=3), chunk(b"data", SECOND)),
        wav(pcm_format(kind=0xFFFE), chunk(b"data", SECOND)),
        wav(pcm_format(bits=8), chunk(b"data", SECOND)),
        wav(pcm_format(frame=4), chunk(b"data", SECOND)),
        wav(pcm_format(channels=0, frame=0), chunk(b"data", SECOND)),
        wav(pcm_format(channels=65, frame=130), chunk(b"data", SECOND)),
        wav(pcm_format(rate=0), chunk(b"data", SECOND)),
        wav(pcm_format(rate=4_000_000_000), chunk(b"data", SECOND)),
        wav(pcm_format(), chunk(b"data", SECOND * 61)),
        wav(pcm_format(rate=1_000), chunk(b"data", SECOND * 4)),
    ],
)
def test_what_is_not_plain_is_left_to_the_child(data: bytes) -> None:
    """A header that the bytes do not bear out, another format, or too long: no answer, neither yes nor no."""
    assert plain_wav(data, 60.0) is None


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("audio_truncated", wav(pcm_format(), chunk(b"data", SECOND, size=len(SECOND) + 2))),
        ("audio_truncated", PLAIN[:-1_000]),
        ("audio_empty", wav(pcm_format(), chunk(b"data", b""))),
        ("audio_undecodable", wav(pcm_format(rate=0), chunk(b"data", SECOND))),
        ("audio_undecodable", b"This is a text, and no recording.\n" * 50),
    ],
)
async def test_a_lie_in_memory_is_refused_with_its_code(code: str, data: bytes, decoder: Decoder) -> None:
    """The child refuses bytes as it refuses files, inspected and read."""
    for attempt in (decoder.inspect(data, LIMITS), whole(decoder, data)):
        with pytest.raises(AudioRejected) as refused:
            await attempt
        assert refused.value.code == code


@pytest.mark.parametrize("name", ["webm_live", "m4a", "mp3", "flac", "wav"])
async def test_bytes_are_read_as_their_file_is(name: str, recording: Callable, decoder: Decoder) -> None:
    """A recording in memory gives what the same recording on disk gives."""
    path = recording(name)
    assert await whole(decoder, path.read_bytes()) == await whole(decoder, path)


async def test_a_bomb_in_memory_is_refused(silent_flac: Callable, decoder: Decoder) -> None:
    """A FLAC that unpacks to ten hours is too long, too, when it comes as bytes."""
    with pytest.raises(AudioTooLong):
        await decoder.inspect(silent_flac(36_000, declared=0), LIMITS)


async def test_recordings_at_once_are_not_mixed_up(recording: Callable, decoder: Decoder) -> None:
    """Each child reads the recording that it was given."""
    lengths = [0.5 + 0.25 * number for number in range(8)]
    recordings = [recording("webm_live", length).read_bytes() for length in lengths]
    found = await asyncio.gather(*(decoder.inspect(each, LIMITS) for each in recordings))
    assert [info.duration_s for info in found] == pytest.approx(lengths, abs=0.1)


async def test_no_room_for_a_copy_is_not_the_recordings_fault(
    recording: Callable, decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When bytes cannot be laid down for the child, the caller is told to try again."""

    def full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("viva.audio.recording._nameless_file", full)
    with pytest.raises(Overloaded):
        await decoder.inspect(recording("mp3").read_bytes(), LIMITS)
