"""The model policy: which backends there are, and which names stand for which models of theirs, in order.

It comes from a file (policy_file.py) or, without one, from the list of VIVA_LLM_BACKENDS.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from viva_llm.backend_list import BackendSpec, check_url
from viva_llm.discovery.target import Target

WHOLE_LIST = "viva"
"""The model name that has always meant "whatever answers here"; it stands for the default alias."""
DEFAULT = "default"
EXTRACTIVE = "extractive"
"""A backend that needs no entry of its own: there is only one way to have it."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
Alias = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Url = Annotated[str, AfterValidator(lambda url: check_url(url, url))]
Urls = Annotated[tuple[Url, ...], BeforeValidator(lambda given: (given,) if isinstance(given, str) else given)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KubernetesSource(_Strict):
    """Model servers of a Kubernetes cluster: the fields of discovery.target.Target, which says what they mean."""

    service: str = ""
    selector: str = Field("", max_length=1024)
    objects: str = "pods"
    port: str | int = "http"
    namespace: str | None = None
    path: str = "/v1"

    @model_validator(mode="after")
    def _is_a_target(self) -> "KubernetesSource":
        self.target()
        return self

    def target(self) -> Target:
        """What the discovery takes."""
        return Target(**self.model_dump())


class BackendPolicy(_Strict):
    """One backend: one way to find its replicas, all of which serve the same models."""

    kind: Literal["openai", "extractive", "fake"] = "openai"
    serves: Literal["chat", "embeddings"] = "chat"
    url: Urls = ()
    dns: Url | None = None
    kubernetes: KubernetesSource | None = None

    @model_validator(mode="after")
    def _has_one_source(self) -> "BackendPolicy":
        given = [name for name in ("url", "dns", "kubernetes") if getattr(self, name)]
        if self.kind != "openai" and given:
            raise ValueError(f"{self.kind} backends have no {given[0]}")
        if self.kind != "openai" and self.serves != "chat":
            raise ValueError(f"{self.kind} backends make no embeddings")
        if self.kind == "openai" and len(given) != 1:
            raise ValueError("say where it is, with one of url, dns, kubernetes")
        if self.dns and not self.dns.startswith("http://"):
            raise ValueError("dns must begin with http://, since no certificate is for the addresses behind a name")
        return self


class RoutePolicy(_Strict):
    """One step of an alias: a model of a backend, and how long it may take. None leaves it to the settings."""

    backend: Name
    model: str = Field("", max_length=512)
    first_token_s: Seconds | None = None
    chunk_s: Seconds | None = None


class Policy(_Strict):
    """Backends by name, and for each alias its routes in the order in which they are tried."""

    backends: dict[Name, BackendPolicy] = {}
    aliases: dict[Alias, Annotated[tuple[RoutePolicy, ...], Field(min_length=1)]] = Field(min_length=1)

    @property
    def default(self) -> str:
        """The alias for requests that name no model: `default`, else the first of the file."""
        return DEFAULT if DEFAULT in self.aliases else next(iter(self.aliases))

    def backend(self, name: str) -> BackendPolicy | None:
        """The backend of that name, None when there is none."""
        return self.backends.get(name) or (BackendPolicy(kind=EXTRACTIVE) if name == EXTRACTIVE else None)

    def used(self) -> dict[str, BackendPolicy]:
        """Every backend that some route leads to, in the order of the routes; a mapping by name.

        One without a route is left alone: an alias may be put aside for a while without taking its servers out.
        """
        names = dict.fromkeys(route.backend for routes in self.aliases.values() for route in routes)
        return {name: self.backend(name) for name in names}


def policy_of(specs: tuple[BackendSpec, ...]) -> Policy:
    """The policy that a list of backends stands for: one alias that tries them in order."""
    return Policy(
        backends={spec.name: BackendPolicy(kind=spec.kind, url=(spec.url,) if spec.url else ()) for spec in specs},
        aliases={DEFAULT: tuple(RoutePolicy(backend=spec.name, model=spec.model) for spec in specs)},
    )


Problem = tuple[tuple[str | int, ...], str]
"""Where in the policy, and what is wrong there."""


def problems_of(policy: Policy) -> Iterator[Problem]:
    """What does not fit together, though each part is right by itself."""
    for alias, routes in policy.aliases.items():
        if alias == WHOLE_LIST:
            yield ("aliases", alias), f"the name {WHOLE_LIST!r} always stands for the default alias; choose another"
        seen = set()
        for number, route in enumerate(routes):
            where = ("aliases", alias, number)
            backend = policy.backend(route.backend)
            if backend is None:
                known = ", ".join(sorted({*policy.backends, EXTRACTIVE}))
                yield (*where, "backend"), f"there is no backend {route.backend!r}; there are {known}"
            elif backend.kind != "openai" and route.model:
                yield (*where, "model"), f"{backend.kind} backends have no models to choose from"
            if (route.backend, route.model) in seen:
                yield where, "the same model of the same backend stands here twice"
            seen.add((route.backend, route.model))
