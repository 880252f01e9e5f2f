"""Input that lies: bombs, wrong headers, playlists, cut and random bytes. Never more than 2 s and 200 MB."""

import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from viva.audio import AudioInfo, AudioLimits, Decoder
from viva.errors import AudioRejected, AudioTooLong

LIMITS = AudioLimits(max_duration_s=60)
STREAMED = 0xFFFFFFFF
SECOND = b"\1\0" * 16_000


def wav(
    data: bytes = SECOND,
    *,
    size: int | None = None,
    riff: int | None = None,
    channels: int = 1,
    rate: int = 16_000,
    tail: bytes = b"",
) -> bytes:
    """A WAV of 16-bit samples whose header may say anything."""
    size = len(data) if size is None else size
    riff = 36 + size + len(tail) if riff is None else riff
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * 2 % 2**32, channels * 2 % 2**16, 16)
    head = struct.pack("<4sI4s4sI", b"RIFF", riff, b"WAVE", b"fmt ", 16) + form
    return head + struct.pack("<4sI", b"data", size) + data + tail


@pytest.mark.parametrize("declared", ["all", "nothing", "ten seconds"])
@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_ten_hours_in_a_few_kilobytes_are_refused(
    declared: str, rate: int, silent_flac: Callable, work: Callable, tmp_path: Path
) -> None:
    """A FLAC that unpacks to ten hours is too long, whatever its header says, within 2 s and 200 MB."""
    bomb = tmp_path / "bomb"
    totals = {"all": 36_000 * rate, "nothing": 0, "ten seconds": 10 * rate}
    bomb.write_bytes(silent_flac(36_000, declared=totals[declared], rate=rate))
    assert bomb.stat().st_size < 400_000
    outcome = work(bomb)
    assert outcome.payload["code"] == "audio_too_long"
    assert outcome.cpu_s < 2
    assert outcome.peak_bytes < 200e6


def test_decoding_stops_at_the_limit(silent_flac: Callable, work: Callable, tmp_path: Path) -> None:
    """Decoding a bomb gives no more samples than the limit allows and ends with the refusal."""
    bomb = tmp_path / "bomb"
    bomb.write_bytes(silent_flac(36_000, declared=0))
    outcome = work(bomb, "decode", max_duration_s=60.0)
    assert outcome.payload["code"] == "audio_too_long"
    assert outcome.pcm_bytes <= 60.2 * 32_000
    assert outcome.peak_bytes < 200e6


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("audio_empty", b""),
        ("audio_empty", wav(b"")),
        ("audio_empty", wav(b"", size=STREAMED, riff=STREAMED)),
        ("audio_empty", wav(b"", tail=b"LIST" + struct.pack("<I", 4) + b"INFO")),
        ("audio_truncated", wav(b"", size=32_000)),
        ("audio_truncated", wav(size=32_002)),
        ("audio_truncated", wav(size=2**31 - 1)),
        ("audio_truncated", wav(size=STREAMED, riff=32_036)),
        ("audio_truncated", wav()[:30]),
        ("audio_undecodable", wav(rate=4_000_000_000)),
        ("audio_undecodable", wav(rate=0)),
        ("audio_undecodable", wav(channels=65_535)),
        ("audio_undecodable", wav(channels=0)),
        ("audio_undecodable", bytes(5_000_000)),
        ("audio_undecodable", b"\x89PNG\r\n\x1a\n" + bytes(1_000)),
        ("audio_undecodable", b"PK\x03\x04" + bytes(1_000)),
        ("audio_undecodable", b"%PDF-1.7\n" * 100),
        ("audio_undecodable", b"This is a text, and no recording.\n" * 50),
        ("audio_undecodable", b"\xff\xfb\x90\x00" * 500_000),
    ],
)
def test_a_lie_is_refused_with_its_code(code: str, data: bytes, work: Callable, tmp_path: Path) -> None:
    """Each kind of wrong file gets the code for what is wrong with it, within 2 s and 200 MB."""
    (tmp_path / "upload.mp3").write_bytes(data)
    outcome = work(tmp_path / "upload.mp3")
    assert outcome.payload["code"] == code
    assert str(tmp_path) not in outcome.payload["message"]
    assert outcome.cpu_s < 2
    assert outcome.peak_bytes < 200e6


