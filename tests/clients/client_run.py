"""A driver of a client, running in the client's environment."""

import json
import os
import queue
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from viva.stack.stack import Stack

FOLDER = Path(__file__).parent
VENVS = FOLDER.parents[1] / ".venv"
PATIENCE_S = 150.0

Fact = dict[str, object]


class ClientRun:
    """What a driver has printed so far."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.facts: list[Fact] = []
        self._process = process
        self._log = log
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def until(self, fact: str) -> Fact:
        """The next fact of that name; what comes before it is in `facts` too. Fails when the driver ends first."""
        while True:
            try:
                line = self._lines.get(timeout=PATIENCE_S)
            except queue.Empty:
                pytest.fail(f"no {fact!r} from the client\n{self.told()}")
            if line is None:
                pytest.fail(f"the client ended before {fact!r}\n{self.told()}")
            self.facts.append(json.loads(line))
            if self.facts[-1]["fact"] == fact:
                return self.facts[-1]

    def go_on(self) -> None:
        """Lets a driver that waits go on."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def finish(self) -> list[Fact]:
        """All facts, when the driver has ended by itself."""
        self.until("end")
        return self.facts

    def join(self) -> None:
        """Returns when the driver, which has been killed, has said its last."""
        self._reader.join()

    def told(self) -> str:
        """The last facts and the end of the client's log, for a message."""
        lines = self._log.read_text(errors="replace").splitlines()[-40:]
        return "\n".join([*(json.dumps(fact)[:400] for fact in self.facts[-30:]), *lines])


@contextmanager
def running_client(
    environment: str, driver: str, scenario: str, folder: Path, **options: object
) -> Iterator[ClientRun]:
    """The driver `drivers/DRIVER.py` in `.venv/clients-ENVIRONMENT`; it is killed when the block is left."""
    python = VENVS / f"clients-{environment}" / "bin" / "python"
    if not python.exists():
        pytest.fail("the clients are not installed: run these tests with make test-clients")
    log = folder / f"{driver}-{scenario}.log"
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("VIVA_", "OPENAI_"))}
    # pipecat 1.7 fetches this from the internet when it is imported, unless it finds it; nothing here needs it.
    (folder / "nltk" / "tokenizers" / "punkt_tab").mkdir(parents=True, exist_ok=True)
    with log.open("w") as errors:
        process = subprocess.Popen(
            [str(python), str(FOLDER / "drivers" / f"{driver}.py"), scenario, json.dumps(options)],
            env=environ | {"NO_PROXY": "127.0.0.1", "NLTK_DATA": str(folder / "nltk"), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        with process:
            run = ClientRun(process, log)
            try:
                yield run
            finally:
                process.kill()
                run.join()


def named(facts: list[Fact], fact: str) -> list[Fact]:
    """Those of that name."""
    return [each for each in facts if each["fact"] == fact]


def restart(stack: Stack) -> None:
    """Ends the orchestrator as a cluster does, and starts it anew."""
    orchestrator = stack["orchestrator"]
    orchestrator.ask_to_stop()
    assert orchestrator.wait(60)
    stack.restart(orchestrator)
    deadline = time.monotonic() + PATIENCE_S
    while not orchestrator.check_ready():
        assert not orchestrator.has_died, orchestrator.last_lines(20)
        assert time.monotonic() < deadline
        time.sleep(0.1)
