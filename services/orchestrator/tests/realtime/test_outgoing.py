"""Events on their way to a client."""

import asyncio

import orjson

from viva_orchestrator.realtime.outgoing import Outgoing


class Wire:
    """Takes events as fast as the test lets it."""

    def __init__(self) -> None:
        self.sent: list[dict] = []
        self.open = asyncio.Event()
        self.open.set()
        self.dropped = 0

    async def send(self, text: str) -> None:
        await self.open.wait()
        self.sent.append(orjson.loads(text))

    def drop(self) -> None:
        self.dropped += 1
        self.open.set()


def outgoing(wire: Wire, *, max_bytes: int = 4096, stall_s: float = 3600) -> Outgoing:
    return Outgoing(wire.send, wire.drop, max_bytes=max_bytes, stall_s=stall_s)


async def test_events_go_out_in_order_each_with_its_id():
    """However they are put."""
    wire = Wire()
    out = outgoing(wire)
    out.put([{"type": "a"}, {"type": "b"}])
    out.put([{"type": "c"}])
    await out.sent()
    assert [event["type"] for event in wire.sent] == ["a", "b", "c"]
    assert len({event["event_id"] for event in wire.sent}) == 3


async def test_an_idle_one_has_no_task():
    """A thousand connections that wait cost nothing."""
    wire = Wire()
    out = outgoing(wire)
    before = asyncio.all_tasks()
    out.put([{"type": "a"}])
    await out.sent()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_a_client_over_the_bound_is_dropped():
    """What waited for it is thrown away, and nothing is sent any more."""
    wire = Wire()
    wire.open.clear()
    out = outgoing(wire, max_bytes=200)
    out.put({"type": "x" * 50} for _ in range(5))
    await out.sent()
    assert (out.dropped, wire.dropped) == (True, 1)
    out.put([{"type": "late"}])
    await out.sent()
    assert "late" not in [event["type"] for event in wire.sent]


async def test_a_client_that_reads_nothing_is_dropped():
    """Once the time is over."""
    wire = Wire()
    wire.open.clear()
    out = outgoing(wire, stall_s=0.01)
    out.put([{"type": "a"}])
    async with asyncio.timeout(60):
        await out.sent()
    assert wire.dropped == 1


async def test_an_answer_waits_for_room():
    """Far below the bound, so that a client that reads as fast as it plays is not dropped."""
    wire = Wire()
    wire.open.clear()
    out = outgoing(wire, max_bytes=1000)
    out.put([{"type": "x" * 300}])
    waiting = asyncio.create_task(out.room())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    wire.open.set()
    async with asyncio.timeout(60):
        await waiting


async def test_a_wire_that_breaks_ends_it():
    """Whatever the server raises; who waits for room goes on."""

    async def broken(text: str) -> None:
        raise OSError

    out = Outgoing(broken, lambda: None, max_bytes=1000, stall_s=3600)
    out.put([{"type": "x" * 300}])
    async with asyncio.timeout(60):
        await out.room()
    assert out.closed
