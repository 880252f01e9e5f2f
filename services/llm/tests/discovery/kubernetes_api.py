"""A Kubernetes API in memory that speaks the real list/watch wire format, and fails in all the ways that one does.

Versions count up with every change, a watch replays what happened since the version that it names and then goes on,
in JSON lines over a chunked response; what was forgotten is 410. It asks for a token and knows what that may do.
"""

import asyncio
import json
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from aiohttp import web

SLICES = "/apis/discovery.k8s.io/v1/namespaces/viva/endpointslices"
PODS = "/api/v1/namespaces/viva/pods"
KINDS = {SLICES: ("EndpointSlice", "discovery.k8s.io/v1"), PODS: ("Pod", "v1")}


class KubernetesApi:
    """Start it with `async with`; `things` are its objects by name."""

    def __init__(self, collection: str = SLICES, tls: ssl.SSLContext | None = None) -> None:
        self.collection = collection
        self.things: dict[str, dict] = {}
        self.version = 1000
        self.tokens = {"first-token"}
        self.verbs = {"list", "watch"}
        self.requests: list[web.Request] = []
        self.status = 200
        """What everything is answered with."""
        self.gone_status = 200
        """How a watch from a forgotten version is answered: 410, or 200 and an ERROR event."""
        self.silent = False
        """Answers watches and never sends anything."""
        self.url = ""
        self._history: list[tuple[int, dict]] = []
        self._forgotten = 0
        self._watchers: set[_Watcher] = set()
        self._changed = asyncio.Condition()
        self._tls = tls
        self._port = 0
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        await self.come()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.go()

    async def come(self) -> None:
        """Listens; the second time at the same port."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.01, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=self._tls, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http{'s' if self._tls else ''}://127.0.0.1:{self._port}"

    async def go(self) -> None:
        """Listens no more, and breaks every connection off."""
        self.drop()
        await self._runner.cleanup()

    def put(self, name: str, thing: dict) -> None:
        """Adds an object or changes it."""
        self._happens("MODIFIED" if name in self.things else "ADDED", name, thing)

    def remove(self, name: str, *, told: bool = True) -> None:
        """Deletes an object; when not `told`, no watch hears of it."""
        self._happens("DELETED", name, self.things[name], told=told)

    def bookmark(self) -> None:
        """Tells every watch how far it is, after changes to objects that it does not watch."""
        self.version += 7
        self._send({"type": "BOOKMARK", "object": self._object({"metadata": {"resourceVersion": str(self.version)}})})

    def forget(self) -> None:
        """Compacts: watches from before now are too old."""
        self.version += 1
        self._forgotten = self.version
        self._history.clear()

    def send_raw(self, line: bytes) -> None:
        """Sends every watch bytes that may be no event."""
        for watcher in self._watchers:
            watcher.lines.put_nowait(line)

    def say_error(self, code: int, message: str) -> None:
        """Sends every watch an ERROR event."""
        self._send({"type": "ERROR", "object": _status(code, message)})

    def end(self) -> None:
        """Ends every watch in order, as when its time is over."""
        for watcher in self._watchers:
            watcher.lines.put_nowait(None)

    def drop(self) -> None:
        """Breaks every watch's connection off."""
        for watcher in self._watchers:
            watcher.request.transport.abort()

    def of(self, verb: str) -> list[web.Request]:
        """The requests so far that were lists or watches."""
        return [request for request in self.requests if _verb(request) == verb]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits for something that comes with a request, or with the end of one."""
        async with self._changed:
            await self._changed.wait_for(condition)

    async def watched(self, times: int = 1) -> None:
        """Waits until so many watches are or were open."""
        await self.until(lambda: len(self.of("watch")) >= times)

    @property
    def watchers(self) -> int:
        """Open watches."""
        return len(self._watchers)

    def _happens(self, kind: str, name: str, thing: dict, *, told: bool = True) -> None:
        self.version += 1
        named = {"namespace": "viva", "name": name, "resourceVersion": str(self.version)}
        thing = self._object({**thing, "metadata": {**thing.get("metadata", {}), **named}})
        if kind == "DELETED":
            del self.things[name]
        else:
            self.things[name] = thing
        event = {"type": kind, "object": thing}
        self._history.append((self.version, event))
        for watcher in self._watchers:
            if told and _selects(watcher.request, thing):
                watcher.lines.put_nowait(_line(event))

    def _object(self, thing: dict) -> dict:
        kind, version = KINDS[self.collection]
        return {"kind": kind, "apiVersion": version, **thing}

    def _send(self, event: dict) -> None:
        self.send_raw(_line(event))

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        verb = _verb(request)
        refusal = self._refusal(request, verb)
        if verb == "watch" and not refusal:
            return await self._watch(request)
        await self._count(request)
        if refusal:
            return web.json_response(refusal, status=refusal["code"])
        kind, version = KINDS[self.collection]
        # Kubernetes leaves kind and apiVersion out of what stands in a list.
        found = [each for each in self.things.values() if _selects(request, each)]
        items = [{key: each[key] for key in each if key not in ("kind", "apiVersion")} for each in found]
        metadata = {"resourceVersion": str(self.version)}
        return web.json_response({"kind": f"{kind}List", "apiVersion": version, "metadata": metadata, "items": items})

    def _refusal(self, request: web.Request, verb: str) -> dict | None:
        if self.status != 200:
            return _status(self.status, "not now")
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return _status(401, "Unauthorized")
        if request.method != "GET" or verb not in self.verbs:
            return _status(403, f"cannot {verb} resource")
        if request.path != self.collection:
            return _status(404, "the server could not find the requested resource")
        if verb == "watch" and self.gone_status == 410 and self._is_forgotten(request):
            return _status(410, "too old resource version")
        return None

    def _is_forgotten(self, request: web.Request) -> bool:
        return int(request.query["resourceVersion"]) < self._forgotten

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        watcher = _Watcher(request)
        if self._is_forgotten(request):
            watcher.lines.put_nowait(_line({"type": "ERROR", "object": _status(410, "too old resource version")}))
        since = int(request.query["resourceVersion"])
        for version, event in self._history:
            if version > since and _selects(request, event["object"]):
                watcher.lines.put_nowait(_line(event))
        self._watchers.add(watcher)
        await self._count(request)
        try:
            with suppress(ConnectionError):
                await self._pass_on(watcher, response)
        finally:
            self._watchers.discard(watcher)
            async with self._changed:
                self._changed.notify_all()
        return response

    async def _pass_on(self, watcher: "_Watcher", response: web.StreamResponse) -> None:
        while (line := await watcher.lines.get()) is not None:
            if not self.silent:
                await response.write(line)
        await response.write_eof()

    async def _count(self, request: web.Request) -> None:
        async with self._changed:
            self.requests.append(request)
            self._changed.notify_all()


class _Watcher:
    def __init__(self, request: web.Request) -> None:
        self.request = request
        self.lines: asyncio.Queue[bytes | None] = asyncio.Queue()


def _verb(request: web.Request) -> str:
    # As Kubernetes reads it: Go's ParseBool knows these.
    return "watch" if request.query.get("watch") in ("1", "t", "T", "true", "True", "TRUE") else "list"


def _selects(request: web.Request, thing: dict) -> bool:
    wanted = dict(pair.split("=") for pair in request.query.get("labelSelector", "").split(",") if pair)
    return wanted.items() <= thing["metadata"].get("labels", {}).items()


def _line(event: dict) -> bytes:
    return json.dumps(event).encode() + b"\n"


def _status(code: int, message: str) -> dict:
    reasons = {401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 410: "Expired"}
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}
    return {**status, "reason": reasons.get(code, "InternalError"), "code": code}
