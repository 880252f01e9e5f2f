"""Numbered passages: how a lecture is shown to whatever answers, and how an answer points back into it.

The orchestrator writes the lecture into the prompt with `render_lecture`; a model, or the extractive
answerer (which reads the prompt back with `parse_lecture`), cites passages by number, like "[12]".
The numbering is stable while a transcript grows: only the last passage may still change.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from viva.text.special_tokens import without_special_tokens

# A passage is about a spoken sentence: long enough to make sense by itself, short enough to be played back.
MIN_PASSAGE_S = 4.0
MAX_PASSAGE_S = 20.0


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of recognised speech; `start` and `end` are seconds of the recording."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A numbered stretch of the lecture; `number` counts from 1, `start` and `end` are seconds of the recording."""

    number: int
    start: float
    end: float
    text: str


def number_passages(segments: Iterable[Segment]) -> list[Passage]:
    """Merges neighbouring segments until each passage lasts MIN_PASSAGE_S, and numbers them from 1."""
    passages: list[Passage] = []
    open_: Passage | None = None
    for segment in segments:
        text = clean_transcript(segment.text)
        if not text:
            continue
        if open_ is not None and _belongs(open_, segment):
            open_ = Passage(open_.number, open_.start, segment.end, f"{open_.text} {text}")
            continue
        if open_ is not None:
            passages.append(open_)
        open_ = Passage(len(passages) + 1, segment.start, segment.end, text)
    if open_ is not None:
        passages.append(open_)
    return passages


def _belongs(passage: Passage, segment: Segment) -> bool:
    short = passage.end - passage.start < MIN_PASSAGE_S
    return short and segment.end - passage.start <= MAX_PASSAGE_S


_SPACE = re.compile(r"[\s\x00-\x1f\x7f\u2028\u2029]+")


def clean_transcript(text: str) -> str:
    """The text as one line of data: model control tokens and our own markup cannot occur in it."""
    text = text.encode("utf-8", "ignore").decode("utf-8")  # first: what it takes out must not close up into a token
    text = without_special_tokens(text)
    text = text.replace("<lecture", "< lecture").replace("</lecture", "< /lecture")
    return _SPACE.sub(" ", text).strip()


def clock(seconds: float) -> str:
    """ "mm:ss" of the recording; minutes go on past 59 ("125:07")."""
    whole = max(0, int(seconds))
    return f"{whole // 60:02d}:{whole % 60:02d}"


# A time in front of every passage would take as many tokens of a model as the words of the lecture.
CLOCK_EVERY_S = 60.0
# What only announces the subject ends about here, which is marked for the extractive answerer.
OPENING_S = 20.0


def render_lecture(passages: Iterable[Passage], *, title: str | None = None) -> str:
    """The lecture as it stands in the prompt: byte-identical from turn to turn for the same passages.

    The time stands on a line of its own where another minute begins.
    """
    lines = ["<lecture>"]
    if title:
        lines.append(f"Title: {clean_transcript(title)}")
    minute = None
    for passage in passages:
        if (now := _minute(passage.start)) != minute:
            lines.append(clock(passage.start))
            minute = now
        lines.append(f"[{passage.number}] {passage.text}")
    lines.append("</lecture>")
    return "\n".join(lines)


def _minute(start_s: float) -> float:
    return -1.0 if start_s < OPENING_S else start_s // CLOCK_EVERY_S


_PASSAGE_LINE = re.compile(r"^\[(\d+)\] (.+)$")
_CLOCK_LINE = re.compile(r"^(\d{2,}):(\d\d)$")


def parse_lecture(prompt: str) -> list[Passage]:
    """The passages in a prompt written with `render_lecture`, empty if there is none.

    Their `start` and `end` are both the time that stands last before them, in whole seconds.
    """
    start = prompt.rfind("<lecture>\n")
    end = prompt.find("\n</lecture>", start)
    if start < 0 or end < 0:
        return []
    passages = []
    now_s = 0
    for line in prompt[start:end].split("\n"):
        if match := _PASSAGE_LINE.match(line):
            passages.append(Passage(int(match[1]), now_s, now_s, match[2]))
        elif match := _CLOCK_LINE.match(line):
            now_s = int(match[1]) * 60 + int(match[2])
    return passages


def render_question(passages: Iterable[Passage], question: str) -> str:
    """A question behind the passages that go with it alone, where the whole lecture does not fit into the prompt."""
    return f"{render_lecture(passages)}\n\n{question}"


def split_question(prompt: str) -> tuple[list[Passage], str]:
    """The inverse of `render_question`; without passages the question is all of it."""
    passages = parse_lecture(prompt)
    return (passages, prompt.rpartition("\n</lecture>")[2].strip()) if passages else ([], prompt)
