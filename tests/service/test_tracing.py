"""Traces: off at no cost, sent where an address is set, and never in the way of the work."""

import asyncio
import subprocess
import sys

import pytest

from viva.service.metrics import ServiceMetrics
from viva.service.requests import RequestMiddleware
from viva.service.settings import ServiceSettings
from viva.service.tracing import NO_TRACER, NOT_TRACED, current_span, trace_headers, tracer_of
from viva_orchestrator.app import create_app
from viva_orchestrator.settings import Settings

from ..stack.collector import Collector

PATIENCE_S = 60.0
NOBODY = "http://127.0.0.1:9"  # the port of `discard`, on which nothing listens


def metric(metrics: ServiceMetrics, outcome: str) -> float:
    return metrics.registry.get_sample_value("viva_spans_total", {"outcome": outcome})


def told_to_sample(headers: dict[str, str]) -> bool:
    """What the flags of the context say to the service that gets it."""
    return bool(int(headers["traceparent"].rpartition("-")[2], 16) & 1)


@pytest.mark.parametrize(("endpoint", "imported"), [("", False), (NOBODY, True)])
def test_the_sdk_is_imported_only_where_traces_are_sent(endpoint, imported):
    """Whoever sends none pays for none: neither at the start nor in memory."""
    program = f"""
import sys
from viva_tts.app import create_app
from viva_tts.settings import TTSSettings
create_app(TTSSettings(engine="fake", otlp_endpoint={endpoint!r}))
print("opentelemetry.sdk" in sys.modules, "opentelemetry.exporter.otlp.proto.http" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(imported)] * 2


def test_without_an_address_nothing_is_traced():
    """Every span is the same one, which does nothing and passes nothing on."""
    assert tracer_of("viva-asr", ServiceSettings()) is NO_TRACER
    span = NO_TRACER.begin("turn", transport="sse")
    with span.stage("asr", kind="interactive") as inner:
        inner.event("first_byte")
        inner.set(audio_s=1.0)
    assert span is inner is current_span() is NOT_TRACED
    assert trace_headers() == {}
    assert span.ids is None


@pytest.mark.parametrize("variable", ["otlp_endpoint", "otel_exporter_otlp_endpoint"])
async def test_spans_are_sent_to_the_address(variable, monkeypatch):
    """By our variable or by OpenTelemetry's own; with their parents, attributes, events and errors."""
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)  # the exporter reads its own by itself
        tracer = tracer_of("viva-asr", ServiceSettings(**{variable: collector.url}))
        metrics = ServiceMetrics(tracer)
        tracer.start(metrics)
        with tracer.begin("turn") as root:
            with root.stage("asr", audio_s=2.5) as hearing:
                assert trace_headers()["traceparent"].startswith(f"00-{hearing.ids[0]}-{hearing.ids[1]}-")
                assert told_to_sample(trace_headers())
                hearing.event("first_word")
            with pytest.raises(LookupError), root.stage("llm"):
                raise LookupError("a sentence that nobody should read")
            assert current_span() is root
        assert current_span() is NOT_TRACED
        await tracer.close()
        spans = {span.name: span for span in collector.wait_for(lambda spans: len(spans) == 3)}
    assert spans["asr"].parent_id == spans["llm"].parent_id == spans["turn"].span_id
    assert spans["asr"].attributes == {"viva.audio_s": 2.5}
    assert [event.name for event in spans["asr"].events] == ["first_word"]
    assert (spans["llm"].failed, spans["asr"].failed) == (True, False)
    assert {span.service for span in spans.values()} == {"viva-asr"}
    assert metric(metrics, "exported") == 3


async def test_a_histogram_leads_to_the_span_in_which_it_was_observed():
    """Its newest value has an exemplar; one that was observed outside of any has none."""
    tracer = tracer_of("viva-asr", ServiceSettings(otlp_endpoint=NOBODY))
    metrics = ServiceMetrics(tracer)
    seconds = metrics.histogram("viva_thing_seconds", "Of a test")
    seconds.observe(0.2)
    with tracer.begin("turn") as span:
        seconds.observe(5.0)
    page = metrics.render("application/openmetrics-text")[0].decode()
    (line,) = [line for line in page.splitlines() if line.startswith("viva_thing_seconds_bucket") and "# {" in line]
    assert 'le="5.0"' in line
    assert f'trace_id="{span.ids[0]}"' in line


