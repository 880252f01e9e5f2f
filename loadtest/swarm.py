"""The generator: Locust's runner and page around the callers. A process of its own, since gevent patches all of it.

    python -m loadtest.swarm PLAN.json FOLDER [--page PORT]

Writes FOLDER/turns.jsonl, a line for each question, and FOLDER/generator.json about itself.
"""

import locust  # isort: skip  # first: it patches sockets and time before anybody has taken them

import argparse
import gc
import json
import random
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from locust.env import Environment
from locust.exception import StopUser
from locust.runners import STATE_RUNNING, LocalRunner

from loadtest.arrivals import poisson, steps_of
from loadtest.crowd import Caller, Crowd, Rows
from loadtest.distribution import percentile
from loadtest.http_caller import HttpCaller, SocketLine
from loadtest.plan import read_plan
from loadtest.realtime_caller import RealtimeCaller
from loadtest.realtime_wire import RealtimeWire
from loadtest.scenario import Scenario, read

KILL_S = 5.0
"""How long a caller that hangs may take to note what it had asked."""


class Participant(locust.User):
    """Locust's part of a caller: one conversation, or one after another until the run is over."""

    crowd: Crowd
    step = 0
    comes_back = True

    def on_start(self) -> None:
        """Becomes somebody."""
        self._number, self._person = self.crowd.person()

    @locust.task
    def converse(self) -> None:
        """One conversation."""
        if self.crowd.over:
            raise StopUser
        answered = self.crowd.converse(self._number, self._person, self.step)
        if not self.comes_back:
            raise StopUser
        until = time.monotonic() + (self._person.thinks_s() if self.crowd.thinks or not answered else 0.0)
        while not self.crowd.over and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.5))


class Visitor(Participant):
    """Somebody who comes once."""

    comes_back = False


class Swarm:
    """Lets people come, as the scenario says, and keeps the generator's own figures."""

    def __init__(self, scenario: Scenario, crowd: Crowd, runner: LocalRunner, rows: Rows) -> None:
        self._scenario = scenario
        self._crowd = crowd
        self._runner = runner
        self._rows = rows
        self.late_ms: list[float] = []
        self.steps: list[dict[str, Any]] = []
        self.probe: dict[str, Any] | None = None

    def run(self) -> None:
        """All of it; returns when the last has left, or was waited for long enough."""
        self._runner.update_state(STATE_RUNNING)
        arrivals = self._scenario.arrivals
        if arrivals.mode == "closed":
            self._closed(arrivals.people or 1, self._scenario.seconds)
        else:
            self._open(self._probed() if arrivals.probe_people else arrivals.per_s or 1.0)
        self._drain()

    def _drain(self) -> None:
        """Nobody begins anything more; whoever still hangs after every caller's patience leaves an unfinished turn."""
        self._crowd.over = True
        self._runner.user_greenlets.join(timeout=self._scenario.drain_s)
        self._runner.user_greenlets.kill(timeout=KILL_S)

    def _closed(self, people: int, seconds: float) -> None:
        began = time.monotonic()
        spread_s = min(5.0, seconds / 4) if self._crowd.thinks else 0.5
        for number in range(people):  # not all of them in the same moment
            time.sleep(max(0.0, began + spread_s * number / people - time.monotonic()))
            self._runner.spawn_users({Participant.__name__: 1})
        time.sleep(max(0.0, began + seconds - time.monotonic()))

    def _probed(self) -> float:
        """Questions in a second that are answered when so many people ask without a pause."""
        arrivals, crowd = self._scenario.arrivals, self._crowd
        crowd.thinks = False
        Participant.step = -1
        self._closed(arrivals.probe_people or 1, arrivals.probe_s)
        ended = time.monotonic() - crowd.began
        self._drain()
        began = arrivals.probe_s / 2  # until everybody has asked, and the first are answered
        moments = [row["at_s"] + row["ended_ms"] / 1000 for row in self._rows.all if row["outcome"] == "done"]
        crowd.over, crowd.thinks, crowd.began = False, True, time.monotonic()
        per_s = max(sum(began <= at < ended for at in moments) / (ended - began), 0.1)
        self.probe = {"people": arrivals.probe_people, "seconds": round(ended, 1), "per_s": round(per_s, 2)}
        return per_s

    def _open(self, per_s: float) -> None:
        steps = steps_of(self._scenario, per_s)
        began = self._crowd.began = time.monotonic()
        for step in steps:
            self.steps.append(
                {"factor": step.factor, "per_s": round(step.per_s, 2), "at_s": step.begins_s, "until_s": step.ends_s}
            )
        chance = random.Random(self._scenario.seed)
        for at, number in poisson(steps, self._scenario.people.follow_up, chance):
            time.sleep(max(0.0, began + at - time.monotonic()))
            self.late_ms.append((time.monotonic() - began - at) * 1000)
            Visitor.step = number
            self._runner.spawn_users({Visitor.__name__: 1})
        time.sleep(max(0.0, began + steps[-1].ends_s - time.monotonic()))


