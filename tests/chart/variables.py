"""A container's environment as the kubelet makes it: image, ConfigMaps, Secrets, $(REFERENCES), limits."""

import base64
import json
import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from .chart import ROOT
from .manifests import Rendered
from .pods import Pod

_MADE_UP = {"url": "redis://made-up:6379/0", "address": "redis://made-up:6379/0"}


@dataclass(frozen=True)
class Surroundings:
    """What references are looked up in. `made_up`: what values name as existing has some value of its kind."""

    rendered: Rendered
    made_up: bool = False

    def value(self, kind: str, name: str, key: str) -> str:
        """The value of a key; raises KeyError for a ConfigMap or Secret that is not there."""
        found = self.rendered.find(kind, name)
        if found is None:
            if self.made_up:
                return _MADE_UP.get(key, "made-up")
            raise KeyError(f"{kind} {name}")
        return self.data(found)[key]

    @staticmethod
    def data(manifest: Mapping) -> dict[str, str]:
        """The content of a ConfigMap or Secret."""
        data = dict(manifest.get("data") or {})
        if manifest["kind"] == "Secret":
            data = {key: base64.b64decode(value).decode() for key, value in data.items()}
        return data | (manifest.get("stringData") or {})


def environment(pod: Pod, container: Mapping, surroundings: Surroundings) -> dict[str, str]:
    """The variables of a container, its image's own first."""
    environ = image_environment(pod.component)
    for source in container.get("envFrom") or []:
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if field in source and (found := surroundings.rendered.find(kind, source[field]["name"])):
                prefix = source.get("prefix", "")
                environ |= {prefix + key: value for key, value in Surroundings.data(found).items()}
    for variable in container.get("env") or []:
        environ[variable["name"]] = _value(variable, container, surroundings, environ)
    return environ


def _value(variable: Mapping, container: Mapping, surroundings: Surroundings, before: Mapping[str, str]) -> str:
    source = variable.get("valueFrom") or {}
    for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        if field in source:
            return surroundings.value(kind, source[field]["name"], source[field]["key"])
    if "resourceFieldRef" in source:
        kind, name = source["resourceFieldRef"]["resource"].split(".")
        return str(math.ceil(float(container["resources"][kind][name])))  # whole units, rounded up
    if source:
        raise NotImplementedError(f"{variable['name']}: {source}")
    return expand(variable.get("value", ""), before)


def file_of(pod: Pod, path: str, surroundings: Surroundings) -> str:
    """What stands in a file that a ConfigMap or Secret puts into the pod; raises KeyError for one that none does."""
    for mount in pod.main.get("volumeMounts") or []:
        folder, _, name = path.rpartition("/")
        volume = pod.volumes[mount["name"]]
        for field, kind, named in (("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName")):
            if mount["mountPath"].rstrip("/") == folder and field in volume:
                return surroundings.value(kind, volume[field][named], name)
    raise KeyError(path)


def expand(text: str, environ: Mapping[str, str]) -> str:
    """$(NAME) becomes the variable's value, stays as it is where there is none, and $$(NAME) is how to write it."""

    def replaced(found: re.Match[str]) -> str:
        if found[0].startswith("$$"):
            return found[0][1:]
        return environ.get(found[1], found[0])

    return re.sub(r"\$?\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)", replaced, text)


def dockerfile(service: str) -> str:
    """The last stage of an image's Dockerfile, lines joined."""
    text = (ROOT / "services" / service / "Dockerfile").read_text()
    return "FROM " + text.rpartition("\nFROM ")[2].replace("\\\n", " ")


def image_environment(component: str) -> dict[str, str]:
    """The ENV lines of a service's image, without its PATH; {} for images that are not ours."""
    if not (ROOT / "services" / component / "Dockerfile").exists():
        return {}
    words = [
        word for line in re.findall(r"^ENV (.*)$", dockerfile(component), re.MULTILINE) for word in shlex.split(line)
    ]
    pairs = (word.split("=", 1) for word in words)
    return {name: value for name, value in pairs if name != "PATH"}


def entry_point(component: str) -> list[str]:
    """The ENTRYPOINT of a service's image."""
    return json.loads(re.findall(r"^ENTRYPOINT (\[.*\])$", dockerfile(component), re.MULTILINE)[-1])


def working_folder(component: str) -> str:
    """The WORKDIR of a service's image; / where it sets none."""
    return (re.findall(r"^WORKDIR (\S+)$", dockerfile(component), re.MULTILINE) or ["/"])[-1]
