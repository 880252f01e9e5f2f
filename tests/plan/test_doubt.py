"""What a plan's figures are worth."""

from dataclasses import replace

import pytest

from loadtest.scenario import named, read
from viva.plan.doubt import MEASURE, REPORT, doubts, is_fake, word
from viva.plan.figures import Figures, Stage


def test_measured_figures_leave_no_doubt(figures: Figures):
    """Real engines whose CPU is known."""
    known = replace(figures, engines={"asr": "moonshine", "llm": "extractive", "tts": "flite"})
    assert doubts(known) == []
    assert word(known, "asr") == "measured"


def test_only_the_stages_of_unknown_cpu_are_named(figures: Figures):
    """The others are measured."""
    partly = replace(figures, stages={**figures.stages, "llm": Stage(0.0)})
    (doubt,) = doubts(partly)
    assert "the CPU of llm, as" in doubt
    assert (word(partly, "llm"), word(partly, "tts")) == ("CPU unknown", "measured")


def test_what_to_do_is_said_once(figures: Figures):
    """A run against a URL with fake engines has two warnings and one remedy."""
    both = replace(figures, engines={"asr": "fake:fake"}, stages=dict.fromkeys(figures.stages, Stage(0.0)))
    fakes, cpu = doubts(both)
    assert "asr (fake:fake)" in fakes
    assert (fakes + cpu).count(MEASURE) == 1
    assert cpu.endswith(f"give {REPORT} instead.")
    assert word(both, "asr") == "fake, CPU unknown"


@pytest.mark.parametrize(
    ("engine", "fake"),
    [
        ("fake", True),
        ("fake:a tone, no speech", True),
        ("slow:fake", True),
        ("moonshine", False),
        ("openai:fakeley", False),
        (None, False),
    ],
)
def test_fakes_are_known_by_their_name(engine: str | None, fake: bool):
    """By the whole of it, that of the engine or of its model."""
    assert is_fake(engine) is fake


def test_the_command_that_is_named_measures_real_engines():
    """Its scenario is there, has no fakes, and its report lies where the warning says."""
    scenario = read(named(MEASURE.partition("SCENARIO=")[2]))
    assert scenario.stack.engines == "embedded"
    assert f"/{scenario.name}/" in REPORT
