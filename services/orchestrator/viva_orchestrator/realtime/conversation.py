"""The items of a conversation in their order, and what of them a turn is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from viva_orchestrator.realtime.items import Answer, Item, Part, answer_id, question_id
from viva_orchestrator.sessions import PastTurn

ROOT = "root"
"""What clients call the place before the first item."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a conversation holds; over it the oldest items are forgotten."""

    items: int = 500
    characters: int = 400_000


class Conversation:
    """Items by id, in order. It keeps at least its newest item, whatever the limits."""

    def __init__(self, items: Iterable[Item] = (), *, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._items: dict[str, Item] = {}
        self._order: list[str] = []
        self._size = 0
        self.changed: set[str] = set()
        """Ids of items that were added, replaced or removed; whoever keeps the conversation empties it."""
        for item in items:
            self.add(item)

    def __iter__(self) -> Iterator[Item]:
        return iter([self._items[item_id] for item_id in self._order])

    @property
    def order(self) -> list[str]:
        """The ids of the items, oldest first."""
        return list(self._order)

    def __len__(self) -> int:
        return len(self._order)

    def get(self, item_id: str) -> Item | None:
        """The item with this id."""
        return self._items.get(item_id)

    def previous(self, item_id: str) -> str | None:
        """The id of the item before this one."""
        place = self._order.index(item_id)
        return self._order[place - 1] if place else None

    @property
    def last_id(self) -> str | None:
        """The id of the newest item."""
        return self._order[-1] if self._order else None

    def add(self, item: Item, after: str | None = None) -> list[str]:
        """Adds an item behind another, at the beginning ("root") or, with None or an unknown id, at the end.

        Returns the ids of items that had to go for it. An item whose id is there already changes nothing.
        """
        if item.id in self._items:
            return []
        place = 0 if after == ROOT else len(self._order)
        if after in self._items:
            place = self._order.index(after) + 1
        self._order.insert(place, item.id)
        self._items[item.id] = item
        self._size += item.size
        self.changed.add(item.id)
        return self._shrink(item.id)

    def replace(self, item: Item) -> None:
        """Puts a newer version in the place of an item, if that is still there."""
        if (old := self._items.get(item.id)) is not None:
            self._size += item.size - old.size
            self._items[item.id] = item
            self.changed.add(item.id)

    def remove(self, item_id: str) -> Item | None:
        """Takes an item out and returns it; None when it is not there."""
        if (item := self._items.pop(item_id, None)) is not None:
            self._order.remove(item_id)
            self._size -= item.size
            self.changed.add(item_id)
        return item

    def after(self, item_id: str | None) -> list[Item]:
        """The items behind this one; all of them when it is not known."""
        items = list(self)
        if item_id not in self._items:
            return items
        return items[self._order.index(item_id) + 1 :]

    # -- what a turn is about ---------------------------------------------------------------------------------------

    def question(self) -> list[Item]:
        """What the next answer is an answer to: what the person said since the last one, else what they said last."""
        asked: list[Item] = []
        for item in reversed(list(self)):
            if item.role == "assistant" or (asked and item.turn_id is not None):
                break
            if item.role == "user":
                asked.append(item)
                if item.turn_id is not None:
                    break
        if asked:
            return asked[::-1]
        return [item for item in self if item.role == "user"][-1:]

    def history(self, question: Sequence[Item], lecture_id: str | None) -> tuple[PastTurn, ...]:
        """The questions and answers before this one, oldest first, whoever gave them.

        Items that the client made are taken to be about `lecture_id`. Questions that got no answer go with the next.
        """
        now = {item.id for item in question}
        turns: list[PastTurn] = []
        asked: list[str] = []
        for item in self:
            if item.id in now:
                break
            if item.role == "user" and item.text:
                asked.append(item.text)
            elif item.role == "assistant" and item.text and asked:
                turns.append(_past_turn(" ".join(asked), item, lecture_id))
                asked = []
            elif item.role == "assistant" and item.text and turns:
                turns[-1] = _with_more(turns[-1], item)
        return tuple(turns)

    def _shrink(self, newest: str) -> list[str]:
        gone = []
        while len(self._order) > 1 and (len(self._order) > self._limits.items or self._size > self._limits.characters):
            oldest = self._order[0] if self._order[0] != newest else self._order[1]
            self.remove(oldest)
            gone.append(oldest)
        return gone


def _past_turn(question: str, item: Item, lecture_id: str | None) -> PastTurn:
    answer = item.answer or Answer(item.text, lecture_id or "")
    return PastTurn(
        turn_id=item.turn_id or item.id,
        question=question,
        answer=item.text,
        raw_answer=answer.raw,
        lecture_id=answer.lecture_id,
        citations=item.parts[0].citations,
        degraded=answer.degraded,
        asked_at=answer.asked_at,
        interrupted=item.status == "incomplete",
    )


def _with_more(turn: PastTurn, item: Item) -> PastTurn:
    more = item.answer.raw if item.answer else item.text
    return replace(turn, answer=f"{turn.answer} {item.text}", raw_answer=f"{turn.raw_answer} {more}")


def with_turns(items: Sequence[Item], turns: Sequence[PastTurn]) -> list[Item]:
    """The items, and those of turns that came another way, each behind what was answered before it was."""
    known = {item.turn_id for item in items}
    all_items = list(items)
    for turn in turns:
        if turn.turn_id in known:
            continue
        before = [
            place for place, item in enumerate(all_items) if item.answer and item.answer.asked_at <= turn.asked_at
        ]
        place = before[-1] + 1 if before else 0 if any(item.answer for item in all_items) else len(all_items)
        all_items[place:place] = items_of([turn])
    return all_items


def items_of(turns: Sequence[PastTurn]) -> list[Item]:
    """The items of questions and answers that came another way, over /invoke, say."""
    items = []
    for turn in turns:
        status = "incomplete" if turn.interrupted else "completed"
        answer = Answer(turn.raw_answer, turn.lecture_id, (), (), turn.degraded, turn.asked_at)
        part = Part("output_text", turn.answer, turn.citations)
        items.append(
            Item(question_id(turn.turn_id), "user", (Part("input_text", turn.question),), turn_id=turn.turn_id)
        )
        items.append(Item(answer_id(turn.turn_id), "assistant", (part,), status, turn_id=turn.turn_id, answer=answer))
    return items