async def test_a_collector_that_is_away_is_in_nobodys_way():
    """Spans beyond the bounded queue are dropped and counted, and a stop does not wait for it for long."""
    tracer = tracer_of("viva-asr", ServiceSettings(otlp_endpoint=NOBODY))
    metrics = ServiceMetrics(tracer)
    tracer.start(metrics)
    for _ in range(10_000):
        tracer.begin("turn").end()
    # At most a queue and the batches that the thread took meanwhile are not dropped.
    assert metric(metrics, "dropped") > 10_000 - 4096 - 2048
    assert metric(metrics, "exported") == 0
    async with asyncio.timeout(PATIENCE_S):
        await tracer.close()


async def test_spans_that_a_collector_refuses_are_counted():
    """They are lost, and the metric says so."""
    with Collector() as collector:
        collector.status = 400
        tracer = tracer_of("viva-asr", ServiceSettings(otlp_endpoint=collector.url))
        metrics = ServiceMetrics(tracer)
        tracer.start(metrics)
        tracer.begin("turn").end()
        await tracer.close()
        async with asyncio.timeout(PATIENCE_S):
            while not metric(metrics, "failed"):  # noqa: ASYNC110 - a thread of the SDK counts them
                await asyncio.sleep(0.02)
    assert metric(metrics, "failed") == 1


async def test_a_trace_that_is_left_out_is_left_out_as_a_whole(monkeypatch):
    """The sampler decides at the root; its parts, the services that are asked and the exemplars follow."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")
    tracer = tracer_of("viva-asr", ServiceSettings(otlp_endpoint=NOBODY))
    with tracer.begin("turn") as root, root.stage("asr") as part:
        assert part.ids is root.ids is None
        assert not told_to_sample(trace_headers())


CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def request(method: str, traceparent: str | None) -> dict:
    """What a tracer is told of a request."""
    headers = [(b"traceparent", traceparent.encode())] if traceparent else []
    return {"type": "http", "method": method, "headers": headers}


@pytest.mark.parametrize(
    ("continues_only", "method", "traceparent", "traced"),
    [
        (False, "POST", None, True),
        (False, "GET", None, False),
        (False, "GET", CALLER, True),
        (False, "GET", "nonsense", False),
        (True, "POST", None, False),
        (True, "POST", "nonsense", False),
        (True, "POST", CALLER, True),
    ],
)
async def test_which_requests_are_traced(continues_only, method, traceparent, traced):
    """Those that bring a context are a part of it; of the others those that make a stage work."""
    tracer = tracer_of("viva-asr", ServiceSettings(otlp_endpoint=NOBODY), continues_only=continues_only)
    span = tracer.request(request(method, traceparent))
    assert (span is not NOT_TRACED) is traced
    if traced and traceparent:
        assert span.ids[0] == "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(("trusted", "share", "sampled"), [(True, "0", True), (False, "0", False), (False, "1", True)])
async def test_a_stranger_does_not_decide_what_is_sampled(monkeypatch, trusted, share, sampled):
    """The share of the traces holds for requests from the open internet, whatever their callers ask for."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", share)
    settings = ServiceSettings(otlp_endpoint=NOBODY)
    tracer = tracer_of("viva-orchestrator", settings, continues_only=True, trusts_callers=trusted)
    with tracer.request(request("POST", CALLER)):
        assert told_to_sample(trace_headers()) is sampled
        assert (CALLER[3:35] in trace_headers()["traceparent"]) is trusted


@pytest.mark.parametrize(
    ("method", "traceparent", "traced"),
    [("GET", CALLER, False), ("POST", "nonsense", False), ("POST", None, False), ("POST", CALLER, True)],
)
async def test_the_trace_of_a_stranger_is_linked(method, traceparent, traced):
    """From a request's own trace the caller's is found; a mere look has none for all that."""
    with Collector() as collector:
        settings = ServiceSettings(otlp_endpoint=collector.url)
        tracer = tracer_of("viva-orchestrator", settings, continues_only=True, trusts_callers=False)
        tracer.start(ServiceMetrics(tracer))
        with tracer.request(request(method, traceparent)) as span:
            assert (span is not NOT_TRACED) is traced
        await tracer.close()
        if traced:
            (seen,) = collector.wait_for(lambda spans: len(spans) == 1)
            assert seen.parent_id == ""
            assert seen.trace_id == span.ids[0] != CALLER[3:35]
            assert seen.links == ((CALLER[3:35], CALLER[36:52]),)


@pytest.mark.parametrize("trusted", [False, True])
async def test_the_orchestrator_takes_everybody_for_a_stranger(trusted):
    """Unless a setting says that its callers are not."""
    app = create_app(Settings(otlp_endpoint=NOBODY, trace_trust_callers=trusted))
    (tracer,) = [part.kwargs["tracer"] for part in app.user_middleware if part.cls is RequestMiddleware]
    assert (tracer.request(request("POST", CALLER)).ids[0] == CALLER[3:35]) is trusted
