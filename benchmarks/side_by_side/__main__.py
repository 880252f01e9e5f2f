"""Viva, pipecat-ai's pipeline and one stage after the other, side by side in one run over the same fake stages.

    python -m benchmarks.side_by_side [--conversations 20] [--rounds 1] [--only viva pipecat] [--json OUT.json]

The stages (fake_stages.py) take what those of the system to be replaced take: 1.80 s for the transcript, 4.63 s for
the whole answer, 1.78 s for the whole speech (stages.py). Each way is a process of its own with a core to itself, in
turns; the stages, Redis and the callers share the other. Everybody speaks the same recorded question in real time,
20 ms a message, and says when it ends (push-to-talk): the time to first audio runs from there to the first audio that
reaches the caller.

Viva is asked over its Realtime WebSocket rather than POST /invoke, since that does the same work as pipecat's
transport: audio in as it is spoken, audio out as it is made, both as PCM on one connection. What pipecat is made of,
and why, is in pipecat_bot.py; the way of one after the other in in_sequence.py.

So many people at once have a turn each, which is listened to until its end: of these are the CPU, user and system, and
the memory, resident, of the process and its children. Then one person asks again and again, and interrupts each answer
once it sounds. Needs `scripts/benchmark_env pipecat` once.
"""

import argparse
import asyncio
import gc
import json
import os
import tempfile
import wave
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from benchmarks.machine import this_machine
from benchmarks.proxies import ENVIRONMENTS
from benchmarks.side_by_side import stages, ways
from benchmarks.side_by_side.levels import Level, Question, all_at_once, merged, one_by_one
from benchmarks.side_by_side.report import print_report
from benchmarks.side_by_side.ways import Way

NAMES = ("viva", "pipecat", "sequence")


def cores() -> tuple[int | None, int | None]:
    """The core of what is measured, and one for the stages; None where processes cannot be bound to cores."""
    if not hasattr(os, "sched_setaffinity"):
        return None, None
    first, *others = sorted(os.sched_getaffinity(0))
    return first, (others or [first])[0]


Levels = tuple[list[Level], list[Level]]
"""Of one conversation, and of many."""


async def measure(running: list[Way], question: Question, options: argparse.Namespace) -> Levels:
    """All ways in turns."""
    for way in running:
        await one_by_one(way, question, 1)  # what is loaded with the first question
    many = [[await all_at_once(way, question, options.conversations) for way in running] for _ in range(options.rounds)]
    one = [await one_by_one(way, question, options.turns) for way in running]
    return one, [merged(rounds) for rounds in zip(*many, strict=True)]


def compare(options: argparse.Namespace) -> Levels:
    """Every way that is wanted."""
    core, other = cores()
    with tempfile.TemporaryDirectory(prefix="viva-bench-") as name, ExitStack() as held:
        folder, running = Path(name), []
        url = held.enter_context(ways.fake_stages(options.sentences, folder, other))
        viva, recording = held.enter_context(ways.viva(url, core))
        if "viva" in options.only:
            running.append(viva)
        if "pipecat" in options.only:
            running.append(held.enter_context(ways.pipecat(url, folder, core)))
        if "sequence" in options.only:
            running.append(held.enter_context(ways.in_sequence(url, folder, core)))
        with wave.open(str(recording)) as wav:
            question = Question(wav.readframes(wav.getnframes()), wav.getframerate())
        gc.freeze()  # the callers' collector would look through every library, and hold up what they measure
        return asyncio.run(measure(running, question, options))


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversations", type=int, default=20, help="how many at once")
    parser.add_argument("--rounds", type=int, default=1, help="how often each way has so many")
    parser.add_argument("--turns", type=int, default=5, help="how often one person asks")
    parser.add_argument("--sentences", type=int, default=4, help="how many long sentences an answer has")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=list(NAMES), help="the ways that are compared")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    if "pipecat" in options.only and not (ENVIRONMENTS / "pipecat/made-from").exists():
        raise SystemExit("pipecat is not installed: run scripts/benchmark_env pipecat first, or leave it out (--only).")
    machine = this_machine()
    print(f"{machine}\n")
    pace = stages.Pace(options.sentences)
    one, many = compare(options)
    print_report(one, many, pace)
    if options.json:
        paths = {
            "critical_path_s": pace.critical_path_s(),
            "one_after_the_other_s": stages.ONE_AFTER_THE_OTHER_S,
        }
        figures = {"one": [asdict(level) for level in one], "many": [asdict(level) for level in many]}
        options.json.write_text(json.dumps({"machine": asdict(machine), **paths, **figures}, indent=2))


if __name__ == "__main__":
    main()
