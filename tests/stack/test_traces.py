"""Receipts, metrics, traces and logs of the same turns: four services, one story."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from viva.stack.plan import Place, plan
from viva.stack.ports import free_ports
from viva.stack.stack import Stack

from .collector import Collector, SeenSpan
from .conftest import START_S, Spoken, clean_environment
from .traced import ENVIRONMENT, SERVICES, Asked

# What two clocks in one process may differ by, in ms. A busy machine adds to that now and then, and never takes away:
# of several turns the one that agrees best is looked at.
TOLERANCE_MS = 10.0
STAGES = ("asr", "recall", "llm_first_token", "first_sentence", "tts_first_audio")


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, spoken: Spoken) -> Iterator[Asked]:
    """Turns of every kind, on a stack whose spans go to a collector here."""
    folder: Path = tmp_path_factory.mktemp("traced")
    place = Place(folder, free_ports(1)[0])
    with Collector() as collector:
        environ = clean_environment() | ENVIRONMENT | {"VIVA_OTLP_ENDPOINT": collector.url}
        with Stack(plan(place, environ), place.logs) as stack:
            stack.start(START_S)
            asked = Asked(stack, collector)
            asked.upload(spoken.question)
            for _ in range(3):
                asked.ask("/invoke", spoken.question)
            asked.ask("/chat", spoken.question)
            asked.ask("/invoke", None)
            asyncio.run(asked.talk(spoken.question))
            asked.refused()
            asked.settle()
            yield asked


def spoken_turns(asked: Asked) -> Iterator[tuple[dict, list[SeenSpan]]]:
    """The receipts of the first three turns, each with its trace."""
    for receipt, turn_id in zip(asked.receipts["json_lines"][:3], asked.turns[:3], strict=True):
        yield receipt, asked.turn(turn_id)


def named(spans: list[SeenSpan], name: str) -> SeenSpan:
    """The first of the orchestrator's spans with this name."""
    return min(
        (span for span in spans if span.name == name and span.service == "viva-orchestrator"),
        key=lambda span: span.start_ns,
    )


def test_one_turn_is_one_trace_across_four_services(asked):
    """The root is the turn, and every other span hangs on one that is there, whichever service it is of."""
    for turn_id in asked.turns[:4]:
        root, *rest = asked.turn(turn_id)
        assert (root.name, root.service, root.parent_id) == ("turn", "viva-orchestrator", "")
        assert {span.service for span in rest} == {f"viva-{service}" for service in SERVICES}
        known = {root.span_id} | {span.span_id for span in rest}
        assert {span.parent_id for span in rest} <= known
        ours = [span.name for span in rest if span.service == "viva-orchestrator"]
        assert {"asr", "recall", "llm", "tts", "commit"} == set(ours)
        assert len(rest) < 30, "no span for a token"
        parents = {span.span_id: span.name for span in [root, *rest]}
        served = {(span.service, parents[span.parent_id]) for span in rest if span.name.startswith("POST /v1/")}
        assert served == {("viva-asr", "asr"), ("viva-llm", "llm"), ("viva-tts", "tts")}


def test_a_turn_that_was_spoken_into_a_websocket_is_one_trace_too(asked):
    """Its hearing begins before the response does, in the same trace."""
    root, *rest = asked.turn(asked.turns[-1])
    assert root.attributes["viva.transport"] == "realtime"
    hearing = named(rest, "asr")
    assert hearing.parent_id == root.span_id
    assert {"viva-asr", "viva-llm", "viva-tts"} <= {span.service for span in rest}


def test_the_root_says_what_became_of_the_turn(asked):
    """Transport, outcome, and the ids by which it is looked for."""
    found = {asked.turn(turn_id)[0].attributes["viva.transport"] for turn_id in asked.turns[:4]}
    assert found == {"json_lines", "sse"}
    root = asked.turn(asked.turns[0])[0]
    assert root.attributes["viva.outcome"] == "done"
    assert root.attributes["viva.degraded"] == ""
    assert root.attributes["viva.lecture_id"] == asked.lecture_id
    assert root.attributes["viva.session_id"] in asked.ids


def test_the_trace_and_the_receipt_agree(asked):
    """Each time in the receipt is the length of a span, or when an event happened in one, to within 10 ms."""
    differences: dict[str, list[float]] = {}
    for receipt, (root, *rest) in spoken_turns(asked):
        llm = named(rest, "llm")
        traced = {
            "asr_ms": named(rest, "asr").ms,
            "recall_ms": named(rest, "recall").ms,
            "llm_first_token_ms": llm.event_ms("llm_first_token", since=root),
            "first_sentence_ms": next(
                span.event_ms("first_sentence", since=root)
                for span in (llm, root)
                if any(event.name == "first_sentence" for event in span.events)
            ),
            "tts_first_audio_ms": named(rest, "tts").event_ms("tts_first_audio"),
            "first_audio_ms": root.event_ms("first_audio"),
            "total_ms": root.ms,
        }
        for name, ms in traced.items():
            differences.setdefault(name, []).append(abs(ms - receipt[name]))
    assert {name: min(found) for name, found in differences.items() if min(found) > TOLERANCE_MS} == {}


def test_the_stages_own_spans_lie_within_those_of_the_turn(asked):
    """What a service says of its part is not longer than what was waited for it."""
    for _, (_, *rest) in spoken_turns(asked):
        parents = {span.span_id: span for span in rest}
        for span in rest:
            if span.name in ("POST /v1/audio/transcriptions", "POST /v1/chat/completions"):
                assert span.start_ns >= parents[span.parent_id].start_ns
                assert span.ms < parents[span.parent_id].ms + TOLERANCE_MS


