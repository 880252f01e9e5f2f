"""How fast a recording is transcribed over HTTP, and how much memory that takes over the idle service.

    python -m benchmarks.transcription_speed [--engine NAME] [--runs N] [--long] [--json OUT.json]

Targets, with an embedded engine on two cores: 12 times real time; with --long, an hour holds under 400 MB over the idle
service.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
import wave
from dataclasses import asdict
from pathlib import Path

from benchmarks.asr_service import AsrService, NotStarted, running
from benchmarks.machine import this_machine
from benchmarks.memory import cpu_of_tree, settled, watched
from viva.samples import SAMPLE_RATE_HZ, render

LECTURE = Path(__file__).parents[1] / "samples" / "lecture.txt"
LONG_S = 3600.0
MB = 1_000_000


def repeat(recording: Path, duration_s: float, out: Path) -> None:
    """Writes `recording` again and again, a WAV file, until it lasts `duration_s`."""
    with wave.open(str(recording)) as file:
        frames = file.readframes(file.getnframes())
    left = round(duration_s * SAMPLE_RATE_HZ) * 2
    with wave.open(str(out), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        while left > 0:
            file.writeframesraw(frames[:left])
            left -= len(frames)


def measure(service: AsrService, recording: Path, duration_s: float) -> dict:
    """One row: from the first byte sent to the whole transcript."""
    cpu_before, started = cpu_of_tree(service.pid), time.monotonic()
    transcript = service.transcribe(recording)
    took_s, cpu_s = time.monotonic() - started, cpu_of_tree(service.pid) - cpu_before
    return {
        "duration_s": duration_s,
        "took_s": took_s,
        "times_real_time": duration_s / took_s,
        "cpu_s": cpu_s,
        "times_real_time_per_core": duration_s / cpu_s,
        "words": len(transcript["text"].split()),
    }


def measure_memory(service: AsrService, recording: Path, duration_s: float) -> dict:
    """As `measure`, with the memory of the service and its children beside it."""
    idle = settled(service.pid)
    with watched(service.pid) as peak:
        row = measure(service, recording, duration_s)
    return row | {"idle_bytes": idle, "peak_over_idle_bytes": max(0, peak.bytes - idle)}


def show(rows: list[dict]) -> None:
    """Prints the table, the median where there are several runs, and the memory where it was watched."""
    print(f"\n{'recording':>10}{'took':>9}{'x real time':>13}{'CPU':>9}{'x real time per core':>22}{'words':>8}")
    for row in rows:
        print(
            f"{row['duration_s']:8.0f} s{row['took_s']:7.1f} s{row['times_real_time']:13.1f}{row['cpu_s']:7.1f} s"
            f"{row['times_real_time_per_core']:22.1f}{row['words']:8}"
        )
    if len(rows) > 1:
        print(f"\nmedian: {statistics.median(row['times_real_time'] for row in rows):.1f} times real time")
    for row in rows:
        if "idle_bytes" in row:
            over, idle = row["peak_over_idle_bytes"] / MB, row["idle_bytes"] / MB
            print(f"\nmemory, children included: {over:.0f} MB at its peak over the idle service's {idle:.0f} MB")


def main() -> int:
    """Returns 1 where the engine cannot run here."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", default="moonshine", help="as VIVA_ASR_ENGINE; default: moonshine")
    parser.add_argument("--runs", type=int, default=1, help="how many times")
    parser.add_argument("--long", action="store_true", help="an hour of it, and the memory that this takes")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    machine = this_machine()
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder, "lecture.wav")
        duration_s = render(LECTURE.read_text(), recording).duration_s
        if options.long:
            once, recording, duration_s = recording, Path(folder, "long.wav"), LONG_S
            repeat(once, duration_s, recording)
        try:
            with running(options.engine) as service:
                status = service.status()
                print(f"engine {status.get('engine')}, model {status.get('model')}\n{machine}")
                measured = measure_memory if options.long else measure
                rows = [measured(service, recording, duration_s) for _ in range(options.runs)]
        except NotStarted as reason:
            print(f"The asr service did not start with {options.engine}: {reason}", file=sys.stderr)
            return 1
    show(rows)
    if options.json:
        report = {"engine": options.engine, "machine": asdict(machine), "runs": rows}
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
