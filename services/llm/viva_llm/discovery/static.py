"""Addresses that the settings name."""

import asyncio


class StaticAddresses:
    """A fixed list: known from the beginning, never changing."""

    kind = "static"
    problem = ""

    def __init__(self, urls: tuple[str, ...]) -> None:
        self.addresses: frozenset[str] | None = frozenset(urls)
        self.changed = asyncio.Event()
        self.changed.set()

    async def start(self) -> None:
        """Needs nothing."""

    async def close(self) -> None:
        """Holds nothing."""

    def status(self) -> dict:
        """As /status shows it."""
        return {"kind": self.kind, "problem": None}
