"""Reads addresses out of the API's objects, EndpointSlices and pods, as JSON gives them.

Nothing else of an object is kept. What an object leaves out is told apart from what it denies: `ready` of an endpoint
counts as true when it is absent, and null where a list could be is an empty one.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from viva_llm.discovery.target import Target


@dataclass(frozen=True, slots=True)
class Found:
    """What one object holds."""

    urls: frozenset[str] = frozenset()
    """Of the replicas that may be sent requests."""
    unready: int = 0
    """Replicas that are not ready, or end."""
    ports: frozenset[str] = frozenset()
    """Names of the ports, when the wanted one is not among them."""
    family: str = ""
    """IPv4 or IPv6; a Service with both has slices of both, with the same pods in them."""


def read(target: Target, thing: dict) -> Found:
    """What an EndpointSlice or a pod holds. Raises LookupError, TypeError, ValueError or AttributeError for others."""
    return _read_slice(target, thing) if target.resource == "endpointslices" else _read_pod(target, thing)


@dataclass(frozen=True, slots=True)
class Summary:
    """All objects together."""

    urls: frozenset[str] = frozenset()
    unready: int = 0
    ports: frozenset[str] = frozenset()

    @classmethod
    def of(cls, found: Iterable[Found]) -> "Summary":
        """One address for each replica: where there are both families, that of IPv4."""
        found = list(found)
        if any(each.family == "IPv4" for each in found):
            found = [each for each in found if each.family != "IPv6"]
        return cls(
            urls=frozenset().union(*(each.urls for each in found)),
            unready=sum(each.unready for each in found),
            ports=frozenset().union(*(each.ports for each in found)),
        )


def _read_slice(target: Target, slice_: dict) -> Found:
    family = slice_["addressType"]
    endpoints = slice_.get("endpoints") or []
    if family not in ("IPv4", "IPv6"):
        return Found()
    ports = {each.get("name") or "": each.get("port") for each in slice_.get("ports") or []}
    port = target.port if isinstance(target.port, int) else ports.get(target.port)
    ready = [endpoint for endpoint in endpoints if _is_ready(endpoint.get("conditions") or {})]
    if not port:
        return Found(ports=frozenset(ports), unready=len(endpoints), family=family)
    # All addresses of one endpoint are the same replica, and whoever consumes a slice takes the first.
    urls = frozenset(target.url(endpoint["addresses"][0], port) for endpoint in ready)
    return Found(urls, unready=len(endpoints) - len(ready), family=family)


def _is_ready(conditions: dict) -> bool:
    # `ready` alone would not do: for a Service with publishNotReadyAddresses it is true of what ends, too.
    return conditions.get("ready") is not False and not conditions.get("terminating")


def _read_pod(target: Target, pod: dict) -> Found:
    status = pod.get("status") or {}
    if status.get("phase") in ("Succeeded", "Failed"):
        return Found()
    conditions = {each["type"]: each["status"] for each in status.get("conditions") or []}
    address = status.get("podIP")
    if pod["metadata"].get("deletionTimestamp") or conditions.get("Ready") != "True" or not address:
        return Found(unready=1)
    ports = {
        port["name"]: port["containerPort"]
        for container in pod["spec"]["containers"]
        for port in container.get("ports") or []
        if port.get("name")
    }
    port = target.port if isinstance(target.port, int) else ports.get(target.port)
    if not port:
        return Found(ports=frozenset(ports), unready=1)
    return Found(frozenset({target.url(address, port)}))
