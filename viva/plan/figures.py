"""What is known of the stages: times of whole turns at low load, what of it is work, and how many can work at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import gcd

STAGES = ("orchestrator", "asr", "llm", "tts")


@dataclass(frozen=True, slots=True)
class TurnTimes:
    """Where the time of one turn went when hardly anybody else was there; milliseconds, each part by itself.

    `hear` is 0 for a typed question. `clause` is from the first token to the end of the first clause, `out` from that
    clause's audio to its event, `client` what a caller waits beside all that the receipt knows.
    """

    hear: float
    recall: float
    token: float
    clause: float
    voice: float
    out: float = 0.0
    client: float = 0.0
    total: float = 0.0  # from the turn's begin to its end; 0: unknown
    clauses: tuple[int, ...] = (40, 80, 80)  # characters

    @property
    def first_audio(self) -> float:
        """From the question to the first audio."""
        before = max(self.hear, self.recall)
        return self.client + before + self.token + self.clause + self.voice + self.out

    @property
    def spoken(self) -> bool:
        """Whether the question had to be heard."""
        return self.hear > 0


@dataclass(frozen=True, slots=True)
class Stage:
    """One service: its CPU, and how many it works for at once.

    `cpu_ms` is a turn's, child processes and all. `places` are the workers of one replica, None: no bound.
    `held_ms` is how long a turn has one of them, None: as long as the stage takes. `limit` is the number of requests
    under way at one replica, beyond which they are shed.
    """

    cpu_ms: float
    places: int | None = None
    held_ms: float | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that is known, and from where: `sources` has a sentence for each stage."""

    turns: tuple[TurnTimes, ...]
    stages: Mapping[str, Stage]
    sources: Mapping[str, str] = field(default_factory=dict)
    client_cpu_ms: float = 0.0  # of the callers, where they run on the same machine
    measured_on: str = ""
    engines: Mapping[str, str] = field(default_factory=dict)
    audio_bytes: float = 0.0  # of an answer
    audio_s: float = 0.0

    def knows_cpu(self, stage: str) -> bool:
        """Whether the CPU of a stage was measured; else it is taken for nothing."""
        return self.stages[stage].cpu_ms > 0

    @property
    def knows_all_cpu(self) -> bool:
        """Whether the CPU of every stage was measured."""
        return all(map(self.knows_cpu, STAGES))

    def mean(self, name: str) -> float:
        """The mean of one part of the turns, in ms; of what is heard over the spoken ones alone."""
        values = [getattr(turn, name) for turn in self.turns if name != "hear" or turn.spoken]
        return sum(values) / len(values) if values else 0.0

    def with_workers(self, cores: Mapping[str, float]) -> "Figures":
        """The same, with as many workers as the stages have by themselves where the report does not say.

        On so many cores tts has one for each, and asr one more, which is kept for questions.
        """
        usual = {"asr": round(cores["asr"]) + 1, "tts": round(cores["tts"])}
        stages = {name: replace(stage, places=stage.places or usual.get(name)) for name, stage in self.stages.items()}
        return replace(self, stages=stages)

    def with_spoken(self, share: float) -> "Figures":
        """The same, with this share of the questions spoken, to a twentieth: of each turn as many copies are spoken."""
        heard = [turn.hear for turn in self.turns if turn.spoken] or [0.0]
        of_twenty = round(share * 20)
        common = gcd(of_twenty, 20)
        spoken, typed = of_twenty // common, (20 - of_twenty) // common
        turns = [replace(turn, hear=turn.hear or heard[number % len(heard)]) for number, turn in enumerate(self.turns)]
        return replace(self, turns=tuple(turns * spoken + [replace(turn, hear=0.0) for turn in turns] * typed))
