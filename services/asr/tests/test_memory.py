"""What a long recording costs in memory, in the real process."""

import wave
from pathlib import Path

import httpx
import psutil
import pytest

from benchmarks.memory import watched
from viva.stack.ports import free_ports

from .test_process import start, wait_until_ready

SENTENCES = ("Good morning everybody.", "Today we will talk about the history of the transistor.")
RATE_HZ = 16_000
MINUTE_BYTES = 60 * RATE_HZ * 2
SHORT_MINUTES = 4
LONG_MINUTES = 40


def repeated(speech: Path, path: Path, minutes: int) -> Path:
    """A recording of this length that says the same again and again, with pauses."""
    with wave.open(str(speech)) as file:
        once = file.readframes(file.getnframes()) + bytes(RATE_HZ)
    minute = (once * (MINUTE_BYTES // len(once) + 1))[:MINUTE_BYTES]
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        for _ in range(minutes):
            file.writeframesraw(minute)
    return path


def most_held(pid: int, url: str, recording: Path) -> int:
    """The most bytes that the service and its children held while they transcribed this."""
    with watched(pid) as peak, recording.open("rb") as file:
        answer = httpx.post(f"{url}/v1/audio/transcriptions", files={"file": file}, timeout=300)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["text"].split()) > 5
    return peak.bytes


@pytest.mark.skipif(not psutil.LINUX, reason="only Linux tells shared pages apart")
def test_memory_does_not_grow_with_the_recording(speak, tmp_path: Path) -> None:
    """Forty minutes take no more than four do: neither the upload nor its samples are ever held as a whole."""
    port = free_ports(1)[0]
    url = f"http://127.0.0.1:{port}"
    process = start(port, VIVA_ASR_ENGINE="fake", VIVA_ASR_FAKE_LATENCY_MS="0")
    try:
        wait_until_ready(process, url)
        speech = speak(*SENTENCES)
        short = most_held(process.pid, url, repeated(speech, tmp_path / "short.wav", SHORT_MINUTES))
        long = most_held(process.pid, url, repeated(speech, tmp_path / "long.wav", LONG_MINUTES))
    finally:
        process.terminate()
        process.communicate(timeout=30)
    # One copy of it, as a file or as samples, would be twice that; the processes themselves grow by some 15 MB.
    assert long - short < LONG_MINUTES * MINUTE_BYTES / 2
