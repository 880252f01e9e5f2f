"""How much of a stage's time is work, and where in the turn the rest of its work falls.

A report knows the CPU of each service for a whole turn, and how long each part of the turn took. A service's CPU is
taken to fill first those parts of the turn in which somebody waits for that service; what is left of it is done beside
the turn's way to its first audio, with the clauses, by their length. That of the llm stage, which waits for a model
rather than works, lies evenly over the time in which the answer is written.
"""

from collections.abc import Iterable
from functools import partial

from viva.plan.figures import Figures, TurnTimes

Spent = tuple[float, float]  # milliseconds with all cores free, and how many of them are work


class Work:
    """The work in the parts of a turn, in milliseconds of CPU."""

    def __init__(self, figures: Figures) -> None:
        stages = figures.stages
        self._client_ms = min(figures.client_cpu_ms, figures.mean("client"))
        self._client_share = _share(self._client_ms, figures.mean("client"))
        self._client_left = figures.client_cpu_ms - self._client_ms
        self._split_hearing(figures)
        orchestrator = stages["orchestrator"].cpu_ms
        recall = min(orchestrator, figures.mean("recall"))
        out = min(orchestrator - recall, figures.mean("out"))
        self._recall_share = _share(recall, figures.mean("recall"))
        self._out_share = _share(out, figures.mean("out"))
        self._orchestrator_left = orchestrator - recall - out
        self._split_voicing(figures)
        self._split_writing(figures)

    def _split_hearing(self, figures: Figures) -> None:
        stage, hear = figures.stages["asr"], figures.mean("hear")
        held = hear if stage.held_ms is None else min(stage.held_ms, hear)
        self._held_share = _share(held, hear)
        before = hear - held
        cpu_before = min(stage.cpu_ms, before)
        cpu_held = min(stage.cpu_ms - cpu_before, held)
        self._before_work = _share(cpu_before, before)
        self._held_work = _share(cpu_held, held)
        self._hearing_left = _share(stage.cpu_ms - cpu_before - cpu_held, hear)

    def _split_writing(self, figures: Figures) -> None:
        """The llm stage's work lies evenly over the time in which it writes: all of it before the first token where
        the answer is then there at once, next to nothing where a model takes seconds for the rest.
        """
        cpu, token = figures.stages["llm"].cpu_ms, figures.mean("token")
        writes = _mean(turn.token + turn.clause + self.pace(turn) * sum(turn.clauses[1:]) for turn in figures.turns)
        before = min(cpu * _share(token, writes), token)
        self._token_share = _share(before, token)
        self._llm_left = cpu - before

    def _split_voicing(self, figures: Figures) -> None:
        """The work of a clause: so much for each, and so much for each of its characters."""
        stage, voice, count = (
            figures.stages["tts"],
            figures.mean("voice"),
            _mean(len(t.clauses) for t in figures.turns),
        )
        characters = _mean(sum(turn.clauses) for turn in figures.turns)
        first = _mean(turn.clauses[0] for turn in figures.turns)
        later = characters - count * first  # how much longer the others are than the first
        self._per_clause, self._per_character = 0.0, stage.cpu_ms / characters
        if later > 0 and stage.cpu_ms > voice * count:
            # More than if each took what the first does: a voice that computes, and nothing else.
            self._per_character = (stage.cpu_ms - count * voice) / later
            self._per_clause = max(0.0, voice - self._per_character * first)
        took = max(stage.cpu_ms, voice)
        self._voice_held = 1.0 if stage.held_ms is None else min(1.0, _share(stage.held_ms, took))

    def client(self, times: TurnTimes) -> float:
        """Of a caller, before the question is there."""
        return times.client * self._client_share

    def recall(self, times: TurnTimes) -> float:
        """Of the orchestrator, while the session and the lecture are fetched."""
        return times.recall * self._recall_share

    def hearing(self, times: TurnTimes) -> tuple[Spent, Spent, float]:
        """Of the asr stage: before a worker has it, while one does, and beside both."""
        held = times.hear * self._held_share
        before = times.hear - held
        return (
            (before, before * self._before_work),
            (held, held * self._held_work),
            times.hear * self._hearing_left,
        )

    def token(self, times: TurnTimes) -> float:
        """Of the llm stage, up to the first token."""
        return times.token * self._token_share

    def beside(self, times: TurnTimes, number: int) -> dict[str, float]:
        """With one clause, by its length: of the orchestrator, the llm stage and the callers."""
        share = times.clauses[number] / sum(times.clauses)
        return {
            "orchestrator": self._orchestrator_left * share,
            "llm": self._llm_left * share,
            "client": self._client_left * share,
        }

    def voicing(self, times: TurnTimes, number: int) -> tuple[Spent, Spent]:
        """Of the tts stage, for one clause: while a worker has it, and after that."""
        first = min(times.voice, self._per_clause + times.clauses[0] * self._per_character)
        own = first if number == 0 else self._per_clause + times.clauses[number] * self._per_character
        took = times.voice - first + own
        share = self._voice_held
        return (took * share, own * share), (took * (1 - share), own * (1 - share))

    def pace(self, times: TurnTimes) -> float:
        """Milliseconds in which a character is written after the first clause.

        The whole turn tells, less the voices, which may be all that it waited for; where it does not, the first clause.
        """
        first, later = times.clauses[0], sum(times.clauses[1:])
        pace = times.clause / first
        if not times.total or not later:
            return pace
        voices = sum(held[0] + after[0] for held, after in map(partial(self.voicing, times), range(len(times.clauses))))
        begun = max(times.hear, times.recall) + times.token + times.clause
        return max(pace, (times.total - begun - voices) / later)

    def out(self, times: TurnTimes) -> float:
        """Of the orchestrator, from the first clause's audio to its event."""
        return times.out * self._out_share


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found)
