"""From the end of a spoken question's upload to the first audio of its answer, on the embedded engines.

    python -m benchmarks.time_to_first_audio [--questions 20] [--json OUT.json]

Asks the sample lecture spoken questions, one after another, on the stack as `make run` starts it.
"""

import argparse
import asyncio
import json
import statistics
from dataclasses import asdict
from pathlib import Path

import aiohttp

from benchmarks.asking import Seen, ask, receipt_p50, running_stack, spoken, upload
from benchmarks.machine import this_machine
from benchmarks.question_set import load_all
from viva.samples import render


def embedded(count: int) -> tuple[Seen, list[str]]:
    """Spoken questions about the sample lecture, on the engines that a fresh machine has."""
    questions = next(lecture for lecture in load_all() if lecture.name == "transistor").answerable[:count]
    seen = Seen()
    environ = {
        "VIVA_ASR_ENGINE": "moonshine",
        "VIVA_LLM_BACKENDS": "extractive",
        "VIVA_TTS_ENGINE": "flite",
    }
    with running_stack(environ) as (_, url, folder):
        recording = folder / "lecture.wav"
        render((Path(__file__).parents[1] / "samples" / "lecture.txt").read_text(), recording)
        lecture = upload(url, recording)
        asked = [spoken(question.ask, folder) for question in questions]

        async def one_after_another() -> None:
            async with aiohttp.ClientSession(read_bufsize=2**22) as session:
                for question in asked:
                    await ask(session, url, question, lecture, "mp3", seen)

        asyncio.run(one_after_another())
    return seen, [question.ask for question in questions]


def print_embedded(seen: Seen) -> None:
    """The table of the embedded engines."""
    cuts = statistics.quantiles(seen.first_audio_ms, n=100, method="inclusive")
    print(f"{len(seen.first_audio_ms)} spoken questions, {seen.failed} failed; time to first audio: ", end="")
    print(f"p50 {cuts[49]:.0f} ms, p95 {cuts[94]:.0f} ms, p99 {cuts[98]:.0f} ms; of which at p50")
    for name, value in receipt_p50(seen).items():
        print(f"  {name:<20} {value:7.1f}")


def main() -> None:
    """Measures and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=20, help="how many are asked")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    machine = this_machine()
    print(f"{machine}\n")
    seen, asked = embedded(options.questions)
    print_embedded(seen)
    if options.json:
        options.json.write_text(json.dumps({"machine": asdict(machine), "asked": asked, **asdict(seen)}, indent=2))


if __name__ == "__main__":
    main()
