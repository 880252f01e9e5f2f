"""A Kubernetes API in memory: just enough of it for Helm to install, look up, upgrade and uninstall a release.

It keeps what is applied to it as it is, checks that what it keeps is never changed where Kubernetes forbids it, and
knows the APIs that it is told to have. It runs no pods.
"""

import base64
import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, urlsplit

import yaml

from .immutable import changed_where_forbidden


@dataclass(frozen=True)
class Resource:
    """One kind of object that the API has."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def folder(self) -> str:
        """The path of its API version."""
        return _folder(self.api_version)


BUILT_IN = (
    Resource("v1", "ConfigMap", "configmaps"),
    Resource("v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    Resource("v1", "Pod", "pods"),
    Resource("v1", "Secret", "secrets"),
    Resource("v1", "Service", "services"),
    Resource("v1", "ServiceAccount", "serviceaccounts"),
    Resource("apps/v1", "Deployment", "deployments"),
    Resource("apps/v1", "StatefulSet", "statefulsets"),
    Resource("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    Resource("batch/v1", "Job", "jobs"),
    Resource("networking.k8s.io/v1", "Ingress", "ingresses"),
    Resource("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    Resource("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    Resource("rbac.authorization.k8s.io/v1", "Role", "roles"),
    Resource("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings"),
    Resource("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses", namespaced=False),
)
CUSTOM = (
    Resource("gateway.networking.k8s.io/v1", "Gateway", "gateways"),
    Resource("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes"),
    Resource("keda.sh/v1alpha1", "ScaledObject", "scaledobjects"),
    Resource("monitoring.coreos.com/v1", "PrometheusRule", "prometheusrules"),
    Resource("monitoring.coreos.com/v1", "ServiceMonitor", "servicemonitors"),
)


class ApiServer:
    """A context manager; `objects` are what is in the cluster, by the path of each."""

    def __init__(self, resources: Iterable[Resource] = BUILT_IN, version: str = "1.34") -> None:
        self.resources = tuple(resources)
        self.version = version
        self.objects: dict[str, dict] = {}
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"api": self}))

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    @property
    def kubeconfig(self) -> str:
        """What leads a client here."""
        server = f"http://127.0.0.1:{self._http.server_address[1]}"
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "memory", "cluster": {"server": server}}],
                "users": [{"name": "nobody", "user": {}}],
                "contexts": [{"name": "memory", "context": {"cluster": "memory", "user": "nobody"}}],
                "current-context": "memory",
            }
        )

    def kind(self, kind: str) -> list[dict]:
        return [found for found in self.objects.values() if found["kind"] == kind]

    def discovery(self, path: str) -> dict | None:
        """The answer to a question about the API itself, None when `path` is no such question."""
        versions = sorted({resource.api_version for resource in self.resources})
        groups = [version for version in versions if "/" in version]
        answers: dict[str, Callable[[], dict]] = {
            "/version": lambda: _version(self.version),
            "/api": lambda: {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": lambda: {
                "kind": "APIGroupList",
                "apiVersion": "v1",
                "groups": [_group(each) for each in groups],
            },
            "/openapi/v3": lambda: {"paths": {_folder(each)[1:]: _schema_link(each) for each in versions}},
        }
        for version in versions:
            of_version = [each for each in self.resources if each.api_version == version]
            answers[_folder(version)] = lambda of_version=of_version: _resource_list(of_version)
            answers["/openapi/v3" + _folder(version)] = lambda of_version=of_version: _schema(of_version)
        return answers[path]() if path in answers else None

    def list_below(self, path: str) -> dict | None:
        """The objects in a collection, None when `path` is none."""
        if path.rpartition("/")[2] not in {resource.plural for resource in self.resources}:
            return None
        items = [found for where, found in self.objects.items() if where.rpartition("/")[0] == path]
        return {"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}

    def write(self, path: str, manifest: dict, *, dry: bool) -> tuple[int, dict]:
        """Status and answer to putting an object at `path`."""
        old = self.objects.get(path)
        if texts := manifest.pop("stringData", None):
            encoded = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
            manifest["data"] = (manifest.get("data") or {}) | encoded
        if old and (wrong := changed_where_forbidden(old, manifest)):
            return 422, _refusal(422, "Invalid", f"{manifest['kind']}: field is immutable: {', '.join(wrong)}")
        if not dry:
            self.objects[path] = manifest
        return 200 if old else 201, manifest


class _Handler(BaseHTTPRequestHandler):
    """HTTP around an ApiServer, which a subclass names."""

    api: ApiServer
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer goes out in one piece: in two, each would wait for an acknowledgement

    def log_message(self, *_arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        found = self.api.discovery(path) or self.api.objects.get(path) or self.api.list_below(path)
        self._answer(*((200, found) if found else (404, _refusal(404, "NotFound", f"{path} not found"))))

    def do_PATCH(self) -> None:
        self._write(urlsplit(self.path).path, self._body())

    do_PUT = do_PATCH

    def do_POST(self) -> None:
        manifest = self._body()
        self._write(f"{urlsplit(self.path).path}/{manifest['metadata']['name']}", manifest)

    def do_DELETE(self) -> None:
        self._body()
        gone = self.api.objects.pop(urlsplit(self.path).path, None)
        self._answer(*((200, gone) if gone else (404, _refusal(404, "NotFound", "not found"))))

    def _write(self, path: str, manifest: dict) -> None:
        dry = "dryRun" in parse_qs(urlsplit(self.path).query)
        self._answer(*self.api.write(path, manifest, dry=dry))

    def _body(self) -> dict:
        return yaml.safe_load(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")

    def _answer(self, status: int, body: dict) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)


def _folder(api_version: str) -> str:
    return ("/apis/" if "/" in api_version else "/api/") + api_version


def _refusal(code: int, reason: str, message: str) -> dict:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure"}
    return status | {"code": code, "reason": reason, "message": message}


def _version(version: str) -> dict:
    major, minor = version.split(".")
    return {"major": major, "minor": minor, "gitVersion": f"v{version}.0"}


def _group(api_version: str) -> dict:
    name, version = api_version.split("/")
    entry = {"groupVersion": api_version, "version": version}
    return {"name": name, "versions": [entry], "preferredVersion": entry}


def _resource_list(resources: list[Resource]) -> dict:
    verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": resources[0].api_version,
        "resources": [
            {
                "name": each.plural,
                "singularName": "",
                "namespaced": each.namespaced,
                "kind": each.kind,
                "verbs": verbs,
            }
            for each in resources
        ],
    }


def _schema_link(api_version: str) -> dict:
    return {"serverRelativeURL": f"/openapi/v3{_folder(api_version)}?hash=1"}


def _schema(resources: list[Resource]) -> dict:
    """Says of each kind that the server validates it, so that Helm asks for no schemas."""
    paths = {}
    for each in resources:
        group, _, version = each.api_version.rpartition("/")
        paths[f"{each.folder}/{each.plural}/{{name}}"] = {
            "patch": {
                "parameters": [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}],
                "x-kubernetes-action": "patch",
                "x-kubernetes-group-version-kind": {"group": group, "version": version, "kind": each.kind},
                "responses": {},
            }
        }
    return {"openapi": "3.0.0", "info": {"title": "memory", "version": "1"}, "paths": paths}
