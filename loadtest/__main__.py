"""Runs one scenario and reports.

    python -m loadtest [SCENARIO] [--url URL] [--out FOLDER] [--page PORT]

SCENARIO is a TOML file or the name of one in loadtest/scenarios. Without a URL a stack of its own is started on this
machine and is gone afterwards. Exit status: 0 when every threshold holds, 1 when one does not, 2 when the run could
not be.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from loadtest import report as reports
from loadtest import target
from loadtest.lectures import record
from loadtest.machine import this_machine
from loadtest.page import page
from loadtest.places import places, totals
from loadtest.plan import write_plan
from loadtest.scenario import Scenario, WrongScenario, named, read
from loadtest.table import named_engines, show
from loadtest.thresholds import check
from viva.errors import VivaError

OUT = Path(".viva/loadtest")


class GeneratorFailed(Exception):
    """The process with the callers ended without its figures."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs it; returns the exit status."""
    options = _options(arguments)
    try:
        path = named(options.scenario)
        scenario, text = read(path), path.read_text(encoding="utf-8")
        check(scenario, text, str(path))
        folder = (options.out or OUT / scenario.name).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        recordings = (folder if options.out else OUT) / "recordings"  # several runs ask about the same ones
        found = reports.build(_run(scenario, path, options.url, folder, recordings, options.page), scenario)
        reports.write(found, folder / "report.json")  # whatever comes of the judgement: the run is not lost
    except (WrongScenario, VivaError, GeneratorFailed, OSError) as error:
        print(f"The load test could not be run. {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    found = reports.judge(found, scenario)
    reports.write(found, folder / "report.json")
    (folder / "report.html").write_text(page(found, text), encoding="utf-8")
    show(found, Console())
    print(f"{folder / 'report.html'}, report.json, turns.jsonl")
    if not found["turns"]["asked"] or found["generator"]["errors"]:
        print("The load test could not be run: nobody asked anything, or callers broke.", file=sys.stderr)
        return 2
    return 0 if found["passed"] else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m loadtest", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenario", nargs="?", default="short", help="a file, or a name (short)")
    parser.add_argument("--url", help="address of a Viva; without it one is started")
    parser.add_argument("--out", type=Path, help=f"folder of the report ({OUT}/NAME)")
    parser.add_argument("--page", type=int, metavar="PORT", help="show Locust's page meanwhile, on this machine alone")
    return parser.parse_args(arguments)


def _run(
    scenario: Scenario, path: Path, url: str | None, folder: Path, recordings: Path, port: int | None
) -> reports.Run:
    """The run, from the recordings to the rows."""
    with ExitStack() as held:
        scratch = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="viva-loadtest-")))
        recorded = record(scenario.people.lectures, scenario.people.lecture_lines, recordings)
        machine = this_machine()
        stack = None
        if url is None:
            stack = held.enter_context(target.local_stack(scenario, scratch))
            url = stack["orchestrator"].part.url
        prepared = held.enter_context(target.lectures(url, recorded))
        plan = scratch / "plan.json"
        write_plan(plan, url, path.resolve(), prepared)
        engines = target.engines(url)
        where = ", ".join([url, *named_engines(engines)])
        print(f"{scenario.name}: {scenario.about or 'asking'} ({where})", flush=True)
        before = target.used(stack) if stack else {}
        counted = totals(stack) if stack else {}
        started = datetime.now(UTC)
        _generate(plan, folder, port)
        resources = target.used_since(before, target.used(stack)) if stack else {}
        rows = _rows(folder / "turns.jsonl")
        spoken = sum(row["first_audio_ms"] is not None for row in rows)
        return reports.Run(
            started=started.isoformat(timespec="seconds").replace("+00:00", "Z"),
            url=url,
            machine=machine,
            engines=engines,
            rows=rows,
            generator=json.loads((folder / "generator.json").read_text(encoding="utf-8")),
            places=places(stack, counted, spoken) if stack else {},
            resources=resources,
        )


def _generate(plan: Path, folder: Path, port: int | None) -> None:
    """The callers, in a process of their own. Raises GeneratorFailed."""
    page = ["--page", str(port)] if port else []
    command = [sys.executable, "-m", "loadtest.swarm", str(plan), str(folder), *page]
    done = subprocess.run(command, check=False)
    if done.returncode != 0:
        raise GeneratorFailed(f"The generator ended with status {done.returncode}.")


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    sys.exit(main())
