"""What the answerer says: short spoken sentences around words of the lecture, quoted as they were recognised."""

from viva.passages import Passage

NOTHING_HEARD = "Nothing of the lecture has been heard yet, so I cannot answer that."
NOT_COVERED = "I could not find that in the lecture."
NOT_SAID_THERE = "The part of the lecture about that does not say."
NO_QUESTION = "I did not catch a question."

_OPENINGS = ("In the lecture:", "The lecture says:", "Here is what was said:", "From the lecture:")


def _tidy(text: str) -> str:
    """The passage as it can stand between quotation marks and be spoken; no word is added or changed."""
    return text.replace('"', "'").replace("[", "(").replace("]", ")").strip()


def _ended(quoted: str, last: Passage) -> str:
    """With a full stop, unless what is quoted last ends a sentence itself."""
    return quoted if last.text.rstrip().endswith((".", "!", "?", "…")) else f"{quoted}."


def quote(passages: list[Passage], turn: int) -> str:
    """Quotes passages in the order given, each with its mark; `turn` picks the opening, so that it varies."""
    opening = _OPENINGS[turn % len(_OPENINGS)]
    parts: list[str] = []
    for before, passage in zip([None, *passages], passages, strict=False):
        follows = before is not None and passage.number == before.number + 1
        joint = "" if before is None else (" " if follows else " And also: ")
        parts.append(f'{joint}"{_tidy(passage.text)}" [{passage.number}]')
    return f"{opening} {_ended(''.join(parts), passages[-1])}" if passages else opening


def overview(passages: list[Passage]) -> str:
    """Quotes the passages that stand for the whole lecture, without claiming that they are all of it."""
    parts = [f'"{_tidy(passage.text)}" [{passage.number}]' for passage in passages]
    begins = "It begins with" if passages[0].number == 1 else "Among other things"
    first = f"{begins}: {_ended(parts[0], passages[0])}"
    if len(parts) == 1:
        return first
    return f"{first} Central to it: {_ended(' and '.join(parts[1:]), passages[-1])}"
