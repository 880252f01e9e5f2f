"""Word error rate of every speech recogniser that can load here, on the sample lecture or on any of the others.

    python -m benchmarks.word_error_rate [--engine NAME ...] [--text FILE] [--voice slt] [--json OUT.json]

Numbers are spelled out on both sides; case and punctuation do not count.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import jiwer

from benchmarks.asr_service import NotStarted, running
from benchmarks.machine import this_machine
from benchmarks.spoken_words import word_errors
from viva.samples import VOICES, render

LECTURE = Path(__file__).parents[1] / "samples" / "lecture.txt"
ENGINES = ("whisper", "moonshine", "pocketsphinx", "openai", "chat")
SHOWN_CONFUSIONS = 12


def measure(engine: str, text: str, recording: Path, duration_s: float) -> dict:
    """One row: the engine's errors, or why it cannot run here."""
    try:
        with running(engine) as service:
            model = service.status().get("model")
            started = time.monotonic()
            transcript = service.transcribe(recording)["text"]
            took_s = time.monotonic() - started
    except NotStarted as reason:
        return {"engine": engine, "unavailable": str(reason)}
    errors = word_errors(text, transcript)
    return {
        "engine": engine,
        "model": model,
        "word_error_rate": errors.wer,
        "words": errors.hits + errors.substitutions + errors.deletions,
        "wrong": errors.substitutions,
        "missing": errors.deletions,
        "invented": errors.insertions,
        "times_real_time": duration_s / took_s,
        "confusions": confusions(errors),
        "transcript": transcript,
    }


def confusions(errors: jiwer.WordOutput) -> list[list]:
    """What was said, what was heard instead, and how often; the most frequent first."""
    counts: Counter[tuple[str, str]] = Counter()
    for said, heard, chunks in zip(errors.references, errors.hypotheses, errors.alignments, strict=True):
        for chunk in chunks:
            if chunk.type == "substitute":
                pair = (
                    " ".join(said[chunk.ref_start_idx : chunk.ref_end_idx]),
                    " ".join(heard[chunk.hyp_start_idx : chunk.hyp_end_idx]),
                )
                counts[pair] += 1
    return [[said, heard, times] for (said, heard), times in counts.most_common()]


def show(rows: list[dict]) -> None:
    """Prints the table, then what each engine mishears."""
    print(
        f"{'engine':14}{'model':28}{'WER':>7}{'words':>7}{'wrong':>7}{'missing':>9}{'invented':>10}{'x real time':>13}"
    )
    for row in rows:
        if "unavailable" in row:
            print(f"{row['engine']:14}not here: {row['unavailable']}")
            continue
        print(
            f"{row['engine']:14}{row['model'] or '':28}{row['word_error_rate']:7.1%}{row['words']:7}{row['wrong']:7}"
            f"{row['missing']:9}{row['invented']:10}{row['times_real_time']:13.1f}"
        )
    for row in rows:
        if row.get("confusions"):
            worst = "; ".join(f"{said} -> {heard}" for said, heard, _ in row["confusions"][:SHOWN_CONFUSIONS])
            print(f"\n{row['engine']} heard, among others: {worst}")


def main() -> int:
    """Returns 1 where no engine could run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", action="append", choices=ENGINES, help="only this one; may be repeated")
    parser.add_argument("--text", type=Path, default=LECTURE, help="another text, one sentence a line")
    parser.add_argument("--voice", choices=VOICES, default=VOICES[0])
    parser.add_argument("--json", type=Path, help="write the figures, and the transcripts, here")
    options = parser.parse_args()
    machine = this_machine()
    text = options.text.read_text()
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder, "lecture.wav")
        spoken = render(text, recording, voice=options.voice)
        print(f"{options.text.name}, {spoken.duration_s:.0f} s, voice {spoken.voice}\n{machine}\n")
        rows = [measure(engine, text, recording, spoken.duration_s) for engine in options.engine or ENGINES]
    show(rows)
    if options.json:
        report = {
            "text": options.text.name,
            "voice": spoken.voice,
            "machine": asdict(machine),
            "engines": rows,
        }
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0 if any("unavailable" not in row for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
