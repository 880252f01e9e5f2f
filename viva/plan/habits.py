"""How people use it: when they come, what they ask, what they upload. Read from a file like habits.toml."""

from dataclasses import dataclass
from pathlib import Path

from viva.plan.tables import row
from viva.plan.unusable import Unusable, read_toml

OURS = Path(__file__).with_name("habits.toml")
_DAYS_PER_MONTH = 30.4
_MAX_SHARE = {"spoken", "busiest_hour", "cold_visits"}


@dataclass(frozen=True, slots=True)
class Questions:
    """Conversations; each field is explained in habits.toml."""

    visits_per_day: float
    per_visit: float
    think_s: float
    listen_s: float
    spoken: float
    busiest_hour: float
    burst: float


@dataclass(frozen=True, slots=True)
class Lectures:
    """What is uploaded, kept and heard."""

    uploads_per_1000_people: float
    hours: float
    kept_days: float
    cold_visits: float
    played_s: float


@dataclass(frozen=True, slots=True)
class Sizes:
    """What it takes: megabytes, CPU seconds, kilobytes."""

    recording_mb_per_hour: float
    decoded_mb_per_hour: float
    transcription_cpu_s_per_hour: float
    session_kb_per_turn: float
    session_kept_days: float
    page_mb_per_visit: float


@dataclass(frozen=True, slots=True)
class Habits:
    """Everything about people that a plan needs."""

    questions: Questions
    lectures: Lectures
    sizes: Sizes

    def per_day(self, people: float) -> float:
        """Questions in a day."""
        return people * self.questions.visits_per_day * self.questions.per_visit

    def per_month(self, people: float) -> float:
        """Questions in a month."""
        return self.per_day(people) * _DAYS_PER_MONTH

    def peak_per_s(self, people: float) -> float:
        """Questions a second in the busiest minutes."""
        return self.per_day(people) * self.questions.busiest_hour / 3600 * self.questions.burst

    def conversations_at_once(self, people: float) -> float:
        """Conversations under way in the busiest minutes."""
        visits_per_s = self.peak_per_s(people) / self.questions.per_visit
        return visits_per_s * self.questions.per_visit * (self.questions.think_s + self.questions.listen_s)

    def uploads_per_day(self, people: float) -> float:
        """Lectures uploaded in a day."""
        return people / 1000 * self.lectures.uploads_per_1000_people

    def transcription_cores(self, people: float) -> float:
        """Cores that transcribe in the busiest hour, if its lectures are done within it."""
        hours = self.uploads_per_day(people) * self.questions.busiest_hour * self.lectures.hours
        return hours * self.sizes.transcription_cpu_s_per_hour / 3600

    def stored_gb(self, people: float) -> float:
        """Recordings in the object store, once as many go as come."""
        hours = self.uploads_per_day(people) * self.lectures.kept_days * self.lectures.hours
        return hours * (self.sizes.recording_mb_per_hour + self.sizes.decoded_mb_per_hour) / 1000

    def redis_gb(self, people: float) -> float:
        """Conversations in Redis, until they are forgotten."""
        return self.per_day(people) * self.sizes.session_kept_days * self.sizes.session_kb_per_turn / 1e6

    def egress_gb(self, people: float, answer_bytes: float) -> float:
        """To the callers in a month: answers (base64 inside JSON), what they play of the lectures, the page."""
        played = self.lectures.played_s / 3600 * self.sizes.recording_mb_per_hour * 1e6
        each = answer_bytes * 4 / 3 + played + self.sizes.page_mb_per_visit * 1e6 / self.questions.per_visit
        return self.per_month(people) * each / 1e9


def read_habits(path: Path = OURS) -> Habits:
    """The habits in a file. Raises Unusable with a sentence."""
    found = read_toml(path)
    known = {"questions": Questions, "lectures": Lectures, "sizes": Sizes}
    if strange := set(found) - set(known):
        raise Unusable(f"{path} has {', '.join(sorted(strange))}; it knows {', '.join(known)}.")
    for table in found.values():
        for name in _MAX_SHARE & set(table if isinstance(table, dict) else ()):
            if isinstance(table[name], int | float) and table[name] > 1:
                raise Unusable(f"{name} in {path} is {table[name]}; it is a share, 1 at most.")
    habits = Habits(**{name: row(kind, found.get(name), f"[{name}] in {path}") for name, kind in known.items()})
    if not habits.questions.per_visit or not habits.questions.visits_per_day or not habits.questions.busiest_hour:
        raise Unusable(f"With the habits in {path} nobody asks anything.")
    return habits
