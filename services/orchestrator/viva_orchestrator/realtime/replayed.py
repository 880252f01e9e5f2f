"""What a client brings of a conversation that is here already, under ids of its own."""

from __future__ import annotations

from collections.abc import Sequence

from viva_orchestrator.realtime.items import Item


def known_in(items: Sequence[Item], brought: Sequence[Item]) -> list[Item | None]:
    """For each item that is brought, oldest first, the one that it repeats, or None.

    The same words of the same speaker are the same item, as long as they come in the same order: a question that is
    asked once more after its answer is another one.
    """
    place, known = 0, []
    for each in brought:
        found = next((at for at in range(place, len(items)) if _said(items[at]) == _said(each)), None)
        known.append(None if found is None else items[found])
        place = place if found is None else found + 1
    return known


def _said(item: Item) -> tuple[str | None, str]:
    return item.role, " ".join(item.text.split())
