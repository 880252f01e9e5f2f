"""Figures to plan from: turns of known times, and a report that has them."""

import json
from pathlib import Path

import pytest

from viva.plan.figures import Figures, Stage, TurnTimes
from viva.plan.habits import Habits, read_habits
from viva.plan.nodes import Nodes, read_nodes

RECEIPT = {
    "asr_ms": 120.0,
    "recall_ms": 4.0,
    "llm_first_token_ms": 270.0,
    "first_sentence_ms": 600.0,
    "tts_first_audio_ms": 60.0,
    "first_audio_ms": 662.0,
    "total_ms": 2500.0,
}


@pytest.fixture
def receipt() -> dict[str, float]:
    """Of one turn, in ms; all but recall and tts are counted from its begin."""
    return dict(RECEIPT)


@pytest.fixture
def figures() -> Figures:
    """Turns that take 669 ms to their first audio when nobody else is there."""
    turn = TurnTimes(hear=120.0, recall=4.0, token=150.0, clause=330.0, voice=60.0, out=2.0, client=7.0)
    stages = {
        "orchestrator": Stage(20.0),
        "asr": Stage(90.0, places=3, held_ms=100.0),
        "llm": Stage(8.0),
        "tts": Stage(150.0, places=2, held_ms=100.0),
    }
    return Figures((turn,), stages, client_cpu_ms=5.0, audio_bytes=100_000.0)


@pytest.fixture
def habits() -> Habits:
    """Ours."""
    return read_habits()


@pytest.fixture
def nodes() -> Nodes:
    """Ours."""
    return read_nodes()


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A load test's report of twenty turns, without their rows."""
    samples = {name: {"n": 20, "samples": [RECEIPT[f"{name}_ms"]] * 20} for name in _names()}
    written = {
        "viva_loadtest": 1,
        "started": "2026-01-31T12:00:00Z",
        "machine": {"processor": "A processor"},
        "engines": {"asr": "moonshine", "llm": "fake", "tts": "flite"},
        "times_ms": samples,
        "resources": {name: {"cpu_s_per_turn": 0.05} for name in ("orchestrator", "asr", "llm", "tts")},
        "places": {"asr": {"places": 3, "held_ms": 100.0}},
        "answers": {"clauses": 4, "audio_bytes": 90_000},
    }
    path = tmp_path / "report.json"
    path.write_text(json.dumps(written))
    return path


def _names() -> tuple[str, ...]:
    return tuple(name.removesuffix("_ms") for name in RECEIPT if name != "total_ms")
