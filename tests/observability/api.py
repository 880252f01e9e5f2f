"""What the tests ask Prometheus and the Alertmanager."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

PATIENCE_S = 90.0


class Prometheus:
    """The HTTP API of one server."""

    def __init__(self, url: str) -> None:
        self.url = url

    def series(self, expression: str) -> list[dict[str, Any]]:
        """The instant vector; raises AssertionError with Prometheus' own words for what is no query."""
        return self._get("query", query=expression)["result"]

    def range(self, expression: str, start: float, end: float, step_s: float) -> list[dict[str, Any]]:
        """The series over a time, in Unix seconds."""
        return self._get("query_range", query=expression, start=start, end=end, step=step_s)["result"]

    def exemplars(self, expression: str) -> list[dict[str, Any]]:
        """The exemplars of the last hour."""
        now = time.time()
        return self._get("query_exemplars", query=expression, start=now - 3600, end=now)

    def label_values(self, metric: str, label: str) -> list[str]:
        """As Grafana's label_values does."""
        return self._get(f"label/{label}/values", **{"match[]": metric})

    def targets(self) -> dict[str, str]:
        """The health of each target by its pod, or its job where it has none."""
        active = self._get("targets", state="active")["activeTargets"]
        return {each["labels"].get("pod", each["labels"]["job"]): each["health"] for each in active}

    def rules(self) -> dict[str, str]:
        """The health of each rule by its group, its place in it, and its name."""
        groups = self._get("rules")["groups"]
        return {
            f"{group['name']} {at} {rule['name']}": rule["health"]
            for group in groups
            for at, rule in enumerate(group["rules"])
        }

    def wait_for_scrape(self) -> None:
        """Returns when every target has been looked at once more, and once more after that."""
        now = time.time()
        wait_for("two more scrapes", lambda: self.series(f"min(min_over_time(timestamp(up)[5s:1s])) > {now}"))

    def _get(self, path: str, **parameters: Any) -> Any:
        reply = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=30, trust_env=False).json()
        assert reply["status"] == "success", f"{parameters}: {reply.get('error')}"
        return reply["data"]


def wait_for(what: str, happened: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """What `happened` gives once it is true; fails the test when it takes too long."""
    deadline = time.monotonic() + patience_s
    while not (found := happened()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {patience_s:.0f} s: {what}")
        time.sleep(0.2)
    return found
