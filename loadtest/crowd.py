"""Conversations: who asks what in them, and the row of each question. No Locust here, and no network."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from loadtest.people import Conversation, Person
from loadtest.scenario import Scenario
from loadtest.speech import Speech
from loadtest.turn import Asking, Told, Turn


@dataclass(frozen=True, slots=True)
class Lecture:
    """One that is there to be asked about."""

    lecture_id: str
    questions: tuple[Speech, ...]


class Caller(Protocol):
    """A way to ask: over HTTP or Realtime."""

    def ask(self, asking: Asking) -> Turn:
        """Says the question and listens to the answer."""

    def wait(self, seconds: float) -> None:
        """Lets time pass."""

    def lose(self) -> None:
        """Loses the connection."""

    def close(self) -> None:
        """Ends the conversation."""


class Rows:
    """Takes the row of each turn: a line of a file, and whoever else wants to know."""

    def __init__(self, path: Path, told: Callable[[dict[str, Any]], None]) -> None:
        self._file = path.open("w", encoding="utf-8")
        self._told = told
        self.all: list[dict[str, Any]] = []

    def add(self, row: dict[str, Any]) -> None:
        """One more."""
        self.all.append(row)
        self._file.write(json.dumps(row) + "\n")
        self._told(row)

    def close(self) -> None:
        """Nothing more comes."""
        self._file.close()


class Crowd:
    """Everybody who calls. `connect` makes a caller for a conversation; `over`: nobody begins anything more."""

    def __init__(
        self,
        scenario: Scenario,
        lectures: tuple[Lecture, ...],
        connect: Callable[[str, str], Caller],
        rows: Callable[[dict[str, Any]], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`connect` is given a transport and a lecture's id."""
        self._habits = scenario.people
        self._seed = scenario.seed
        self._lectures = lectures
        self._connect = connect
        self._rows = rows
        self._now = now
        self._count = 0
        self.began = now()
        self.over = False
        self.step = 0
        self.thinks = True

    def person(self) -> tuple[int, Person]:
        """Somebody new, with a number."""
        self._count += 1
        counts = [len(lecture.questions) for lecture in self._lectures]
        return self._count, Person(f"{self._seed}/{self._count}", self._habits, counts)

    def converse(self, number: int, person: Person, step: int) -> bool:
        """One conversation from its first question to its last; whether all of them were answered."""
        about = person.begins()
        caller = self._connect(about.transport, self._lectures[about.lecture].lecture_id)
        follow_up = answered = False
        try:
            while not self.over:
                turn = self._ask(caller, number, person, about, follow_up, step)
                answered = turn.outcome in ("done", "interrupted")
                if not answered or not self._goes_on(person, turn):
                    return answered
                self._pause(caller, person, turn)
                follow_up = True
        finally:
            caller.close()
        return answered

    def _goes_on(self, person: Person, turn: Turn) -> bool:
        """Whoever interrupts has something to say."""
        return not self.over and (turn.outcome == "interrupted" or person.asks_again())

    def _ask(
        self, caller: Caller, number: int, person: Person, about: Conversation, follow_up: bool, step: int
    ) -> Turn:
        lecture = self._lectures[about.lecture]
        speech = lecture.questions[person.asks(about)]
        spoken = person.speaks()
        asking = Asking(
            text=speech.text,
            speech=speech if spoken else None,
            lecture_id=lecture.lecture_id,
            audio_format=self._habits.audio_format,
            interrupt_after_s=person.interrupts_after_s(),
            patience_s=self._habits.patience_s,
        )
        turn = Turn(self._now(), audio_format=asking.audio_format)
        try:
            turn = caller.ask(asking)
        finally:
            if turn.outcome == "unfinished":  # whoever hangs at the end is killed; the question was asked all the same
                turn.end("unfinished", self._now())
            told = Told(turn.asked_s - self.began, number, about.transport, about.lecture, follow_up, spoken, step)
            self._rows(told.row(turn))
        return turn

    def _pause(self, caller: Caller, person: Person, turn: Turn) -> None:
        if turn.outcome == "interrupted":
            return
        if self._habits.listens and turn.plays_until_s is not None and self.thinks:
            self._wait(caller, turn.plays_until_s - self._now())
        if person.loses_connection():
            caller.lose()
        if self.thinks:
            self._wait(caller, person.thinks_s())

    def _wait(self, caller: Caller, seconds: float) -> None:
        """Lets time pass, but not beyond the end of the run."""
        until = self._now() + seconds
        while not self.over and (left := until - self._now()) > 0:
            caller.wait(min(left, 1.0))
