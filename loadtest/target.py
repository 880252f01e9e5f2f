"""What is asked: a stack that is started for the run, or a Viva by its URL; and the lectures there."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from loadtest.lectures import Recorded
from loadtest.plan import Prepared
from loadtest.scenario import Scenario
from viva.client import VivaClient
from viva.errors import VivaError
from viva.stack.plan import Place, plan
from viva.stack.ports import free_ports
from viva.stack.stack import Stack

READY_S = 120.0
TRANSCRIBED_S = 300.0
FAKES = {
    "VIVA_ASR_ENGINE": "fake",
    "VIVA_ASR_FAKE_LATENCY_MS": "150",
    "VIVA_ASR_FAKE_TEXT": "what is it made of",
    "VIVA_LLM_BACKENDS": "fake",
    "VIVA_TTS_ENGINE": "fake",
    "VIVA_TTS_CACHE_BYTES": "0",
}
"""Engines of known latencies, unless the scenario says otherwise."""


@contextmanager
def local_stack(scenario: Scenario, folder: Path) -> Iterator[Stack]:
    """A stack of its own in `folder`, with the scenario's engines. Raises VivaError when it cannot start."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("VIVA_")}
    environ |= {"VIVA_LOG_LEVEL": "warning"} | (FAKES if scenario.stack.engines == "fake" else {})
    place = Place(folder, free_ports(1)[0])
    with Stack(plan(place, environ | scenario.stack.environment), place.logs) as stack:
        stack.start(READY_S)
        yield stack


@contextmanager
def lectures(url: str, recorded: Sequence[Recorded]) -> Iterator[list[Prepared]]:
    """The recordings as lectures of the target, ready; deleted afterwards. Raises VivaError."""
    uploaded: list[Prepared] = []
    with VivaClient(url) as client:
        try:
            for one in recorded:
                lecture = client.upload(one.path, title=f"Load test: {one.title}")
                uploaded.append(Prepared(lecture.lecture_id, one.questions))
            for one in uploaded:
                _wait(client, one.lecture_id)
            yield uploaded
        finally:
            for one in uploaded:
                with suppress(VivaError):  # the run is over; what would be left there is a lecture with its title
                    client.delete_lecture(one.lecture_id)


def _wait(client: VivaClient, lecture_id: str) -> None:
    until = time.monotonic() + TRANSCRIBED_S
    while (lecture := client.lecture(lecture_id)).status != "ready":
        if lecture.status == "failed" or time.monotonic() > until:
            raise VivaError(f"The lecture {lecture_id} was not transcribed ({lecture.status}).", code="lecture_failed")
        time.sleep(0.2)


def engines(url: str) -> dict[str, Any]:
    """What hears, answers and speaks there, as /status says; empty where it does not say."""
    try:
        with VivaClient(url) as client:
            stages = client.status().get("stages", {})
    except VivaError:
        return {}
    return {name: _named(stage) for name, stage in stages.items() if isinstance(stage, dict)}


def _named(stage: dict[str, Any]) -> str:
    given = stage.get("status") or stage
    return ":".join(str(given[key]) for key in ("engine", "backend", "model") if given.get(key)) or "unknown"


def used(stack: Stack) -> dict[str, dict[str, float]]:
    """CPU seconds so far and resident bytes of each part, its children with it."""
    found = {}
    for part in stack.parts:
        cpu_s, rss_bytes = 0.0, 0
        try:
            main = psutil.Process(part.pid)
            cpu_s = sum(main.cpu_times()[2:4])  # of children that have ended
            for process in (main, *main.children(recursive=True)):
                cpu_s += sum(process.cpu_times()[:2])
                rss_bytes += process.memory_info().rss
        except psutil.Error:
            pass  # it has ended meanwhile
        found[part.name] = {"cpu_s": cpu_s, "rss_bytes": rss_bytes}
    return found


def used_since(before: dict[str, dict[str, float]], after: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """What each part used between two looks."""
    return {
        name: {"cpu_s": used["cpu_s"] - before[name]["cpu_s"], "rss_bytes": used["rss_bytes"]}
        for name, used in after.items()
    }
