"""Whether the model is shown what answers a question about a lecture that is longer than its context.

    python -m benchmarks.context_passages [--json OUT.json]

All texts of benchmarks/lectures end to end are one lecture of an hour. The context is a third, or half, of the 16,384
tokens that hold it, so that the lecture is as much too long as one of three hours, or two, would be. Every question
that a line answers is planned as the orchestrator does it; the answer is shown when a passage of such a line is in the
prompt. The history of a follow-up cites the right passages. The texts are as they were written, not as a recogniser
heard them. No model is asked, and nothing depends on the machine.
"""

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks.question_set import Question, QuestionSet, load_all
from viva.passages import Passage, Segment
from viva.samples import read_lines
from viva_orchestrator.context.context import Context, Prompt, Room
from viva_orchestrator.context.leads import Lead, passages_lead
from viva_orchestrator.context.lecture import LectureText
from viva_orchestrator.lectures.model import Transcript
from viva_orchestrator.sessions import PastTurn

WORDS_PER_S = 2.5
LECTURE_ID = "lec_all"
WHOLE = 16_384
ANSWER = 400
# So many tokens of the estimate a byte-level BPE counts in these texts (the orchestrator has the model server count).
COUNTED = 0.69
MODEL = "a model"
_NUMBER = re.compile(r"^\[(\d+)\] ", re.MULTILINE)


class AllLectures:
    """Every text end to end, as a transcript with a segment for each line, and where each line is."""

    def __init__(self, sets: Sequence[QuestionSet]) -> None:
        self.lines: dict[tuple[str, int], Segment] = {}
        segments: list[Segment] = []
        now_s = 0.0
        for questions in sets:
            for line in read_lines(questions.text):
                end_s = now_s + len(line.text.split()) / WORDS_PER_S
                segments.append(Segment(now_s, end_s, line.text))
                self.lines[questions.name, line.number] = segments[-1]
                now_s = end_s
        self.duration_s = now_s
        transcript = Transcript(LECTURE_ID, None, "ready", now_s, now_s, tuple(segments))
        self.text = LectureText(transcript)
        self.text.counted[MODEL] = round(self.text.estimated * COUNTED)

    def answering(self, questions: QuestionSet, question: Question) -> set[int]:
        """Numbers of the passages that have most of a line that answers."""
        lines = [self.lines[questions.name, number] for number in question.lines]
        return {passage.number for passage in self.text.passages for line in lines if _has(passage, line)}


def _has(passage: Passage, line: Segment) -> bool:
    return min(passage.end, line.end) - max(passage.start, line.start) > (line.end - line.start) / 2


class Shown:
    """Plans questions for a context of `limit` tokens and counts how often the answer is in the prompt."""

    def __init__(self, lectures: AllLectures, limit: int) -> None:
        self._lectures = lectures
        self._room = Room(limit, ANSWER, limit // 4)
        self._lead: Lead = passages_lead(lectures.text, (limit - ANSWER - 1024) // 2)
        self.counts = {"questions": [0, 0], "follow-ups": [0, 0], "by the sample alone": [0, 0]}
        self.tokens: list[int] = []

    def run(self, sets: Sequence[QuestionSet]) -> None:
        """Plan every question, and every turn of the dialogues with those before it."""
        sample = {self._lectures.text.passages[place].number for place in self._lead.shown}
        for questions in sets:
            for question in questions.answerable:
                self._count("questions", questions, question, self._numbers(question, ()))
                self._count("by the sample alone", questions, question, sample)
            for dialogue in questions.dialogues:
                self._dialogue(questions, dialogue)

    def _dialogue(self, questions: QuestionSet, dialogue: Sequence[Question]) -> None:
        history: list[PastTurn] = []
        for turn, question in enumerate(dialogue):
            if turn and question.lines:
                self._count("follow-ups", questions, question, self._numbers(question, history))
            marks = "".join(f"[{number}]" for number in sorted(self._lectures.answering(questions, question)))
            history.append(PastTurn("", question.ask, "", f"So {marks}.", LECTURE_ID, (), None, 0.0))

    def _numbers(self, question: Question, history: Sequence[PastTurn]) -> set[int]:
        context = Context(self._lectures.text, self._lead, self._room, history, MODEL, lambda *_: None)
        prompt: Prompt = context.ask(question.ask)
        self.tokens.append(prompt.use.tokens)
        return {int(number) for message in prompt.messages for number in _NUMBER.findall(str(message["content"]))}

    def _count(self, kind: str, questions: QuestionSet, question: Question, shown: set[int]) -> None:
        self.counts[kind][0] += bool(shown & self._lectures.answering(questions, question))
        self.counts[kind][1] += 1


def main() -> None:
    """The shares for both contexts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="OUT.json")
    asked = parser.parse_args()
    sets = load_all()
    lectures = AllLectures(sets)
    results = []
    print(f"{len(sets)} lectures, {lectures.duration_s / 60:.0f} minutes, {len(lectures.text.passages)} passages")
    print("| context, tokens | longest prompt | questions | follow-ups | by the sample alone |\n|---|---|---|---|---|")
    for limit in (WHOLE // 3, WHOLE // 2):
        shown = Shown(lectures, limit)
        shown.run(sets)
        cells = [f"{right}/{of} ({right / of:.0%})" for right, of in shown.counts.values()]
        print(f"| {limit:,} | {max(shown.tokens):,} | {' | '.join(cells)} |")
        results.append({"limit": limit, "longest_prompt": max(shown.tokens), "shown": shown.counts})
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
