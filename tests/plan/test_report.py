"""Reading load tests' reports."""

import json
from pathlib import Path

import pytest

from viva.plan.report import read_report
from viva.plan.unusable import Unusable


def changed(path: Path, **values: object) -> Path:
    """The report with other values at its top."""
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    return path


def test_turns_are_taken_apart(report: Path, receipt: dict):
    """Receipts count from the turn's begin; each part is by itself here, and they add up again."""
    figures = read_report(report)
    turn = figures.turns[0]
    assert len(figures.turns) == 20
    assert (turn.hear, turn.recall, turn.token, turn.clause, turn.voice, turn.out) == (
        120,
        4,
        150,
        330,
        60,
        2,
    )
    assert turn.first_audio == receipt["first_audio_ms"]
    assert len(turn.clauses) == 4
    assert figures.stages["asr"].cpu_ms == 50
    assert (figures.stages["asr"].places, figures.stages["asr"].held_ms) == (3, 100)
    assert figures.stages["tts"].places is None
    assert figures.audio_bytes == 90_000
    assert "engine moonshine" in figures.sources["asr"]


def test_rows_beside_the_report_know_more(report: Path, receipt: dict):
    """Each turn's own clauses, and what the caller waited beside the receipt; turns that failed are left out."""
    rows = [{"outcome": "done", "first_audio_ms": 670.0, "receipt": receipt, "clauses": [10, 20]}] * 6
    rows += [{"outcome": "shed", "first_audio_ms": None, "receipt": {}}]
    report.with_name("turns.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    figures = read_report(report)
    assert len(figures.turns) == 6
    assert figures.turns[0].client == 8.0
    assert figures.turns[0].clauses == (10, 20)


def test_samples_of_some_turns_are_spread_over_all(report: Path):
    """Where some questions were typed, there are fewer times of hearing than turns."""
    times = json.loads(report.read_text())["times_ms"]
    times["asr"]["samples"] = [100.0, 130.0]
    figures = read_report(changed(report, times_ms=times))
    assert sorted({turn.hear for turn in figures.turns}) == [100.0, 130.0]


def test_a_report_of_the_load_test_can_be_planned_from():
    """One that loadtest/ wrote: its turns, its CPU, and the engines that it found."""
    figures = read_report(Path(__file__).parents[1] / "loadtest" / "data" / "report.json")
    assert len(figures.turns) > 5
    assert all(stage.cpu_ms > 0 for stage in figures.stages.values())
    assert figures.engines["asr"].startswith("fake")
    assert all((figures.stages[name].places, figures.stages[name].held_ms) > (0, 0) for name in ("asr", "tts"))


def test_a_report_of_a_busy_system_is_told(report: Path):
    """Refusals and failures above a hundredth: their CPU and their waiting would be planned for."""
    turns = {"asked": 200, "shed": 1, "failed": {"connection": 1}}
    assert read_report(changed(report, turns=turns)).turns
    more = turns | {"failed": {"connection": 1, "llm_timeout": 1}}
    with pytest.raises(Unusable, match=r"of 200 turns 1 were refused and 2 failed; .*fewer people"):
        read_report(changed(report, turns=more))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "is not a load test's report: it is not JSON"),
        ("[]", "is not a load test's report"),
        ('{"viva_loadtest": 2}', "is not a load test's report"),
        ('{"viva_loadtest": 1}', "has 0 finished turns"),
        ('{"viva_loadtest": 1, "times_ms": [1]}', "has 0 finished turns"),
    ],
)
def test_another_file_is_told_in_a_sentence(tmp_path: Path, content: str, sentence: str):
    """What is no report, or has too little in it."""
    (tmp_path / "report.json").write_text(content)
    with pytest.raises(Unusable, match=sentence):
        read_report(tmp_path / "report.json")


@pytest.mark.parametrize("content", ["# Viva", "{}", None])
def test_what_is_no_report_is_told_how_to_get_one(tmp_path: Path, content: str | None):
    """Whether the file is another or there is none: which file is wanted, and the command that writes it."""
    path = tmp_path / "README.md"
    if content is not None:
        path.write_text(content)
    with pytest.raises(Unusable, match=r"report\.json of a load test: `make loadtest SCENARIO=embedded` writes"):
        read_report(path)


def test_bytes_that_are_no_text_are_told(tmp_path: Path):
    """As any other file that is no report."""
    (tmp_path / "page.png").write_bytes(b"\x89PNG")
    with pytest.raises(Unusable, match="is not a load test's report"):
        read_report(tmp_path / "page.png")


def test_a_missing_file_is_told(tmp_path: Path):
    """By its name."""
    with pytest.raises(Unusable, match=r"There is no file .*nothing\.json"):
        read_report(tmp_path / "nothing.json")


def test_what_is_no_number_is_told(report: Path):
    """By the name of the field."""
    changed(report, resources={"asr": {"cpu_s_per_turn": "much"}})
    with pytest.raises(Unusable, match=r"resources\.asr\.cpu_s_per_turn of the report is 'much'"):
        read_report(report)


def test_a_stage_of_unknown_cpu_says_so(report: Path):
    """A cluster's report has no CPU: the plan must not look as if it did."""
    figures = read_report(changed(report, resources={}))
    assert "CPU unknown" in figures.sources["tts"]


def test_a_broken_row_is_told(report: Path):
    """A line of turns.jsonl that is no JSON."""
    report.with_name("turns.jsonl").write_text("{")
    with pytest.raises(Unusable, match="a line that is not JSON"):
        read_report(report)
