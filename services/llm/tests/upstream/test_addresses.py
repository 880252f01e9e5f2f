"""What a name means, without asking for it too often."""

import asyncio
import socket

import pytest

from viva_llm.upstream.addresses import Addresses
from viva_llm.upstream.errors import NoConnection, UnknownName


def address(ip: str) -> tuple:
    """As getaddrinfo says it."""
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 80))


class Resolver:
    """Stands in for the resolver of this machine, and for the loop's clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lookups = 0
        self.now = 1000.0
        self.found: list[tuple] = [address("10.0.0.1"), address("10.0.0.2")]
        self.answers = asyncio.Event()
        self.answers.set()
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "getaddrinfo", self._look)
        self.addresses = Addresses("replicas.example", 80)
        monkeypatch.setattr(self.addresses, "_loop", self)
        self.create_task, self.getaddrinfo = loop.create_task, self._look

    def time(self) -> float:
        """What it is set to."""
        return self.now

    async def _look(self, _host: str, _port: int, **_options: object) -> list[tuple]:
        self.lookups += 1
        await self.answers.wait()
        if not self.found:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return self.found


@pytest.fixture
async def resolver(monkeypatch):
    """One that knows two addresses."""
    return Resolver(monkeypatch)


async def test_an_address_is_not_looked_up(resolver):
    """It means itself, of either family."""
    for host in ("127.0.0.1", "::1"):
        (found,) = await Addresses(host, 8000).find()
        assert found[4][:2] == (host, 8000)
    assert resolver.lookups == 0


async def test_those_who_connect_at_once_share_a_lookup(resolver):
    """Also when the one who began it gives up."""
    resolver.answers.clear()
    first, *others = [asyncio.create_task(resolver.addresses.find()) for _ in range(20)]
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    resolver.answers.set()
    assert all([len(await other) == 2 for other in others])
    assert resolver.lookups == 1


async def test_each_connection_begins_with_another_address(resolver):
    """So that none has all of them; all are there to be tried."""
    seen = [[found[4][0] for found in await resolver.addresses.find()] for _ in range(3)]
    assert seen == [["10.0.0.1", "10.0.0.2"], ["10.0.0.2", "10.0.0.1"], ["10.0.0.1", "10.0.0.2"]]


async def test_what_was_found_grows_old(resolver):
    """A new address is seen soon, and at once when none of the old ones answered."""
    await resolver.addresses.find()
    resolver.now += 9
    await resolver.addresses.find()
    assert resolver.lookups == 1
    resolver.now += 2
    resolver.found = [address("10.0.0.3")]
    assert await resolver.addresses.find() == [address("10.0.0.3")]
    resolver.found = [address("10.0.0.4")]
    resolver.addresses.forget()
    assert await resolver.addresses.find() == [address("10.0.0.4")]


async def test_a_name_that_is_not_known_is_asked_for_again(resolver):
    """The next one to connect may have more luck."""
    known, resolver.found = resolver.found, []
    with pytest.raises(UnknownName):
        await resolver.addresses.find()
    resolver.found = known
    assert len(await resolver.addresses.find()) == 2


async def test_closing_ends_a_lookup(resolver):
    """Who waits for it learns that there will be no connection."""
    resolver.answers.clear()
    finding = asyncio.create_task(resolver.addresses.find())
    await asyncio.sleep(0)
    resolver.addresses.close()
    with pytest.raises(NoConnection):
        await finding
    with pytest.raises(NoConnection):
        await resolver.addresses.find()
