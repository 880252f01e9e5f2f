"""Addresses behind a DNS name."""

import asyncio
import socket

import pytest

from viva_llm.discovery.dns import DnsAddresses

URL = "http://vllm-llama:8000/v1"


class Resolver:
    """Answers from `answers`, in order, the last one for ever; exceptions are raised."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_every_address_of_the_name_is_a_base_url():
    """The name in the URL is replaced by each address, IPv6 ones in brackets; port and path stay."""
    dns = DnsAddresses(URL, lookup=Resolver(["10.0.0.1", "10.0.0.2", "fd00::1", "10.0.0.1"]))
    assert dns.addresses is None
    await dns.look()
    assert dns.addresses == {f"http://{host}:8000/v1" for host in ("10.0.0.1", "10.0.0.2", "[fd00::1]")}


async def test_name_without_addresses_has_none():
    """A headless Service without ready pods is known to have no addresses, and the reason is told."""
    dns = DnsAddresses(URL, lookup=Resolver(["10.0.0.1"], socket.gaierror(socket.EAI_NONAME, "")))
    await dns.look()
    await dns.look()
    assert dns.addresses == frozenset()
    assert "has no addresses" in dns.problem


@pytest.mark.parametrize("trouble", [socket.gaierror(socket.EAI_AGAIN, ""), OSError(), ValueError()])
async def test_resolver_that_does_not_answer_changes_nothing(trouble):
    """Addresses that were known stay while nobody can be asked, and nothing is known when none ever were."""
    dns = DnsAddresses(URL, lookup=Resolver(["10.0.0.1"], trouble, ["10.0.0.2"]))
    await dns.look()
    await dns.look()
    assert dns.addresses == {"http://10.0.0.1:8000/v1"}
    assert "could not be looked up" in dns.status()["problem"]
    await dns.look()
    assert (dns.addresses, dns.problem) == ({"http://10.0.0.2:8000/v1"}, "")
    new = DnsAddresses(URL, lookup=Resolver(trouble))
    await new.look()
    assert new.addresses is None


async def test_change_is_told_and_sameness_is_not():
    """The event is set for each change of the addresses, and not for looks that find the same."""
    resolver = Resolver(["10.0.0.1"], ["10.0.0.1"], ["10.0.0.1"], ["10.0.0.2"])
    dns = DnsAddresses(URL, refresh_s=0, lookup=resolver)
    await dns.start()
    seen = []
    while len(seen) < 2:
        await asyncio.wait_for(dns.changed.wait(), 30)
        dns.changed.clear()
        seen.append(dns.addresses)
    await dns.close()
    assert seen == [{"http://10.0.0.1:8000/v1"}, {"http://10.0.0.2:8000/v1"}]
    assert set(resolver.asked) == {("vllm-llama", 8000)}
    await DnsAddresses(URL).close()


async def test_real_resolver_knows_this_machine():
    """The system's own resolver is asked."""
    dns = DnsAddresses("http://localhost:8000/v1")
    await dns.look()
    assert "http://127.0.0.1:8000/v1" in dns.addresses
