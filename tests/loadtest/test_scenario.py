"""Scenarios: what a file may say, and the line that is named when it is wrong."""

import pytest

from loadtest.scenario import FOLDER, WrongScenario, line_of, named, parse, read

TEXT = """
name = "tried"
seconds = 10

[people]
spoken = 0.5
think_s = [1, 2]

[arrivals]
mode = "closed"
people = 3

[thresholds]
first_audible.p95 = {at_most = 2000}
turns.done = {at_least = 5}
"""


def test_a_scenario_is_what_its_file_says() -> None:
    """What is not said has a default; thresholds have the names of figures."""
    scenario = parse(TEXT, "a.toml")
    assert (scenario.people.spoken, scenario.people.think_s, scenario.people.zipf) == (0.5, (1.0, 2.0), 1.1)
    assert {name: limit.at_most for name, limit in scenario.limits.items()} == {
        "first_audible.p95": 2000,
        "turns.done": None,
    }


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("spoken = 0.5", "spoken = 5", 6, "people.spoken"),
        ("spoken = 0.5", "speaking = 1", 6, "people.speaking"),
        ("think_s = [1, 2]", "think_s = [2, 1]", 5, "least seconds, then the most"),
        ("people = 3", "", 9, "closed arrivals need people"),
        ("people = 3", "people = 3\nper_s = 1", 9, "of open arrivals"),
        ('mode = "closed"', 'mode = "sometimes"', 10, "arrivals.mode"),
        ("{at_most = 2000}", "{at_most = 1, at_least = 1}", 14, "at_most or at_least"),
        ("seconds = 10", "seconds = 10\nwarm_up_s = 10", 1, "warm_up_s"),
        ("seconds = 10", "seconds = ", 3, "Invalid value"),
        ('mode = "closed"\n', "", 9, "arrivals.mode: Field required"),
        ('name = "tried"', 'nam = "tried"', 2, "nam: there is no such setting"),
    ],
)
def test_a_wrong_scenario_is_refused_with_the_line_and_the_reason(old: str, new: str, line: int, reason: str) -> None:
    """Whoever wrote it finds it at once."""
    with pytest.raises(WrongScenario) as caught:
        parse(TEXT.replace(old, new, 1), "a.toml")
    assert f"a.toml, line {line}: " in str(caught.value)
    assert reason in str(caught.value)


def test_what_is_missing_altogether_has_no_line() -> None:
    """The first line is another setting's."""
    with pytest.raises(WrongScenario, match=r"^a\.toml: name is missing\.$"):
        parse(TEXT.replace('name = "tried"\n', "", 1), "a.toml")


def test_the_line_of_a_key_is_found_in_its_own_table() -> None:
    """Not that of the same key elsewhere; where it is not written, the table's own line."""
    text = "people = 1\n[people]\nzipf = 1\n[arrivals]\npeople = 2\n"
    assert line_of(text, ("people", "zipf")) == 3
    assert line_of(text, ("arrivals", "people")) == 5
    assert line_of(text, ("arrivals", "missing")) == 4


def test_every_scenario_that_comes_with_viva_can_be_run() -> None:
    """And says what it is about; its name is that of its file."""
    paths = sorted(FOLDER.glob("*.toml"))
    assert len(paths) >= 2
    for path in paths:
        scenario = read(path)
        assert (scenario.name, bool(scenario.about)) == (path.stem, True)
        assert named(path.stem) == path


def test_an_unknown_scenario_is_told_from_those_there_are() -> None:
    """By name or by path."""
    with pytest.raises(WrongScenario, match=r"no scenario 'shrot'.* short"):
        named("shrot")
