"""Simulated callers on a real stack: a short run over all transports, and one over its capacity."""

import json
import subprocess
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from loadtest.results import turns
from viva.stack.ports import free_ports

ROOT = Path(__file__).parents[2]

PEOPLE = """
name = "tried"
seconds = 14
slo_s = 20

[people]
lectures = 2
transports = {jsonl = 1, sse = 1, realtime = 2}
spoken = 0.8
think_s = [0.2, 0.6]
follow_up = 0.7
interrupt = 0.2
reconnect = 0.5
frame_ms = 50

[arrivals]
mode = "closed"
people = 8

[stack]
engines = "fake"
environment = {VIVA_WAIT_TOLERANCE = "0"}

[thresholds]
turns.failed = {at_most = 0}
turns.done = {at_least = 8}
realtime.done = {at_least = 1}
turns.interrupted = {at_least = 1}
# Far below the callers' patience of 30 s, and far above what a busy machine takes.
first_audible.p95 = {at_most = 10000}
"""

RUSH = """
name = "rush"
seconds = 6
slo_s = 20

[people]
lectures = 1
transports = {jsonl = 1, realtime = 1}
follow_up = 0.0
listens = false

[arrivals]
mode = "open"
per_s = 2.0
steps = [1, 10]
pause_s = 2

[stack]
engines = "fake"
environment = {VIVA_MAX_ACTIVE_TURNS = "3", VIVA_LLM_FAKE_FIRST_TOKEN_MS = "1500"}

[thresholds]
turns.failed = {at_most = 0}
turns.shed = {at_least = 10}
first_audible.p95 = {at_most = 1}
"""


HANDS_FREE = """
name = "hands-free"
seconds = 12
slo_s = 20

[people]
lectures = 1
transports = {realtime = 1}
spoken = 1.0
think_s = [0.5, 1]
follow_up = 1.0
interrupt = 0.4
turn_detection = "server_vad"

[arrivals]
mode = "closed"
people = 3

[stack]
engines = "fake"
environment = {VIVA_WAIT_TOLERANCE = "0"}

[thresholds]
turns.failed = {at_most = 0}
turns.done = {at_least = 1}
turns.interrupted = {at_least = 1}
"""


HANGS = """
from loadtest import swarm  # first: it patches time

import json, sys, time
from pathlib import Path
from locust.env import Environment
from loadtest import scenario as scenarios
from loadtest.crowd import Crowd, Lecture, Rows
from loadtest.speech import Speech


class Hangs:
    def ask(self, asking):
        time.sleep(600)

    def close(self):
        pass


scenarios.LAST_WORDS_S = 0.5
people = "[people]\\nspoken = 0.0\\npatience_s = 0.5\\n[arrivals]\\nmode = 'closed'\\npeople = 3"
scenario = scenarios.parse("name = 'hangs'\\nseconds = 0.5\\n" + people, "hangs.toml")
runner = Environment(user_classes=[swarm.Participant, swarm.Visitor], host="").create_local_runner()
rows = Rows(Path(sys.argv[1]), lambda row: None)
lectures = (Lecture("lec_1", (Speech("what is it", b"", b""),)),)
crowd = swarm.Participant.crowd = Crowd(scenario, lectures, lambda transport, lecture: Hangs(), rows.add)
swarm.Swarm(scenario, crowd, runner, rows).run()
rows.close()
assert not runner.exceptions, runner.exceptions
"""


def run(scenario: str, folder: Path, *options: str) -> tuple[int, str]:
    """The exit status of a scenario, and what was printed."""
    path = folder / "scenario.toml"
    path.write_text(scenario, encoding="utf-8")
    command = [sys.executable, "-m", "loadtest", str(path), "--out", str(folder / "out"), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def seen_on_page(port: int, until: threading.Event) -> set[str]:
    """The names of what Locust's page has counted at last, as long as it is there."""
    names: set[str] = set()
    while not until.wait(0.2):
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/stats/requests", timeout=5) as answer:
            names |= {each["name"] for each in json.load(answer)["stats"]}
    return names


def test_people_ask_over_every_transport_and_the_report_says_what_they_saw(tmp_path: Path) -> None:
    """Answered, interrupted and reconnected callers on the real services; every figure of the report is there.

    Locust's page shows them meanwhile.
    """
    (port,), ended = free_ports(1), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(seen_on_page, port, ended)
        try:
            status, said = run(PEOPLE, tmp_path, "--page", str(port))
        finally:
            ended.set()
        assert status == 0, said
        assert {"turn", "first audible"} <= looking.result()
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert set(report["by_transport"]) == {"jsonl", "sse", "realtime"}
    times = report["times_ms"]
    for name in ("first_audible", "first_audio", "asr", "recall", "llm_first_token", "tts_first_audio", "total"):
        assert times[name]["n"] > 0, name
    assert times["first_audible"]["p50"] >= times["first_audio"]["p50"] > times["asr"]["p50"] >= 150
    assert report["places"]["asr"]["held_ms"] >= 150
    assert report["resources"]["orchestrator"]["cpu_s_per_turn"] > 0
    # One thread: at 1 it would be late with everything. Eight people take a few hundredths.
    assert 0 < report["generator"]["cpu_share"] < 0.7
    rows = [json.loads(line) for line in (tmp_path / "out" / "turns.jsonl").read_text().splitlines()]
    assert len(rows) == report["turns"]["asked"]
    assert any(row["follow_up"] for row in rows)
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("<svg") >= 3


def test_whoever_hangs_at_the_end_is_in_the_rows(tmp_path: Path) -> None:
    """As a turn that was not finished, which is a failure: the server has hung, or the callers have."""
    path = tmp_path / "turns.jsonl"
    done = subprocess.run([sys.executable, "-c", HANGS, path], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["outcome"] for row in rows] == ["unfinished"] * 3
    assert turns(rows)["failed"] == {"unfinished": 3}


def test_people_without_a_button_are_understood_and_interrupt_by_speaking(tmp_path: Path) -> None:
    """Turns are found by the server: the time to the first sound has the silence in it that ends a turn."""
    status, said = run(HANDS_FREE, tmp_path)
    assert status == 0, said
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["times_ms"]["first_audible"]["p50"] > 500


def test_over_capacity_some_are_refused_and_a_broken_threshold_is_the_exit_status(tmp_path: Path) -> None:
    """The steps are in the report; refusals are counted as such, with the time to come back, and are no failures."""
    status, said = run(RUSH, tmp_path)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert status == 1, said
    assert [one["name"] for one in report["thresholds"] if not one["ok"]] == ["first_audible.p95"]
    first, last = report["steps"]
    assert last["turns"]["shed"] > first["turns"]["shed"]
    assert last["asked_per_s"] > 3 * first["asked_per_s"]
    assert last["retry_after_missing"] == 0
    assert {"jsonl", "realtime"} == {name for name, part in report["by_transport"].items() if part["turns"]["shed"]}


@pytest.mark.parametrize(
    ("scenario", "url", "reason"),
    [
        (PEOPLE.replace("spoken = 0.8", "spoken = 8"), None, "line 9: people.spoken"),
        (PEOPLE, "http://127.0.0.1:9", "No Viva answers"),
    ],
    ids=["a wrong scenario", "nobody there"],
)
def test_what_could_not_be_run_says_so(tmp_path: Path, scenario: str, url: str | None, reason: str) -> None:
    """Status 2, and one sentence that says why."""
    status, said = run(scenario, tmp_path, *(["--url", url] if url else []))
    assert status == 2
    assert reason in said
    assert "Traceback" not in said
