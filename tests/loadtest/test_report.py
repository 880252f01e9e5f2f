"""What rows add up to, what is said of it, and what has to hold."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from loadtest import places
from loadtest.distribution import distribution, thinned
from loadtest.machine import Machine
from loadtest.page import page
from loadtest.places import Total, total
from loadtest.plots import Series, lines, ticks
from loadtest.report import Run, build, judge
from loadtest.results import overload, timeline
from loadtest.scenario import parse

DATA = Path(__file__).parent / "data"
TEXT = """
name = "tried"
seconds = 10
slo_s = 1.0
[arrivals]
mode = "open"
per_s = 2
steps = [1, 3]
[thresholds]
first_audible.p95 = {at_most = 700}
overload.useful_share = {at_least = 0.9}
turns.done_share = {at_least = 0.5}
"""


def row(at_s: float, outcome: str = "done", audible_ms: float | None = 500.0, step: int = 0, **more) -> dict:
    found = {
        "at_s": at_s,
        "transport": "jsonl",
        "step": step,
        "outcome": outcome,
        "first_audible_ms": audible_ms if outcome == "done" else None,
        "first_audio_ms": audible_ms,
        "ended_ms": 900.0 if outcome == "done" else 10.0,
        "gaps_ms": [],
        "code": "overloaded" if outcome == "shed" else None,
        "degraded": None,
        "retry_after_s": 1.0,
        "receipt": {"asr_ms": 100.0, "total_ms": 800.0} if outcome == "done" else {},
        "audio_s": 3.0,
        "audio_bytes": 1000,
        "pieces": 2,
        "tokens": 10,
    }
    return found | more


def run_of(rows: list[dict], steps: list[dict] | None = None) -> Run:
    generator = {"cpu_share": 0.1, "late_p95_ms": 1.0, "errors": []}
    return Run(
        started="2026-01-31T12:00:00Z",
        url="http://127.0.0.1:8080",
        machine=Machine("a processor", 2, 8.0, "Linux", "3.13", 0.1),
        engines={"asr": "fake"},
        rows=rows,
        generator={"generator": generator, "steps": steps or [], "probe": None, "seconds": 24.0},
        places={},
        resources={"asr": {"cpu_s": 2.0, "rss_bytes": 1e6}},
    )


STEPS = [
    {"factor": 1, "per_s": 2, "at_s": 0.0, "until_s": 10.0},
    {"factor": 3, "per_s": 6, "at_s": 15.0, "until_s": 25.0},
]


def stepped() -> Run:
    """Twenty answered, then the same number and as many refused; two came late, two were of the probe."""
    first = [row(n / 2, audible_ms=500 + n) for n in range(20)]
    second = [row(15 + n / 2, audible_ms=600.0, step=1) for n in range(18)]
    late = [row(16.0, audible_ms=1500.0, step=1) for _ in range(2)]
    refused = [row(15 + n / 2, "shed", step=1) for n in range(20)]
    return run_of([row(0, step=-1), row(1, step=-1), *first, *second, *late, *refused], STEPS)


def test_the_report_has_what_others_read() -> None:
    """The fields of the schema, for the whole and for each transport."""
    report = build(stepped(), parse(TEXT, "a.toml"))
    assert report["viva_loadtest"] == 1
    turns = report["turns"]
    assert (turns["asked"], turns["done"], turns["shed"], turns["failed"]) == (60, 40, 20, {})
    assert turns["shed_codes"] == {"overloaded": 20}
    assert report["times_ms"]["asr"]["p50"] == 100.0
    assert report["times_ms"]["shed"]["n"] == 20
    assert report["by_transport"]["jsonl"]["turns"]["asked"] == 60
    assert report["resources"]["asr"] == {"cpu_s_per_turn": round(2 / 42, 5), "rss_bytes": 1_000_000}
    assert report["answers"] == {"audio_s": 3.0, "audio_bytes": 1000.0, "clauses": 2.0, "tokens": 10.0}
    json.dumps(report)


def test_over_capacity_the_last_step_is_compared_with_the_first_and_the_best() -> None:
    """Useful is what was answered within the objective; the rest of the answers helped nobody."""
    report = build(stepped(), parse(TEXT, "a.toml"))
    first, last = report["steps"]
    assert (first["useful_per_s"], last["useful_per_s"], last["asked_per_s"]) == (2.0, 1.8, 4.0)
    assert report["overload"]["useful_share"] == 0.9
    assert report["overload"]["shed_p95_ms"] == 10.0
    assert report["overload"]["p95_ratio"] == pytest.approx(
        last["first_audible"]["p95"] / first["first_audible"]["p95"], abs=0.01
    )
    assert overload(report["steps"][:1]) == {}


def test_thresholds_hold_or_do_not() -> None:
    """Each by its own figure; the run passes when all of them hold."""
    scenario = parse(TEXT, "a.toml")
    report = judge(build(stepped(), scenario), scenario)
    held = {one["name"]: one["ok"] for one in report["thresholds"]}
    assert held == {"first_audible.p95": True, "overload.useful_share": True, "turns.done_share": True}
    assert report["passed"]
    strict = parse(TEXT.replace("at_most = 700", "at_most = 400"), "a.toml")
    report = judge(build(stepped(), strict), strict)
    assert [one["name"] for one in report["thresholds"] if not one["ok"]] == ["first_audible.p95"]
    assert not report["passed"]


def test_a_figure_that_there_is_nothing_for_does_not_hold() -> None:
    """A run in which nobody was answered has no bad times either."""
    scenario = parse(TEXT, "a.toml")
    report = judge(build(run_of([row(1.0, "shed")]), scenario), scenario)
    assert not report["passed"]


def test_cpu_is_that_of_answers() -> None:
    """Refusals do not make an answer look cheap; without any answer nothing is known of what one takes."""
    scenario = parse(TEXT, "a.toml")
    refused = [row(2.0, "shed")] * 98
    few = build(run_of([row(1.0), row(1.0, step=-1), *refused]), scenario)
    assert few["resources"]["asr"]["cpu_s_per_turn"] == 1.0
    none = build(run_of(refused), scenario)
    assert none["resources"]["asr"]["cpu_s_per_turn"] is None
    assert "CPU ms an answer" in page(judge(none, scenario), TEXT)


def test_a_transport_that_nobody_came_over_has_zeros() -> None:
    """Its thresholds can be judged; one without weight is left out."""
    text = TEXT + "realtime.done = {at_least = 1}\nsse.failed = {at_most = 0}\n"
    scenario = parse(text, "a.toml")
    report = judge(build(stepped(), scenario), scenario)
    held = {one["name"]: (one["value"], one["ok"]) for one in report["thresholds"]}
    assert (held["realtime.done"], held["sse.failed"]) == ((0, False), (0, True))
    assert page(report, text)
    only = parse(text.replace("[arrivals]", "[people]\ntransports = {jsonl = 1}\n[arrivals]"), "a.toml")
    assert set(build(stepped(), only)["by_transport"]) == {"jsonl"}


def test_what_was_asked_during_the_warm_up_is_not_counted() -> None:
    """Nor what is of the measurement of the capacity."""
    text = TEXT.replace("steps = [1, 3]", "").replace("slo_s = 1.0", "warm_up_s = 3").partition("[thresholds]")[0]
    assert build(run_of([row(1.0), row(4.0), row(5.0, step=-1)]), parse(text, "a.toml"))["turns"]["asked"] == 1


def test_the_course_of_the_run_is_told_second_by_second() -> None:
    """When it was asked, and when it was answered or refused."""
    found = timeline([row(0.2), row(0.9), row(2.5, "shed")])
    assert [(one["asked"], one["done"], one["shed"]) for one in found] == [(2, 0, 0), (0, 2, 0), (1, 0, 1)]
    assert found[1]["first_audible_p95_ms"] is None


def test_a_distribution_keeps_its_ends_and_its_order() -> None:
    """Percentiles of all values; the thinned sample has the first and the last of them, in the order they came."""
    values = [float(value) for value in range(10_000, 0, -1)]
    found = distribution(values)
    assert (found["n"], found["p50"], found["max"]) == (10_000, 5000.5, 10_000.0)
    assert found["p95"] == pytest.approx(9500, abs=0.1)
    assert len(found["samples"]) == 2000
    assert (found["samples"][0], found["samples"][-1]) == (10_000.0, 1.0)
    assert thinned([3.0, 1.0]) == [3.0, 1.0]
    assert distribution([None])["p95"] is None


def test_the_page_needs_nothing_else() -> None:
    """One file, without a script and without an address to load anything from; what comes from elsewhere is text."""
    report = json.loads((DATA / "report.json").read_text())
    report["engines"]["asr"] = "<script>alert(1)</script>"
    html = page(report, 'about = "<b>"')
    assert html.count("<svg") >= 3
    assert "<script" not in html
    assert "src=" not in html
    assert "href=" not in html
    assert "&lt;b&gt;" in html


def test_a_line_leaves_out_what_was_not_measured() -> None:
    """And a plot without any point says so."""
    picture = lines([Series("a", [(0, 1.0), (1, None), (2, 3.0)])], x="seconds", y="ms")
    assert picture.count("<circle") == 2
    assert "nothing was measured" in lines([Series("a", [(0, None)])], x="seconds", y="ms")


@pytest.mark.parametrize(
    ("least", "most", "expected"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]), (0, 870, [0, 200, 400, 600, 800, 1000]), (0, 0, [0, 0.2])],
)
def test_ticks_are_round_and_cover_the_range(least: float, most: float, expected: list[float]) -> None:
    """As a person would draw them."""
    assert ticks(least, most)[: len(expected)] == expected


def test_a_histogram_is_read_over_all_its_labels() -> None:
    """From a page of metrics, with exemplars or without; other histograms are left alone."""
    text = 'a_seconds_sum{kind="x"} 1.5\na_seconds_sum{kind="y"} 0.5\na_seconds_count{kind="x"} 4.0\nba_seconds_sum 9\n'
    found = total(text, "a_seconds")
    assert (found.seconds, found.count, found.mean_ms) == (2.0, 4.0, 500.0)


def test_workers_are_kept_for_a_turn(monkeypatch: pytest.MonkeyPatch):
    """asr once for each question it heard; tts for all clauses of an answer together, over the answers."""
    before = {"asr": Total(1.0, 10), "tts": Total(2.0, 40)}
    after = {"asr": Total(2.0, 20), "tts": Total(5.0, 70)}
    monkeypatch.setattr(places, "totals", lambda _: after)
    monkeypatch.setattr(places, "_get", lambda _: b'{"workers": 2}')
    part = SimpleNamespace(part=SimpleNamespace(url="http://127.0.0.1:1"))
    found = places.places({"asr": part, "tts": part}, before, 10)
    assert found == {"asr": {"places": 2, "held_ms": 100.0}, "tts": {"places": 2, "held_ms": 300.0}}
