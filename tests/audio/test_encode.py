"""Encoder: what is fed comes out of every format at the right length, rate and loudness."""

import io
import struct
import wave

import av
import numpy as np
import pytest

from viva.audio.encode import CONTENT_TYPES, Encoder
from viva.audio.wav import wav_bytes, wav_header

FILES = [name for name in CONTENT_TYPES if name != "pcm"]


def tone(seconds: float, rate_hz: int, frequency_hz: float = 440.0) -> bytes:
    """A sine at half of full scale, s16le mono."""
    times = np.arange(int(seconds * rate_hz)) / rate_hz
    return (np.sin(2 * np.pi * frequency_hz * times) * 16384).astype("<i2").tobytes()


def encoded(audio_format: str, pcm: bytes, rate_hz: int, out_rate_hz: int | None = None, block: int = 3201) -> bytes:
    """The whole file, fed in blocks of an odd number of bytes."""
    encoder = Encoder(audio_format, rate_hz, out_rate_hz)
    parts = [encoder.feed(pcm[start : start + block]) for start in range(0, len(pcm), block)]
    return b"".join([*parts, encoder.flush()])


def decoded(data: bytes) -> tuple[np.ndarray, int]:
    """Samples in -1..1 and their rate."""
    with av.open(io.BytesIO(data)) as container:
        rate_hz = container.streams.audio[0].rate
        resampler = av.AudioResampler(format="flt", layout="mono", rate=rate_hz)
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray().ravel() for frame in frames]), rate_hz


def pitch_hz(samples: np.ndarray, rate_hz: int) -> float:
    """The strongest frequency."""
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * rate_hz / len(samples))


@pytest.mark.parametrize("audio_format", FILES)
@pytest.mark.parametrize("rate_hz", [8000, 16000, 22050, 24000])
def test_every_format_keeps_the_sound(audio_format, rate_hz):
    """Each format decodes to the same length, pitch and loudness, whatever the rate of the input."""
    samples, out_hz = decoded(encoded(audio_format, tone(1.5, rate_hz), rate_hz))
    assert len(samples) / out_hz == pytest.approx(1.5, abs=0.17)  # frames of 72 ms at 8 kHz
    assert pitch_hz(samples, out_hz) == pytest.approx(440, abs=3)
    assert np.sqrt(np.mean(samples**2)) == pytest.approx(0.354, rel=0.1)


@pytest.mark.parametrize("audio_format", FILES)
def test_output_rate_is_as_asked(audio_format):
    """The samples are resampled to the rate that was asked for."""
    samples, out_hz = decoded(encoded(audio_format, tone(1, 16000), 16000, 24000))
    assert out_hz == (48000 if audio_format == "opus" else 24000)  # Ogg Opus always plays at 48 kHz
    assert pitch_hz(samples, out_hz) == pytest.approx(440, abs=3)


def test_pcm_without_resampling_is_what_was_fed():
    """PCM at the input's rate passes unchanged, through blocks that split samples."""
    pcm = tone(0.5, 24000)
    assert encoded("pcm", pcm, 24000) == pcm


@pytest.mark.parametrize(("rate_hz", "out_hz"), [(24000, 22050), (16000, 24000), (22050, 24000)])
def test_pcm_is_resampled_whole(rate_hz, out_hz):
    """Resampled PCM has the length of the input to the millisecond: nothing stays in the resampler."""
    pcm = encoded("pcm", tone(2, rate_hz), rate_hz, out_hz)
    samples = np.frombuffer(pcm, "<i2") / 32768
    assert len(samples) / out_hz == pytest.approx(2, abs=0.001)
    assert pitch_hz(samples, out_hz) == pytest.approx(440, abs=1)


def test_streamed_wav_states_no_length():
    """A wav whose length is not known says 0xFFFFFFFF, and its samples follow the 44 bytes of header."""
    pcm = tone(0.1, 24000)
    data = encoded("wav", pcm, 24000)
    assert struct.unpack("<I", data[4:8]) == struct.unpack("<I", data[40:44]) == (0xFFFFFFFF,)
    assert data[44:] == pcm


def test_whole_wav_is_read_by_others():
    """A complete wav has its true sizes."""
    with wave.open(io.BytesIO(wav_bytes(tone(0.25, 16000), 16000))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
        assert file.getnframes() == 4000


def test_wav_too_long_for_its_header_is_refused():
    """A length that does not fit in 32 bits is an error, not a wrong header."""
    with pytest.raises(ValueError, match="do not fit"):
        wav_header(2**31, 24000)


def test_mp3s_laid_end_to_end_are_one_mp3():
    """Three mp3s decode one by one, and joined they decode to the sum of their lengths without a break."""
    parts = [encoded("mp3", tone(seconds, 16000), 16000, 24000) for seconds in (0.5, 1.0, 0.7)]
    single = [len(decoded(part)[0]) for part in parts]
    samples, rate_hz = decoded(b"".join(parts))
    assert len(samples) == pytest.approx(sum(single), abs=2 * 576)
    loud = np.abs(samples).reshape(-1)[: len(samples) // 2400 * 2400].reshape(-1, 2400).max(axis=1)
    assert (loud[:-1] > 0.3).all(), "a tenth of a second was lost at a joint"
    assert rate_hz == 24000


@pytest.mark.parametrize("audio_format", CONTENT_TYPES)
def test_bytes_come_while_it_is_fed(audio_format):
    """Half a second of speech gives bytes before the end of the file."""
    encoder = Encoder(audio_format, 16000, 24000)
    assert any(encoder.feed(tone(0.05, 16000)) for _ in range(10))


@pytest.mark.parametrize("audio_format", ["mp3", "opus", "aac"])
def test_speech_is_small(audio_format):
    """A compressed second of voice takes less than a quarter of its PCM."""
    assert len(encoded(audio_format, tone(4, 24000), 24000)) < 4 * 48000 / 4


def test_a_rate_that_a_codec_cannot_hold_is_raised_to_one_that_it_can():
    """The default output rate never loses what the input has, as far as the format goes."""
    assert Encoder("opus", 22050).out_rate_hz == 24000
    assert Encoder("mp3", 22050).out_rate_hz == 22050
    assert Encoder("mp3", 96000).out_rate_hz == 48000


def test_unknown_format_is_named():
    """A format that does not exist is refused with the ones that do."""
    with pytest.raises(ValueError, match=r"ogg.*mp3, opus"):
        Encoder("ogg", 24000)