def told_to(environment: Environment) -> Callable[[dict[str, Any]], None]:
    """Shows a row on Locust's page: the whole turn, and its time to the first audible sample."""

    def tell(row: dict[str, Any]) -> None:
        wrong = None if row["outcome"] in ("done", "interrupted") else RuntimeError(row["outcome"])
        fire = environment.events.request.fire
        fire(
            request_type=row["transport"],
            name="turn",
            response_time=row["ended_ms"],
            response_length=0,
            exception=wrong,
            context={},
        )
        if row["first_audible_ms"] is not None:
            fire(
                request_type=row["transport"],
                name="first audible",
                response_time=row["first_audible_ms"],
                response_length=0,
                exception=None,
                context={},
            )

    return tell


def connector(url: str, scenario: Scenario) -> Callable[[str, str], Caller]:
    """Makes callers for the server at `url`."""
    habits = scenario.people

    def connect(transport: str, lecture_id: str) -> Caller:
        if transport != "realtime":
            return HttpCaller(SocketLine(url), transport)
        return RealtimeCaller(
            lambda path: RealtimeWire(url.rstrip("/") + path),
            lecture_id,
            turn_detection=habits.turn_detection,
            frame_s=habits.frame_ms / 1000,
        )

    return connect


def main() -> None:
    """Reads the plan, runs the people, writes the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--page", type=int, help="port of Locust's page, on this machine alone")
    options = parser.parse_args()
    sys.argv = sys.argv[:1]  # Locust's page reads them too, and knows none of ours
    url, path, prepared = read_plan(options.plan)
    scenario = read(path)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a connection for each caller
    lectures = tuple(one.lecture() for one in prepared)
    environment = Environment(user_classes=[Participant, Visitor], host=url)
    runner = environment.create_local_runner()
    rows = Rows(options.folder / "turns.jsonl", told_to(environment))
    crowd = Participant.crowd = Crowd(scenario, lectures, connector(url, scenario), rows.add)
    page = environment.create_web_ui("127.0.0.1", options.page) if options.page else None
    swarm = Swarm(scenario, crowd, runner, rows)
    gc.freeze()  # what is loaded is not looked through again while somebody is timed
    cpu, wall = time.process_time(), time.monotonic()
    swarm.run()
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    rows.close()
    late = sorted(swarm.late_ms) or [0.0]
    figures = {
        "cpu_share": round(cpu / wall, 3),
        "late_p95_ms": round(percentile(late, 0.95), 2),
        "late_max_ms": round(late[-1], 2),
        "errors": [f"{found['msg']}: {found['traceback'][-500:]}" for found in runner.exceptions.values()],
    }
    about = {"generator": figures, "steps": swarm.steps, "probe": swarm.probe, "seconds": round(wall, 2)}
    (options.folder / "generator.json").write_text(json.dumps(about), encoding="utf-8")
    runner.greenlet.kill(block=False)
    if page is not None:
        page.stop()


if __name__ == "__main__":
    main()
