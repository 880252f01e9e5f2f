"""The real process, as it is started in the stack."""

import os
import subprocess
import sys
import time

import httpx
import psutil
import pytest

from viva.stack.ports import free_ports

SENTENCE = "the students read the third chapter of the book"


def start(port: int, **variables: str) -> subprocess.Popen:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("VIVA_")}
    return subprocess.Popen(
        [sys.executable, "-m", "viva_asr"],
        env={**plain, "VIVA_PORT": str(port), **variables},
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until_ready(process: subprocess.Popen, url: str) -> None:
    for _ in range(600):
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        except httpx.ConnectError:
            assert process.poll() is None, process.stderr.read()
        time.sleep(0.1)
    pytest.fail("the service did not become ready")


def test_it_transcribes_and_stops(speak, tmp_path) -> None:
    """With nothing set and no model present, it takes the built-in engine, transcribes, and ends on SIGTERM."""
    port = free_ports(1)[0]
    url = f"http://127.0.0.1:{port}"
    process = start(port, VIVA_MODELS_DIR=str(tmp_path), VIVA_ASR_WORKERS="1")
    try:
        wait_until_ready(process, url)
        status = httpx.get(f"{url}/status").json()
        assert (status["engine"], status["workers"]) == ("moonshine", 2)
        with speak(SENTENCE).open("rb") as file:
            answer = httpx.post(f"{url}/v1/audio/transcriptions", files={"file": file}, timeout=60)
        assert answer.json()["text"].lower() == SENTENCE + "."
    finally:
        process.terminate()
        _, said = process.communicate(timeout=30)
    assert "Traceback" not in said


def test_no_child_outlives_it() -> None:
    """When the service is killed outright, its recognisers and decoders end by themselves."""
    port = free_ports(1)[0]
    process = start(port, VIVA_ASR_ENGINE="pocketsphinx", VIVA_ASR_WORKERS="1")
    try:
        wait_until_ready(process, f"http://127.0.0.1:{port}")
        children = psutil.Process(process.pid).children(recursive=True)
    finally:
        process.kill()
        process.communicate()
    assert len(children) >= 2
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []


def test_a_wrong_setting_is_a_sentence() -> None:
    """A wrong variable stops the start with its name, and no traceback."""
    process = start(free_ports(1)[0], VIVA_ASR_ENGINE="dragon")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "VIVA_ASR_ENGINE" in said
    assert "Traceback" not in said


def test_a_missing_model_is_a_sentence(tmp_path) -> None:
    """An engine that cannot run stops the start with what to do."""
    process = start(free_ports(1)[0], VIVA_ASR_ENGINE="whisper", VIVA_MODELS_DIR=str(tmp_path))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "make models" in said
    assert "Traceback" not in said
