"""The two requests that discovery makes of the Kubernetes API: list, and watch from where the list ended.

The official client finds the way, authenticates and makes the requests. Its own deserialisation is passed by, since
its models refuse objects that the API does give (`endpoints: null` among them), and so is its Watch class, which
would hide a 410 and go on after a silence.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import orjson
from kubernetes.aio.client.api.core_v1_api import CoreV1Api
from kubernetes.aio.client.api.discovery_v1_api import DiscoveryV1Api
from kubernetes.aio.client.api_client import ApiClient

from viva_llm.discovery.cluster import Cluster
from viva_llm.discovery.target import Target

CONNECT_S = 5.0
# What a broken, false or unreachable server can raise; UnicodeError and JSON's error are ValueErrors.
_BROKEN = (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError, AttributeError)


class ListAnew(Exception):
    """410: the API remembers no longer what happened since the version that was asked for."""


class ApiFailure(Exception):
    """The API server refused, or could not be understood or reached; its text is a sentence for operators."""


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to one object: ADDED, MODIFIED or DELETED; a BOOKMARK has nothing but a version."""

    kind: str
    name: str
    thing: dict
    version: str


class ListWatch:
    """Lists and watches the target in one namespace, over connections of its own."""

    def __init__(self, api: ApiClient, target: Target, namespace: str) -> None:
        self._request = (
            DiscoveryV1Api(api).list_namespaced_endpoint_slice
            if target.resource == "endpointslices"
            else CoreV1Api(api).list_namespaced_pod
        )
        self._target = target
        self._namespace = namespace

    async def list(self, limit_s: float) -> tuple[dict[str, dict], str]:
        """All objects by name, and the version of the whole. Raises ApiFailure, ListAnew."""
        with _told("list"):
            async with self._asked("list", aiohttp.ClientTimeout(total=limit_s, sock_connect=CONNECT_S)) as response:
                whole = orjson.loads(await response.read())
            things = {each["metadata"]["name"]: each for each in whole.get("items") or []}
            return things, whole["metadata"]["resourceVersion"]

    async def watch(self, version: str, watch_s: int, slack_s: float) -> AsyncGenerator[Event]:
        """What happens after `version`. Ends when the server ends it, in order, after `watch_s` seconds.

        Raises ApiFailure for everything else, a silence of `slack_s` beyond that among it, and ListAnew.
        """
        # One deadline for the whole: a server need not send anything in between, so that silence shows nothing earlier.
        limits = aiohttp.ClientTimeout(total=watch_s + slack_s, sock_connect=CONNECT_S)
        with _told("watch"):
            async with self._asked(
                "watch",
                limits,
                watch=True,
                allow_watch_bookmarks=True,
                resource_version=version,
                timeout_seconds=watch_s,
            ) as response:
                async for line in response.content:
                    if line.strip():
                        yield _event(orjson.loads(line))

    @asynccontextmanager
    async def _asked(self, verb: str, limits: aiohttp.ClientTimeout, **query) -> AsyncIterator[aiohttp.ClientResponse]:
        response = await self._request(
            self._namespace,
            label_selector=self._target.label_selector,
            _preload_content=False,
            _request_timeout=limits,
            **query,
        )
        async with response:
            if response.status != 200:
                raise self._refusal(verb, response.status)
            yield response

    def _refusal(self, verb: str, status: int) -> Exception:
        resource, namespace = self._target.resource, self._namespace
        if status == 410:
            return ListAnew()
        if status == 401:
            return ApiFailure("the API server does not accept this pod's token (401)")
        if status == 403:
            return ApiFailure(
                f"this pod's ServiceAccount may not {verb} {resource} in namespace {namespace} (403): "
                f"bind a Role with get, list and watch of {resource} there to it"
            )
        if status == 404:
            return ApiFailure(f"the API server knows no {resource} or no namespace {namespace} (404)")
        return ApiFailure(f"the API server answered {verb} with HTTP {status}")


@asynccontextmanager
async def connected(cluster: Cluster, target: Target, namespace: str) -> AsyncIterator[ListWatch]:
    """A way to the API with new connections, and the CA and the token of now. Raises ApiFailure."""
    try:
        api = ApiClient(cluster.configuration())
    except OSError as error:
        raise ApiFailure(f"the pod's token or CA cannot be read: {error.strerror or error}") from error
    async with api:
        api.user_agent = "viva-llm"
        yield ListWatch(api, target, namespace)


class _told:
    """Turns whatever a request or an answer can break with into ApiFailure, with the verb in its sentence."""

    def __init__(self, verb: str) -> None:
        self._verb = verb

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, TimeoutError):
            raise ApiFailure(f"the API server was silent, or not there, for too long ({self._verb})") from error
        if isinstance(error, _BROKEN):
            said = str(error) or type(error).__name__
            raise ApiFailure(f"the {self._verb} from the API server broke off or made no sense: {said}") from error


def _event(line: dict) -> Event:
    kind, thing = line["type"], line["object"]
    if kind == "ERROR":
        if thing.get("code") == 410:
            raise ListAnew
        raise ApiFailure(f"the API server ended the watch: {thing.get('message') or thing.get('reason')}")
    metadata = thing["metadata"]
    return Event(kind, metadata.get("name", ""), thing, metadata["resourceVersion"])
