"""Places: whose audio is needed first is next, and who leaves holds nothing up."""

import asyncio

import pytest

from viva_tts.places import Places


async def settle():
    """Lets every task run until it waits."""
    for _ in range(5):
        await asyncio.sleep(0)


async def serve(places: Places, due: float, served: list, name: str) -> None:
    await places.take(due)
    served.append(name)
    places.give_back()


async def test_who_is_due_first_is_served_first():
    """Whatever the order in which they came; equals in that order."""
    places, served = Places(1), []
    await places.take(0.0)
    waits = [("late", 9.0), ("soon", 2.0), ("also soon", 2.0), ("now", 1.0)]
    tasks = [asyncio.create_task(serve(places, due, served, name)) for name, due in waits]
    await settle()
    assert served == []
    places.give_back()
    await asyncio.gather(*tasks)
    assert served == ["now", "soon", "also soon", "late"]


async def test_who_leaves_is_passed_over():
    """Also in the moment in which the place was handed to it: the next one has it then."""
    places, served = Places(1), []
    await places.take(0.0)
    gone, handed, last = (asyncio.create_task(serve(places, due, served, f"{due}")) for due in (1.0, 2.0, 3.0))
    await settle()
    gone.cancel()
    await settle()
    places.give_back()
    # `handed` has the place by now, but did not run yet.
    handed.cancel()
    with pytest.raises(asyncio.CancelledError):
        await handed
    await last
    assert served == ["3.0"]
