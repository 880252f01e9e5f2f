"""Thresholds: their names are looked at before anybody is called, and a run is kept whatever is said of it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from loadtest import __main__ as command
from loadtest import report as reports
from loadtest.machine import Machine
from loadtest.scenario import FOLDER, WrongScenario, parse, read
from loadtest.thresholds import check, figures, names

TEXT = """
name = "tried"
seconds = 10

[people]
transports = {jsonl = 1, realtime = 1, sse = 0}

[arrivals]
mode = "closed"
people = 3

[thresholds]
turns.failed = {at_most = 0}
realtime.done = {at_least = 1}
"""


def empty_run(*_: object) -> reports.Run:
    """One in which nobody asked anything."""
    generator = {"cpu_share": 0.1, "late_p95_ms": 1.0, "errors": []}
    return reports.Run(
        started=datetime.now(UTC).isoformat(),
        url="http://127.0.0.1:9",
        machine=Machine("a processor", 2, 8.0, "Linux", "3.13", 0.1),
        engines={},
        rows=[],
        generator={"generator": generator, "steps": [], "probe": None, "seconds": 10.0},
        places={},
        resources={},
    )


@pytest.mark.parametrize(
    ("old", "new", "line", "figure"),
    [
        ("turns.failed", "turns.fail", 13, "turns.fail"),
        ("realtime.done", "sse.done", 14, "sse.done"),
        ("realtime.done", "overload.useful_share", 14, "overload.useful_share"),
    ],
    ids=["no such figure", "a transport without weight", "overload without steps"],
)
def test_a_wrong_name_is_told_before_the_run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    old: str,
    new: str,
    line: int,
    figure: str,
) -> None:
    """With its line and the names that there are; the status is 2, and nothing was started."""
    path = tmp_path / "a.toml"
    path.write_text(TEXT.replace(old, new))
    monkeypatch.setattr(command, "_run", lambda *_: pytest.fail("it was run"))
    assert command.main([str(path), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert f"line {line}: there is no figure {figure!r}" in said
    assert "turns.failed" in said


def test_the_names_are_those_of_the_report() -> None:
    """No more, and no fewer, whoever came."""
    scenario = parse(TEXT, "a.toml")
    there_are = {name for name in figures(reports.build(empty_run(), scenario)) if not name.startswith("overload.")}
    assert names(scenario) == there_are
    assert "realtime.done_share" in there_are


def test_the_scenarios_that_come_with_viva_have_right_names() -> None:
    """Each of their thresholds is a figure of their reports."""
    for path in FOLDER.glob("*.toml"):
        check(read(path), path.read_text(), str(path))


def test_a_run_that_cannot_be_judged_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report is written first."""
    path = tmp_path / "a.toml"
    path.write_text(TEXT)

    def broken(*_: object) -> None:
        raise WrongScenario("no judgement")

    monkeypatch.setattr(command, "_run", empty_run)
    monkeypatch.setattr(reports, "judge", broken)
    with pytest.raises(WrongScenario):
        command.main([str(path), "--out", str(tmp_path / "out")])
    assert json.loads((tmp_path / "out" / "report.json").read_text())["passed"] is None
