"""What the simulation is checked on: set latencies and few places, and the embedded engines on shared cores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.machinery import CLAUSE, FAKES, SENTENCE


@dataclass(frozen=True, slots=True)
class Scenario:
    """A stack, and how it is measured at low load: so many questions, one after another."""

    environ: Mapping[str, str]
    engines: Mapping[str, str]
    asr_places: int  # workers for questions, the reserved one among them
    tts_places: int | None = None
    questions: int = 1  # different ones
    alone: int = 16
    made_anew: frozenset[str] = frozenset()  # the stages that make a process for each piece of work
    weights: Mapping[str, Sequence[float]] = field(default_factory=dict)  # of a stage's workers, by their niceness


# What is refused is no sample of the times that are compared.
_LETS_ALL_IN = {"VIVA_WAIT_TOLERANCE": "0", "VIVA_MAX_ACTIVE_TURNS": "1000", "VIVA_TTS_MAX_ACTIVE": "1000"}


def _fake(asr_ms: float, workers: int, first_token_ms: float, tokens_per_s: float, tts_ms: float) -> Scenario:
    environ = (
        FAKES
        | _LETS_ALL_IN
        | {
            "VIVA_ASR_FAKE_LATENCY_MS": str(asr_ms),
            "VIVA_ASR_WORKERS": str(workers),
            "VIVA_LLM_FAKE_FIRST_TOKEN_MS": str(first_token_ms),
            "VIVA_LLM_FAKE_TOKENS_PER_S": str(tokens_per_s),
            "VIVA_LLM_FAKE_TEXT": CLAUSE + SENTENCE,
            "VIVA_TTS_FAKE_FIRST_BYTE_MS": str(tts_ms),
        }
    )
    return Scenario(environ, {"asr": "fake", "llm": "fake", "tts": "fake"}, asr_places=workers + 1)


# asr's worker for questions alone goes first; those for lectures are nicer, which Linux weighs by 526 to 1,024.
_EARS = {"asr": (1.0, 526 / 1024, 526 / 1024)}
_EMBEDDED = _LETS_ALL_IN | {
    "VIVA_ASR_ENGINE": "moonshine",
    "VIVA_TTS_ENGINE": "flite",
    "VIVA_TTS_CACHE_BYTES": "0",
    "VIVA_LOG_LEVEL": "warning",
}

SCENARIOS = {
    "few-workers": _fake(400, 1, 150, 30, 80),
    "slow-hearing": _fake(900, 3, 300, 60, 200),
    "embedded": Scenario(
        _EMBEDDED | {"VIVA_LLM_BACKENDS": "extractive"},
        {"asr": "moonshine", "llm": "extractive", "tts": "flite"},
        asr_places=3,
        tts_places=2,
        questions=20,
        alone=40,
        made_anew=frozenset({"tts"}),  # one flite for each sentence
        weights=_EARS,
    ),
    "paced-model": Scenario(
        {key: value for key, value in FAKES.items() if "LLM" in key} | _EMBEDDED,
        {"asr": "moonshine", "llm": "fake", "tts": "flite"},
        asr_places=3,
        tts_places=2,
        questions=8,
        alone=16,
        made_anew=frozenset({"tts"}),
        weights=_EARS,
    ),
}
