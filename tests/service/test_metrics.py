"""The page of metrics, and labels whose values somebody else chooses."""

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from viva.service.metrics import BoundedLabel, ServiceMetrics


@pytest.mark.parametrize(
    ("accept", "content_type", "parse"),
    [
        ("", "text/plain", plain),
        ("text/html,*/*;q=0.8", "text/plain", plain),
        ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", "application/openmetrics-text", openmetrics),
    ],
)
def test_the_page_comes_as_it_is_asked_for(accept, content_type, parse):
    """OpenMetrics for a scraper that takes it, Prometheus' text for everybody else; the names are the same."""
    metrics = ServiceMetrics()
    metrics.shed.labels("requests").inc(3)
    body, said = metrics.render(accept)
    assert said.startswith(content_type)
    samples = [sample for family in parse(body.decode()) for sample in family.samples]
    assert [s.value for s in samples if s.name == "viva_requests_shed_total"] == [3]


def test_a_label_from_elsewhere_has_an_end():
    """The first values are kept for good, whatever comes later is one value, and so is what is no name at all."""
    label = BoundedLabel(most=2)
    assert [label("one"), label("two"), label("three"), label("one"), label("four")] == [
        "one",
        "two",
        "other",
        "one",
        "other",
    ]
    assert BoundedLabel()("x" * 500) == "other"
