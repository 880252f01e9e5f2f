"""docs/routing.md says what the router does."""

import re
from pathlib import Path

from viva.service.metrics import ServiceMetrics
from viva_llm.health import Health
from viva_llm.metrics import LLMMetrics
from viva_llm.policy_file import parse_policy
from viva_llm.policy_watch import first_policy
from viva_llm.replica_metrics import ReplicaMetrics
from viva_llm.router import Router
from viva_llm.settings import LLMSettings

DOCUMENT = (Path(__file__).parents[3] / "docs" / "routing.md").read_text()


def test_example_is_a_policy():
    """The file of the document can be used as it stands."""
    (example,) = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
    policy = parse_policy(example.encode(), "routes.yaml")
    assert policy.default == "fast"
    assert list(policy.used()) == ["llama", "spare", "extractive", "qwen"]


def test_metrics_that_are_named_exist():
    """Every metric of the document is one of the service's."""
    metrics = ServiceMetrics()
    LLMMetrics(metrics)
    policy, _why = first_policy(LLMSettings(backends="fake"))
    metrics.registry.register(ReplicaMetrics(Router(policy, LLMSettings(backends="fake"))))
    page = metrics.render()[0].decode()
    named = set(re.findall(r"viva_llm_[a-z_]+", DOCUMENT))
    assert len(named) >= 9
    assert {name for name in named if f"# TYPE {name.removesuffix('_total')}" not in page} == set()


def test_states_that_are_named_exist():
    """The states of a replica are those of the document."""
    assert Health(1).state in DOCUMENT
    for state in ("up", "half_open", "ejected", "unreachable"):
        assert f"`{state}`" in DOCUMENT


def test_defaults_that_are_named_are_the_settings():
    """The numbers in the text are the defaults."""
    used = LLMSettings()
    assert (used.sticky_requests, used.load_factor, used.eject_after, used.rest_s, used.retry_share) == (
        8,
        1.25,
        3,
        10,
        0.2,
    )
    assert (used.load_interval_s, used.reload_interval_s, used.probe_interval_s) == (1, 2, 5)