@pytest.mark.parametrize(
    "data",
    [
        wav(size=STREAMED, riff=STREAMED),
        wav(size=0, riff=0),
        wav(size=0, riff=36),
        wav(tail=b"LIST" + struct.pack("<I", 4) + b"INFO"),
        *(wav(SECOND * channels, channels=channels) for channels in (3, 5, 16)),
    ],
    ids=["streamed", "unfilled", "unfilled data", "tail", "3 channels", "5 channels", "16 channels"],
)
async def test_an_unusual_wav_is_read(data: bytes, decoder: Decoder, tmp_path: Path) -> None:
    """Sizes that a recorder could not fill in, chunks behind the data and odd channel counts are no lies."""
    (tmp_path / "a").write_bytes(data)
    assert (await decoder.inspect(tmp_path / "a", LIMITS)).duration_s == pytest.approx(1.0, abs=0.01)
    pcm = b"".join([block async for block in decoder.decode(tmp_path / "a", LIMITS)])
    assert len(pcm) == pytest.approx(32_000, abs=64)


async def test_too_long_is_refused_and_just_long_enough_is_not(recording: Callable, decoder: Decoder) -> None:
    """The limit is on the sound: a recording of 3 s passes at 3 s and is refused at 2.5 s, decoded or inspected."""
    for name in ("mp3", "webm_live", "flac", "m4a"):
        await decoder.inspect(recording(name), AudioLimits(max_duration_s=3.0))
        with pytest.raises(AudioTooLong):
            await decoder.inspect(recording(name), AudioLimits(max_duration_s=2.5))
        with pytest.raises(AudioTooLong):
            [block async for block in decoder.decode(recording(name), AudioLimits(max_duration_s=2.5))]


@pytest.mark.parametrize("kind", ["hls", "concat", "sdp", "dash", "hls in mp3 clothes"])
async def test_a_playlist_opens_nothing(kind: str, recording: Callable, decoder: Decoder, tmp_path: Path) -> None:
    """A playlist with the path of a good recording in it is refused as no recording."""
    target = tmp_path / "good.aac"  # a name that FFmpeg's own caution about playlists would let pass
    target.write_bytes(recording("aac").read_bytes())
    await decoder.inspect(target, LIMITS)
    hls = f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{target}\n#EXT-X-ENDLIST\n"
    texts = {
        "hls": hls,
        "concat": f"ffconcat version 1.0\nfile '{target}'\n",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=a\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
        "dash": f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{target}</BaseURL></MPD>',
        "hls in mp3 clothes": "ID3\x03\x00\x00\x00\x00\x00\x00" + hls,
    }
    for name in ("list.m3u8", "list.mp3"):
        (tmp_path / name).write_text(texts[kind])
        with pytest.raises(AudioRejected):
            await decoder.inspect(tmp_path / name, LIMITS)


@pytest.mark.parametrize("name", ["wav", "mp3", "m4a_faststart", "ogg_opus", "webm", "flac", "3gp", "wma"])
async def test_a_cut_recording_is_refused_or_read(
    name: str, recording: Callable, decoder: Decoder, tmp_path: Path
) -> None:
    """At every prefix there is an AudioInfo or a refusal; a header that declares a duration makes it a refusal."""
    whole = recording(name).read_bytes()
    cut = tmp_path / "cut"
    codes = set()
    for length in (1, 7, 13, 41, 77, 300, len(whole) // 3, int(len(whole) * 0.8)):
        cut.write_bytes(whole[:length])
        try:
            info = await decoder.inspect(cut, LIMITS)
        except AudioRejected as error:
            codes.add(error.code)
        else:
            assert name in ("ogg_opus", "wma"), f"{length} bytes of {name} passed as whole"
            assert info.duration_s < 2.9
    assert codes <= {"audio_truncated", "audio_undecodable", "audio_empty"}


async def test_random_bytes_never_do_more_than_be_refused(
    recording: Callable, decoder: Decoder, tmp_path: Path
) -> None:
    """Random bytes, alone and sprinkled over real recordings, give an AudioInfo or a refusal."""
    chance = random.Random(20_261_120)
    path = tmp_path / "random"
    for name in ("m4a", "webm", "ogg_vorbis", "flac", "mp3", "wav", "caf", "wma"):
        for _ in range(3):
            data = bytearray(recording(name).read_bytes())
            for _ in range(chance.choice((3, 30, 300))):
                data[chance.randrange(chance.choice((64, 1_024, len(data))))] = chance.randrange(256)
            path.write_bytes(data if chance.random() < 0.8 else chance.randbytes(20_000))
            try:
                assert isinstance(await decoder.inspect(path, LIMITS), AudioInfo)
            except (AudioRejected, AudioTooLong):
                continue
