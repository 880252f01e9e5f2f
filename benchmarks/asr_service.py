"""The asr service in a process of its own, used as anybody uses it: over HTTP."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from viva.stack.ports import LOOPBACK, free_ports

READY_WITHIN_S = 60.0
STOPPED_WITHIN_S = 10.0


class NotStarted(Exception):
    """The service ended before it was ready; the message is its own reason."""


@dataclass(frozen=True, slots=True)
class AsrService:
    """A service that is ready."""

    url: str
    pid: int

    def status(self) -> dict:
        """Its engine, model, and why it took them."""
        return httpx.get(f"{self.url}/status", timeout=10).raise_for_status().json()

    def transcribe(self, recording: Path) -> dict:
        """The transcript of a WAV file, as `verbose_json`; it takes as long as it takes."""
        with recording.open("rb") as file:
            answer = httpx.post(
                f"{self.url}/v1/audio/transcriptions",
                files={"file": (recording.name, file, "audio/wav")},
                data={"model": "whisper-1", "response_format": "verbose_json", "language": "en"},
                timeout=None,  # an hour of it on a slow machine may take as long
            )
        return answer.raise_for_status().json()


@contextlib.contextmanager
def running(engine: str, **variables: str) -> Iterator[AsrService]:
    """Starts the service with `engine` and other VIVA_ variables on a free port, and stops it. Raises NotStarted."""
    port = free_ports(1)[0]
    environ = os.environ | {"VIVA_ASR_ENGINE": engine, "VIVA_PORT": str(port), "VIVA_LOG_FORMAT": "json"} | variables
    with tempfile.TemporaryFile("w+b") as log:
        process = subprocess.Popen([sys.executable, "-m", "viva_asr"], env=environ, stdout=log, stderr=log)
        try:
            service = AsrService(f"http://{LOOPBACK}:{port}", process.pid)
            _await_ready(service, process, log)
            yield service
        finally:
            process.terminate()
            try:
                process.wait(STOPPED_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await_ready(service: AsrService, process: subprocess.Popen, log) -> None:
    give_up_at = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < give_up_at:
        if process.poll() is not None:
            log.seek(0)
            raise NotStarted(_reason(log.read().decode(errors="replace")))
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{service.url}/readyz", timeout=5).status_code == 200:
                return
        time.sleep(0.1)
    raise NotStarted(f"it was not ready within {READY_WITHIN_S:.0f} s")


def _reason(log: str) -> str:
    """The last reason that the log gives, or its last line."""
    lines = [line for line in log.splitlines() if line.strip()]
    for line in reversed(lines):
        with contextlib.suppress(ValueError, AttributeError):
            if reason := json.loads(line).get("reason"):
                return reason
    return lines[-1] if lines else "it said nothing"
