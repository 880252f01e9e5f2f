"""What the Kubernetes API is asked for: the endpoints of a Service, or whatever has some labels."""

import re
from dataclasses import dataclass

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
SERVICE_LABEL = "kubernetes.io/service-name"
"""The label by which an EndpointSlice says whose it is."""


@dataclass(frozen=True, slots=True)
class Target:
    """Exactly one of `service` and `selector` is given. Raises ValueError with a sentence for what cannot be."""

    service: str = ""
    """Name of a Service: its EndpointSlices are read."""
    selector: str = ""
    """A label selector as kubectl takes it, like "app=vllm,tier!=test"."""
    objects: str = "pods"
    """What the selector is for: pods or endpointslices."""
    port: str | int = "http"
    """Name of the port (in slices as the Service calls it, in pods as their containers do), or its number."""
    namespace: str | None = None
    """None for that of this pod."""
    path: str = "/v1"
    """What follows the port in every address, up to where /chat/completions begins."""

    def __post_init__(self) -> None:
        if bool(self.service) == bool(self.selector):
            raise ValueError("name a service or a selector, one of the two")
        if self.objects not in ("pods", "endpointslices"):
            raise ValueError(f"a selector is for pods or for endpointslices, not for {self.objects!r}")
        if self.service and not _NAME.fullmatch(self.service):
            raise ValueError(f"{self.service!r} is no name of a Service")
        if self.namespace and not _NAME.fullmatch(self.namespace):
            raise ValueError(f"{self.namespace!r} is no name of a namespace")
        if isinstance(self.port, int) and not 0 < self.port < 65536:
            raise ValueError(f"{self.port} is no port")
        if self.path and not self.path.startswith("/"):
            raise ValueError(f"the path {self.path!r} has to begin with a slash")

    @property
    def resource(self) -> str:
        """The kind of object, as a Role names it."""
        return "endpointslices" if self.service else self.objects

    @property
    def label_selector(self) -> str:
        """As the request has it."""
        return f"{SERVICE_LABEL}={self.service}" if self.service else self.selector

    def __str__(self) -> str:
        return f"Service {self.service}" if self.service else f"{self.objects} with {self.selector}"

    def url(self, host: str, port: int) -> str:
        """The base URL of one replica; an IPv6 address gets its brackets."""
        return f"http://{f'[{host}]' if ':' in host else host}:{port}{self.path.rstrip('/')}"
