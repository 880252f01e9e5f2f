"""Items of a conversation: what was said by whom, as clients see it and as it is kept."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
import structlog

from viva.events import Citation
from viva_orchestrator.realtime.heard import Spoken
from viva_orchestrator.stored import record

Role = Literal["user", "assistant", "system"]
Status = Literal["in_progress", "completed", "incomplete"]

# Content parts whose words clients look for in `transcript`; those of all others are in `text`.
_AUDIO_PARTS = ("input_audio", "output_audio", "audio")

_PART_SIZE = 64


def new_item_id() -> str:
    """An id for an item that the client did not name."""
    return f"item_{secrets.token_hex(12)}"


def question_id(turn_id: str) -> str:
    """The id of a question that came another way."""
    return f"item_{turn_id.removeprefix('turn_')[:24]}_q"


def answer_id(turn_id: str) -> str:
    """The id of an answer of ours, which is the same wherever its item is made."""
    return f"item_{turn_id.removeprefix('turn_')[:24]}_a"


@dataclass(frozen=True, slots=True)
class Part:
    """A content part: its words, None while they are not known yet, and what of the lecture they rest on."""

    type: str
    words: str | None = None
    citations: tuple[Citation, ...] = ()

    def shown(self) -> dict[str, Any]:
        """The part as clients see it."""
        part: dict[str, Any] = {"type": self.type}
        part["transcript" if self.type in _AUDIO_PARTS else "text"] = self.words
        if self.citations:
            part["annotations"] = annotations(self.citations)
        return part


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of an answer of ours: `raw` has its citation marks, `spoken` the timing of its clauses, `cited` the
    numbers of the passages that its citations are."""

    raw: str
    lecture_id: str
    spoken: tuple[Spoken, ...] = ()
    cited: tuple[int, ...] = ()
    degraded: str | None = None
    asked_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Item:
    """One item. `turn_id` is that of the turn that it is the question or the answer of; `fields` are those of function
    calls and their results, which are kept and shown but not used."""

    id: str
    role: Role | None = None
    parts: tuple[Part, ...] = ()
    status: Status = "completed"
    type: str = "message"
    turn_id: str | None = None
    answer: Answer | None = None
    fields: dict[str, str | None] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Its words."""
        return " ".join(part.words for part in self.parts if part.words)

    @property
    def size(self) -> int:
        """Characters that it takes, those of its names too; a part takes some even when it is empty."""
        parts = sum(_PART_SIZE + len(part.type) + len(part.words or "") for part in self.parts)
        fields = sum(len(name) + len(str(value or "")) for name, value in self.fields.items())
        return len(self.id) + len(self.type) + parts + fields

    def shown(self) -> dict[str, Any]:
        """The item as clients see it."""
        item: dict[str, Any] = {
            "id": self.id,
            "object": "realtime.item",
            "type": self.type,
            "status": self.status,
        }
        if self.type == "message":
            item |= {"role": self.role, "content": [part.shown() for part in self.parts]}
        return item | self.fields


def annotations(citations: tuple[Citation, ...]) -> list[dict[str, Any]]:
    """Citations as annotations of a content part; times in seconds of the recording."""
    return [
        {
            "type": "lecture_citation",
            "lecture_id": c.lecture_id,
            "start": c.start,
            "end": c.end,
            "text": c.text,
        }
        for c in citations
    ]


def kept_item(data: bytes) -> Item | None:
    """The item that was written with orjson.dumps(item); None for what this version cannot read."""
    try:
        fields = orjson.loads(data)
        parts = tuple(map(_kept_part, fields["parts"]))
        answer = fields["answer"]
        if answer is not None:
            spoken = tuple(record(Spoken, clause) for clause in answer["spoken"])
            answer = record(Answer, answer | {"spoken": spoken, "cited": tuple(answer["cited"])})
        return record(Item, fields | {"parts": parts, "answer": answer})
    except (KeyError, TypeError, ValueError):
        structlog.get_logger().warning("item not readable")
        return None


def _kept_part(part: dict[str, Any]) -> Part:
    return Part(part["type"], part["words"], tuple(record(Citation, each) for each in part["citations"]))
