"""Which replica a request goes to: the same one for the same key, unless that has too much to do.

Rendezvous hashing gives every key its own order of the replicas. It is the same in every router, and when a replica
goes only its own keys move, spread over all others. Of that order the first whose load is within a bound is taken
(consistent hashing with bounded loads): a hot lecture runs over to its second replica, and then always to that one.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class Bound:
    """How much more than its share a replica may have before it is passed over.

    `factor` is against the mean load; `floor` is a number of requests under way that is never too much, since a warm
    prefix is worth more than an idle neighbour until the batch is large.
    """

    factor: float = 1.25
    floor: int = 8

    def of(self, loads: Sequence[int]) -> int:
        """The load at which a replica is full, with the request that is being placed counted."""
        return max(self.floor, math.ceil(self.factor * (sum(loads) + 1) / len(loads)))


def ranked(key: str, names: Iterable[str]) -> list[str]:
    """The names in the order in which this key prefers them."""
    salt = blake2b(key.encode("utf-8", "replace"), digest_size=16).digest()  # a key may be pages of a lecture
    return sorted(names, key=lambda name: blake2b(name.encode(), key=salt, digest_size=8).digest())


def place(loads: Sequence[int], queueing: Sequence[bool], bound: Bound) -> int:
    """The index of the replica to take, of one or more in order of preference.

    `queueing` says of which ones it is known that requests wait there. Where all queue, only the bound counts.
    """
    limit = bound.of(loads)
    within = [index for index, load in enumerate(loads) if load < limit]  # never empty: the limit is over the mean
    return next((index for index in within if not queueing[index]), within[0])
