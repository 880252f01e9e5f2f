"""Whether the simulation of `viva plan` says what a real system does: the same questions, asked of both.

    python -m benchmarks.plan_check SCENARIO [--levels 0.4 0.7 0.85] [--turns 300] [--json OUT.json] [--report FOLDER]

Starts the stack as the scenario says, asks single questions and writes what they took into a report, as a load test
does. Then questions come at random times (Poisson), at shares of what the report says can be carried, whether the
earlier ones are answered or not. The simulation is made from single questions, which are asked right before and right
after, since the cores of a virtual machine are not of the same speed for long; how long an idle core takes until it
takes over what waits elsewhere is measured first (benchmarks/cores.py). Of the load itself the simulation is told which
questions came and when, and how much CPU each service took for all of them; what is left to be predicted is how long
they waited. p50 and p95 of the time to first audio, from the start of the upload, are set side by side. Linux only.

Exit status: 0 when every question was answered, no p50 or p95 is further off than 15 %, and nothing else used more than
0.04 cores.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.machine import this_machine
from benchmarks.plan_levels import Level, Measured, measured
from benchmarks.plan_scenarios import SCENARIOS
from viva.plan.figures import Figures

MOST_OFF = 0.15
MOST_BY_OTHERS = 0.04  # cores


def figures_line(figures: Figures) -> str:
    """The means of the parts and the CPU of the stages."""
    parts = ", ".join(f"{name} {figures.mean(name):.1f}" for name in TIMES)
    cpu = ", ".join(f"{name} {stage.cpu_ms:.1f}" for name, stage in figures.stages.items())
    held_ms = ", ".join(f"{name} {figures.stages[name].held_ms or 0:.1f}" for name in ("asr", "tts"))
    return f"{parts} ms; CPU {cpu}, callers {figures.client_cpu_ms:.1f} ms; held {held_ms} ms"


TIMES = ("hear", "recall", "token", "clause", "voice", "out", "client", "first_audio")


HEAD = (
    "Load | turns | asked | failed | measured p50 / p95 | simulated | off | with the CPU of single questions "
    "| with questions drawn anew "
    "| late p95 | CPU, by that alone | cores used | by others"
)


def print_alone(system: Measured) -> None:
    """What single questions took, and the head of the table."""
    print(f"a turn alone: {figures_line(system.figures)}; can carry {system.capacity:.2f} turns/s")
    print(f"a core that becomes idle takes work over after {system.cores.takeover_s * 1000:.1f} ms")
    print(f"\n| {HEAD} |\n" + "|---" * (HEAD.count("|") + 1) + "|")


def print_level(level: Level) -> None:
    """One row."""
    p50, p95 = level.off
    print(
        f"| {level.share:.0%} | {level.per_s:.2f}/s | {level.asked} | {level.failed} "
        f"| {_pair(level.measured)} ms | {_pair(level.simulated)} ms | {p50:+.0%} / {p95:+.0%} "
        f"| {_pair(level.with_cpu_alone)} ms "
        f"| {_pair(level.drawn_anew)} ms | {level.late_p95:.1f} ms "
        f"| {', '.join(f'{name} {factor:.2f}' for name, factor in level.cpu_factor.items())} "
        f"| {level.busy:.2f} | {level.others:.2f} |",
        flush=True,
    )


def _pair(values: tuple[float, float]) -> str:
    return f"{values[0]:.0f} / {values[1]:.0f}"


def passed(levels: Sequence[Level]) -> bool:
    """Whether every question was answered on a quiet machine, with the simulation no further off than it may be."""
    return not any(level.failed for level in levels) and quiet(levels) and furthest_off(levels) <= MOST_OFF


def quiet(levels: Sequence[Level]) -> bool:
    """Whether hardly anything else ran: the simulation knows of nothing else."""
    return all(level.others <= MOST_BY_OTHERS for level in levels)


def furthest_off(levels: Sequence[Level]) -> float:
    """The worst of the p50s and p95s, as a share of what was measured."""
    return max(abs(off) for level in levels for off in level.off)


def main() -> None:
    """Measures, simulates, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", choices=SCENARIOS, help="what the stack is made of")
    parser.add_argument("--levels", type=float, nargs="+", default=[0.4, 0.7, 0.85], help="shares of the capacity")
    parser.add_argument("--turns", type=int, default=300, help="about so many at each level")
    parser.add_argument("--seed", type=int, default=1, help="of the times at which questions come")
    parser.add_argument("--report", type=Path, help="folder that keeps the report and the turns")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    machine = this_machine()  # before anything of ours keeps it busy
    print(f"{machine}\n")
    levels: list[Level] = []
    with tempfile.TemporaryDirectory() as name:
        folder = options.report or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        with measured(SCENARIOS[options.scenario], folder, machine) as system:
            print_alone(system)
            for share in options.levels:
                levels.append(system.level(share, options.turns, options.seed))
                print_level(levels[-1])
    if options.json:
        options.json.write_text(
            json.dumps(
                {
                    "machine": asdict(machine),
                    "cores": asdict(system.cores),
                    "levels": [asdict(row) for row in levels],
                },
                indent=2,
            )
        )
    failed = sum(level.failed for level in levels)
    print(f"\nfurthest off: {furthest_off(levels):.0%}; failed: {failed}")
    if not quiet(levels):
        print("Something else ran on this machine meanwhile, of which the simulation knows nothing: run it again.")
    raise SystemExit(not passed(levels))


if __name__ == "__main__":
    main()
