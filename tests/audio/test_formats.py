"""Every container and codec that people record in, and slices of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from viva.audio import AudioLimits, Decoder
from viva.audio.media import Media
from viva.audio.scan import inspect
from viva.audio.stride import opus_samples
from viva.errors import AudioRejected

LIMITS = AudioLimits(max_duration_s=60)
RATE = 16_000
CODECS = {
    **{"wav": "pcm_s16le", "wav_float": "pcm_f32le", "wav_six": "pcm_s24le", "wav_adpcm": "adpcm_ms"},
    **{"w64": "pcm_s16le", "mp3": "mp3", "mp3_plain": "mp3", "m4a": "aac", "m4a_faststart": "aac"},
    **{"mp4_fragmented": "aac", "mov": "pcm_s16be", "alac": "alac", "3gp": "amr_nb", "aac": "aac"},
    **{"ogg_opus": "opus", "ogg_vorbis": "vorbis", "webm": "opus", "webm_live": "opus"},
    **{"mka_vorbis": "vorbis", "mka_aac": "aac", "flac": "flac", "aiff": "pcm_s16be", "au": "pcm_mulaw"},
    **{"caf": "alac", "amr": "amr_nb", "wma": "wmav2"},
}


async def samples_of(decoder: Decoder, path: Path, **asked: float) -> np.ndarray:
    """The decoded samples as floats."""
    blocks = [block async for block in decoder.decode(path, LIMITS, **asked)]
    assert all(len(block) <= 65_536 for block in blocks)
    return np.frombuffer(b"".join(blocks), "<i2").astype(float)


@pytest.mark.parametrize("name", CODECS)
async def test_duration_and_samples_are_right(name: str, recording: Callable, decoder: Decoder) -> None:
    """Each format is recognised, and its duration and its samples agree with the recording to within 50 ms."""
    path = recording(name)
    info = await decoder.inspect(path, LIMITS)
    samples = await samples_of(decoder, path)
    assert info.codec == CODECS[name]
    assert info.duration_s == pytest.approx(3.0, abs=0.051)
    assert len(samples) / RATE == pytest.approx(3.0, abs=0.051)
    assert np.abs(samples).max() > 8_000


@pytest.mark.parametrize(
    "name", ["wav", "mp3", "mp3_plain", "m4a", "aac", "ogg_opus", "ogg_vorbis", "webm_live", "flac"]
)
async def test_a_slice_is_the_slice_of_the_whole(name: str, recording: Callable, decoder: Decoder) -> None:
    """A slice far into a recording has the very samples of the whole decoding, wherever it begins."""
    path = recording(name, 12.0)
    whole = await samples_of(decoder, path)
    for start_s, end_s in ((0.5, 1.25), (9.8765, 11.0)):
        part = await samples_of(decoder, path, start_s=start_s, end_s=end_s)
        expected = whole[round(start_s * RATE) : round(end_s * RATE)]
        assert len(part) == len(expected)
        errors = {shift: np.abs(np.roll(part, shift) - expected)[20:-20].sum() for shift in range(-8, 9)}
        assert min(errors, key=errors.get) == 0


async def test_a_slice_past_the_end_is_empty(recording: Callable, decoder: Decoder) -> None:
    """Asking for times after the end gives nothing and is no error."""
    assert len(await samples_of(decoder, recording("mp3"), start_s=30.0, end_s=31.0)) == 0


async def test_the_asked_rate_is_given(recording: Callable, decoder: Decoder) -> None:
    """Samples come at the rate that was asked for."""
    assert len(await samples_of(decoder, recording("wav"), sample_rate_hz=24_000)) == 72_000


@pytest.mark.parametrize("name", ["mov", "webm", "mka_aac"])
async def test_the_sound_of_a_video_is_read(name: str, recording: Callable, decoder: Decoder) -> None:
    """A recording with a picture track gives its sound."""
    path = recording(name, 2.0, picture=True)
    assert (await decoder.inspect(path, LIMITS)).duration_s == pytest.approx(2.0, abs=0.05)
    assert len(await samples_of(decoder, path)) / RATE == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize("name", ["mov", "webm"])
async def test_a_video_without_sound_is_refused(name: str, recording: Callable, decoder: Decoder) -> None:
    """A file with a picture track only is told apart from one that is no recording."""
    with pytest.raises(AudioRejected) as refused:
        await decoder.inspect(recording(name, 2.0, picture=True, sound=False), LIMITS)
    assert refused.value.code == "audio_no_stream"


async def test_damage_in_the_middle_is_stepped_over(recording: Callable, decoder: Decoder, tmp_path: Path) -> None:
    """A few broken packets cost their own sound and no more."""
    data = bytearray(recording("mp3_plain", 12.0).read_bytes())
    at = len(data) // 2
    data[at : at + 3_000] = bytes(3_000)
    damaged = tmp_path / "damaged"
    damaged.write_bytes(data)
    assert (await decoder.inspect(damaged, LIMITS)).duration_s > 11.0
    assert len(await samples_of(decoder, damaged)) / RATE > 11.0


@pytest.mark.parametrize("name", ["aiff", "webm", "flac", "mka_vorbis", "m4a_faststart"])
def test_a_file_too_big_to_walk_through_is_checked_at_its_end(name: str, recording: Callable, tmp_path: Path) -> None:
    """With no time to walk, the duration is still right, and a cut end is still found."""
    path = recording(name, 12.0)
    with Media(str(path)) as media:
        assert inspect(media, 60, walk_s=0).duration_s == pytest.approx(12.0, abs=0.05)
    cut = tmp_path / "cut"
    cut.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.8)])
    with Media(str(cut)) as media, pytest.raises(AudioRejected) as refused:
        inspect(media, 60, walk_s=0)
    assert refused.value.code == "audio_truncated"


def test_opus_packets_say_how_long_they_are() -> None:
    """The first byte of an Opus packet gives its samples at 48 kHz, for each of the three modes and counts."""
    assert opus_samples(b"") == 0
    assert opus_samples(bytes([1 << 3])) == 960  # SILK, 20 ms
    assert opus_samples(bytes([13 << 3 | 1])) == 2 * 960  # hybrid, two of 20 ms
    assert opus_samples(bytes([28 << 3 | 3, 5])) == 5 * 120  # CELT, five of 2.5 ms
