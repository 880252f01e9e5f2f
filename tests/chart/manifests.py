"""Rendered manifests: parsed strictly, and found by kind and name."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import yaml

from .pods import Pod, pod_of

Manifest = dict


class DuplicateKey(ValueError):
    """A mapping names a key twice; a YAML parser would silently keep the last."""


class _StrictLoader(yaml.CSafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise DuplicateKey(f"{key!r} twice, {key_node.start_mark}")
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def parse(text: str) -> Iterator[Manifest]:
    """The objects in a YAML text; raises DuplicateKey."""
    for document in yaml.load_all(text, Loader=_StrictLoader):
        if document is not None:
            yield document


@dataclass(frozen=True)
class Rendered:
    """All that a release consists of."""

    texts: Mapping[str, str]
    """Path of the template in the chart and what came of it."""
    sources: tuple[tuple[str, Manifest], ...]
    """Each object with the template that it comes from."""

    @classmethod
    def of(cls, texts: Mapping[str, str]) -> "Rendered":
        """Parses what Helm rendered; NOTES.txt is no manifest."""
        sources = tuple(
            (path, manifest)
            for path, text in sorted(texts.items())
            if path.endswith((".yaml", ".yml"))
            for manifest in parse(text)
        )
        return cls(texts, sources)

    @property
    def objects(self) -> list[Manifest]:
        return [manifest for _, manifest in self.sources]

    @property
    def notes(self) -> str:
        """What Helm prints after an install."""
        return next(text for path, text in self.texts.items() if path.endswith("NOTES.txt"))

    @cached_property
    def pods(self) -> list[Pod]:
        """Every pod that some object makes, one per object, the test's hook included."""
        return [pod for manifest in self.objects if (pod := pod_of(manifest)) is not None]

    def kind(self, kind: str) -> list[Manifest]:
        return [manifest for manifest in self.objects if manifest["kind"] == kind]

    def find(self, kind: str, name: str) -> Manifest | None:
        return next((found for found in self.kind(kind) if found["metadata"]["name"] == name), None)

    def component(self, kind: str, component: str) -> list[Manifest]:
        """Objects of a kind that carry the component's label."""
        return [
            manifest
            for manifest in self.kind(kind)
            if manifest["metadata"].get("labels", {}).get("app.kubernetes.io/component") == component
        ]


def name_of(manifest: Manifest) -> str:
    """Kind and name, for messages."""
    return f"{manifest['kind']}/{manifest['metadata']['name']}"
