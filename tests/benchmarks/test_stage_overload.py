"""The stages over their capacity: what is counted, with a stage that is a function."""

import asyncio

from benchmarks.stage_overload import CALLERS, Answer, Seen, overloaded


async def test_refusals_are_told_from_answers() -> None:
    """As many callers as there is room for find the capacity; the refused have times of their own."""
    active = 0

    async def send() -> Answer:
        nonlocal active
        if active >= CALLERS["llm"]:
            return Answer(503, active % 2 == 0, 1.0)
        active += 1
        await asyncio.sleep(0.02)
        active -= 1
        return Answer(200, False, 20.0)

    row = await overloaded("llm", send, 0.4, 3.0)
    assert row.capacity > 0
    assert row.asked > row.answered > 0
    assert row.refused > 0
    assert (row.alone_p95, row.answered_p95, row.refused_p95) == (20.0, 20.0, 1.0)
    assert (row.failed, row.without_retry_after) == (0, 0)


def test_nothing_refused_has_no_time() -> None:
    """A stage that is not over its capacity."""
    seen = Seen([Answer(200, False, 5.0), Answer(200, False, 15.0)])
    assert (seen.count(503), seen.p95(503), seen.p95(200)) == (0, 0.0, 14.5)
