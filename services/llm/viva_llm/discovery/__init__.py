"""Where the replicas of a backend are: the protocol of the sources of addresses, and the table of their kinds."""

import asyncio
from typing import Protocol

DISCOVERIES = {
    "static": "viva_llm.discovery.static:StaticAddresses",
    "dns": "viva_llm.discovery.dns:DnsAddresses",
    "kubernetes": "viva_llm.discovery.kubernetes:KubernetesDiscovery",
}


class Discovery(Protocol):
    """A source of the addresses of one backend's replicas. Holds no resources before `start`."""

    kind: str
    """Its name in DISCOVERIES."""
    addresses: frozenset[str] | None
    """Base URLs of the replicas that there are now; None while nothing is known, which is not the same as none."""
    problem: str
    """A sentence for operators on what keeps the addresses from being known or fresh, "" when all is well."""
    changed: asyncio.Event
    """Set whenever `addresses` or `problem` change. The one reader clears it, then reads."""

    async def start(self) -> None:
        """Begins to look, without waiting for what is found. Raises EngineUnavailable when it never could."""

    async def close(self) -> None:
        """Ends the looking and gives everything back."""

    def status(self) -> dict:
        """As /status shows it."""
