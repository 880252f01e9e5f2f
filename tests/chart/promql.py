"""The metrics and labels that a PromQL expression asks for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import promql_parser


@dataclass(frozen=True)
class Asked:
    """A metric, and the labels that its selector compares."""

    metric: str
    labels: frozenset[str]


def metrics_of(expression: str) -> Iterator[Asked]:
    """Every selector in an expression; raises ValueError if it is no PromQL. Grafana's variables may stand in it."""
    plain = re.sub(r"\$\{?__(rate_)?interval\}?", "5m", expression)
    found: list[promql_parser.VectorSelector] = []

    def visit(part: promql_parser.Expr) -> None:
        if isinstance(part, promql_parser.VectorSelector):
            found.append(part)

    promql_parser.walk(promql_parser.parse(plain), visit)
    for selector in found:
        matchers = selector.matchers.matchers
        labels = frozenset(matcher.name for matcher in matchers if matcher.name != "__name__")
        named = [matcher.value for matcher in matchers if matcher.name == "__name__"]
        for name in [selector.name] if selector.name else _alternatives(named[0]):
            yield Asked(name, labels)


def _alternatives(pattern: str) -> list[str]:
    """The names that ^prefix_(one|other)$ means."""
    prefix, _, rest = pattern.strip("^$").partition("(")
    return [prefix + each for each in rest.rstrip(")").split("|")] if rest else [prefix]


def label_names_grouped_by(expression: str) -> set[str]:
    """The labels of its `by` clauses."""
    clauses = re.findall(r"\bby\s*\(([^)]*)\)", expression)
    return {label.strip() for clause in clauses for label in clause.split(",") if label.strip()}
