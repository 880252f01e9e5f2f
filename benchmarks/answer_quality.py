"""How well the extractive answerer answers, from recognised speech: every lecture is spoken and recognised first.

    python -m benchmarks.answer_quality [--lecture NAME ...] [--spoken] [--voice slt] [--verbose] [--json OUT.json]

With --spoken the questions are spoken and recognised too. Right means that a cited passage shows a line that answers
the question (question_set.is_right); refused means that nothing is cited. --verbose lists the failures, but never
those of the lectures that are held out. The weights in the package were learnt from the lectures that are not held
out: train_answerer.py says what to expect of other recordings. Recordings and transcripts are kept in --cache.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from benchmarks.asr_service import running
from benchmarks.machine import this_machine
from benchmarks.question_set import Question, QuestionSet, is_right, load_all
from benchmarks.recognised import RecognisedSpeech
from viva.passages import Passage, render_lecture
from viva.samples import VOICES, Rendering
from viva_llm.extractive import Answerer

KINDS = ("answered", "follow-up", "refused far", "refused near", "refused detail")
INSTRUCTIONS = "Answer from the lecture, and cite its passages by number."


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question asked."""

    lecture: str
    held_out: bool
    kind: str  # one of KINDS
    ask: str
    heard: str  # what the answerer was given
    right: bool
    answer: str
    cited: tuple[int, ...]
    took_ms: float


class Asker:
    """Asks the questions about one lecture."""

    def __init__(self, answerer: Answerer, questions: QuestionSet, speech: RecognisedSpeech, spoken: bool) -> None:
        self._answerer, self._questions, self._speech, self._spoken = answerer, questions, speech, spoken
        self._rendering: Rendering
        self._passages: list[Passage]
        self._rendering, self._passages = speech.lecture(questions.text)
        self._system = {"role": "system", "content": f"{INSTRUCTIONS}\n{render_lecture(self._passages)}"}

    def outcomes(self) -> Iterator[Outcome]:
        """Every question once, the turns of a dialogue with the answers before them as history."""
        for question in self._questions.answerable:
            yield self._ask("answered", question, [])[0]
        for question in self._questions.not_covered:
            yield self._ask(f"refused {question.distance}", question, [])[0]
        for dialogue in self._questions.dialogues:
            history: list[dict] = []
            for turn, question in enumerate(dialogue):
                outcome, history = self._ask("follow-up" if turn else "answered", question, history)
                yield outcome

    def _ask(self, kind: str, question: Question, history: list[dict]) -> tuple[Outcome, list[dict]]:
        heard = self._speech.question(question.ask) if self._spoken else question.ask
        talk = [*history, {"role": "user", "content": heard}]
        started = time.perf_counter()
        answer = self._answerer.answer([self._system, *talk])
        took_ms = 1000 * (time.perf_counter() - started)
        right = self._is_cited(question, answer.passages) if question.lines else not answer.passages
        sets = self._questions
        outcome = Outcome(
            sets.name, sets.held_out, kind, question.ask, heard, right, answer.text, answer.passages, took_ms
        )
        return outcome, [*talk, {"role": "assistant", "content": answer.text}]

    def _is_cited(self, question: Question, cited: tuple[int, ...]) -> bool:
        passages = {passage.number: passage for passage in self._passages}
        times = [(passages[number].start, passages[number].end) for number in cited]
        return any(is_right(question, self._rendering.lines, *time_) for time_ in times)


def shares(outcomes: list[Outcome]) -> dict[str, tuple[int, int]]:
    """For each kind: how many are right, of how many."""
    by_kind = {kind: [outcome.right for outcome in outcomes if outcome.kind == kind] for kind in KINDS}
    return {kind: (sum(right), len(right)) for kind, right in by_kind.items()}


def table(outcomes: list[Outcome]) -> str:
    """The shares of every lecture, of the lectures that were learnt from, and of those held out."""
    names = list(dict.fromkeys((outcome.held_out, outcome.lecture) for outcome in outcomes))
    groups = {
        f"{name}{' *' if held else ''}": [o for o in outcomes if o.lecture == name] for held, name in sorted(names)
    }
    groups["all learnt from"] = [outcome for outcome in outcomes if not outcome.held_out]
    groups["all held out *"] = [outcome for outcome in outcomes if outcome.held_out]
    lines = [f"{'':20}" + "".join(f"{kind:>17}" for kind in KINDS)]
    for name, group in groups.items():
        cells = [f"{right}/{of} {right / of:4.0%}" if of else "-" for right, of in shares(group).values()]
        lines.append(f"{name:20}" + "".join(f"{cell:>17}" for cell in cells))
    return "\n".join(lines)


def footing(outcomes: list[Outcome]) -> str:
    """How long the answers are, and how long they took."""
    answered = [outcome for outcome in outcomes if outcome.cited]
    took = sorted(outcome.took_ms for outcome in outcomes)
    words = sum(len(outcome.answer.split()) for outcome in answered) / max(1, len(answered))
    cited = sum(len(outcome.cited) for outcome in answered) / max(1, len(answered))
    return (
        f"An answer cites {cited:.1f} passages and has {words:.0f} words on average. "
        f"It took {took[len(took) // 2]:.1f} ms (p50), {took[int(len(took) * 0.95)]:.1f} ms (p95)."
    )


def failures(outcomes: list[Outcome]) -> Iterator[str]:
    """What went wrong on the lectures that are not held out."""
    for outcome in outcomes:
        if not outcome.right and not outcome.held_out:
            heard = "" if outcome.heard == outcome.ask else f" (heard: {outcome.heard})"
            yield f"{outcome.lecture}, {outcome.kind}: {outcome.ask}{heard}\n    {outcome.answer}"


def main(arguments: list[str] | None = None) -> int:
    """Runs the measurement; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.answer_quality", description=__doc__.split("\n")[0])
    parser.add_argument("--lecture", action="append", help="only this one; may be repeated")
    parser.add_argument("--spoken", action="store_true", help="speak the questions, and recognise them too")
    parser.add_argument("--voice", default=VOICES[0], choices=VOICES)
    parser.add_argument("--engine", default="moonshine", help="of the asr service")
    parser.add_argument("--verbose", action="store_true", help="list the failures")
    parser.add_argument("--json", type=Path, help="write every outcome to this file")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "viva-answer-quality")
    options = parser.parse_args(arguments)
    options.cache.mkdir(parents=True, exist_ok=True)
    machine = this_machine()
    with ExitStack() as stack:
        service = cache(lambda: stack.enter_context(running(options.engine)))
        speech = RecognisedSpeech(options.cache, options.voice, options.engine, service)
        answerer = Answerer()
        sets = [each for each in load_all() if not options.lecture or each.name in options.lecture]
        outcomes = [outcome for each in sets for outcome in Asker(answerer, each, speech, options.spoken).outcomes()]
    print(table(outcomes), footing(outcomes), f"On {machine}", sep="\n\n")
    if options.verbose:
        print("", *failures(outcomes), sep="\n")
    if options.json:
        options.json.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