def test_the_metrics_and_the_receipts_agree(asked):
    """The sum of each histogram is the sum of the receipts, to the tenth of a ms to which these are rounded."""
    receipts = [receipt for found in asked.receipts.values() for receipt in found]
    for stage in STAGES:
        found = [receipt[f"{stage}_ms"] for receipt in receipts if receipt[f"{stage}_ms"] is not None]
        # Turns that were refused have recalled, too.
        count = asked.metric("viva_stage_seconds_count", stage=stage)
        assert count == len(found), stage
        assert asked.metric("viva_stage_seconds_sum", stage=stage) * 1000 == pytest.approx(sum(found), abs=0.1 * count)
    for transport, found in asked.receipts.items():
        for name, field in (("viva_turn_seconds", "total_ms"), ("viva_first_audio_seconds", "first_audio_ms")):
            assert asked.metric(f"{name}_count", transport=transport) == len(found)
            total = sum(receipt[field] for receipt in found)
            measured = asked.metric(f"{name}_sum", transport=transport) * 1000
            # The turn is over a moment after its receipt was written.
            assert measured == pytest.approx(total, rel=0.5 if name == "viva_turn_seconds" else 0, abs=0.1 * len(found))
        assert asked.metric("viva_turns_total", transport=transport, outcome="done") == len(found)


def test_speech_in_and_out_is_counted(asked):
    """Seconds of the questions, once for each that was spoken, and of the answers."""
    one = asked.metric("viva_audio_in_seconds_total", transport="sse")
    assert 1 < one < 10
    assert asked.metric("viva_audio_in_seconds_total", transport="json_lines") == pytest.approx(3 * one)
    assert asked.metric("viva_audio_in_seconds_total", transport="realtime") == pytest.approx(one, abs=0.2)
    spoken = asked.metric("viva_audio_out_seconds_total", transport="sse")
    assert spoken > 1
    assert asked.metric("viva_audio_out_seconds_total", transport="json_lines") == pytest.approx(4 * spoken, rel=0.02)
    assert asked.metric("viva_final_transcript_seconds_count", transport="realtime") == 1
    assert asked.metric("viva_final_transcript_seconds_count", transport="json_lines") == 3
    assert asked.metric("viva_llm_tokens_per_second_count", "llm") == len(asked.turns)


def test_the_logs_name_the_trace(asked):
    """By a turn's line its trace is found, and by the trace the lines of the stages that worked for it."""
    for turn_id in asked.turns:
        spans = asked.turn(turn_id)
        (line,) = [line for line in asked.log("orchestrator") if line["event"] == "turn" and line["turn_id"] == turn_id]
        assert (line["trace_id"], line["span_id"]) == (spans[0].trace_id, spans[0].span_id)
        for service in ("llm", "tts") if turn_id in asked.typed else ("asr", "llm", "tts"):
            lines = [line for line in asked.log(service) if line.get("trace_id") == spans[0].trace_id]
            assert any(line["event"] == "request" for line in lines), service
            assert {line["span_id"] for line in lines} <= {span.span_id for span in spans}


def test_exemplars_lead_from_a_histogram_to_a_trace(asked):
    """They are on the OpenMetrics page, which a scraper asks for; the plain one has no place for them."""
    traces = {asked.turn(turn_id)[0].trace_id for turn_id in asked.turns}
    found = [s for s in asked.samples(exemplars=True) if s.name == "viva_first_audio_seconds_bucket" and s.exemplar]
    assert found
    assert {sample.exemplar.labels["trace_id"] for sample in found} <= traces
    assert all(sample.exemplar is None for sample in asked.samples())


def test_a_transcription_is_a_trace(asked):
    """Its pieces are heard by the asr service within it."""
    spans = asked.collector.wait_for(lambda spans: any(span.name == "transcription" for span in spans))
    (root,) = [span for span in spans if span.name == "transcription" and not span.parent_id]
    assert root.attributes["viva.lecture_id"] == asked.lecture_id
    rest = [span for span in asked.spans(root.trace_id) if span is not root]
    assert {"decode", "asr"} <= {span.name for span in rest}
    assert "viva-asr" in {span.service for span in rest}


def test_what_is_only_looked_at_has_no_trace(asked):
    """Probes, scrapes and pages would bury the turns."""
    roots = {span.name for span in asked.collector.spans if not span.parent_id}
    reading_ahead = {"POST /v1/chat/completions", "POST /tokenize"}
    assert roots <= {"turn", "utterance", "transcription"} | reading_ahead


@pytest.mark.parametrize("service", SERVICES)
def test_no_label_has_an_id_in_it(asked, service):
    """Ids are without end, and each value of a label is a series for ever: they are in traces and logs alone."""
    ids = {found for one in asked.ids for found in (one, one.partition("_")[2]) if found}
    ids |= {span.trace_id for span in asked.collector.spans}
    values = {(s.name, value) for s in asked.samples(service) for value in s.labels.values()}
    assert len(values) > 50
    for name, value in values:
        assert not any(found in value for found in ids), (name, value)
        assert not re.search(r"[0-9a-f]{16}|127\.0\.0\.1", value), (name, value)


@pytest.mark.parametrize("service", SERVICES)
def test_every_metric_is_described(asked, service):
    """What a service really shows is what docs/observability.md says that it has."""
    document = (Path(__file__).parents[2] / "docs" / "observability.md").read_text()
    names = {re.sub("_(bucket|count|sum)$", "", s.name) for s in asked.samples(service) if s.name.startswith("viva_")}
    assert len(names) > 5
    assert {name for name in names if f"| `{name}` |" not in document} == set()


@pytest.mark.parametrize("service", SERVICES)
def test_spans_are_counted(asked, service):
    """With a collector that takes them none is lost."""
    assert asked.metric("viva_spans_total", service, outcome="exported") > 0
    assert asked.metric("viva_spans_total", service, outcome="dropped") == 0
