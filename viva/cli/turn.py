"""One turn on the screen: the question as heard, the answer as it streams, what it rests on, where the time went."""

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from viva.cli.console import printable
from viva.cli.flowing import FlowingText
from viva.cli.receipt import waterfall
from viva.cli.recording import Recording
from viva.errors import VivaError
from viva.events import AnswerDelta, Audio, Done, Error, Event, Transcript
from viva.passages import clock

_LABEL_WIDTH = 12
_WIDEST = 100
# What the model was given of the lecture; the whole transcript goes without saying.
_GIVEN = {
    "audio": "the recording itself",
    "passages": "{passages} passages that matter: the whole lecture does not fit the model",
}


class TurnFailed(VivaError):
    """The turn ended in an error event."""


class TurnView:
    """Prints the events of one turn as they come, and keeps the audio."""

    def __init__(self, console: Console, *, heard: str = "Heard") -> None:
        self._console = console
        self._heard = heard
        self._answer: FlowingText | None = None
        self.recording = Recording()

    def show(self, events: Iterable[Event]) -> Done:
        """Prints a turn to its end and returns its `done`. Raises TurnFailed when it ended in an error."""
        for event in events:
            match event:
                case Transcript(text=text, final=True):
                    self._line(self._heard, Text(printable(text), style="bold"))
                case AnswerDelta(text=text):
                    self._flow(text)
                case Audio():
                    self.recording.add(event)
                case Done():
                    self._end_answer()
                    self._facts(event)
                    return event
                case Error(code=code, message=message):
                    self._end_answer()
                    raise TurnFailed(message, code=code)
        raise TurnFailed("The answer broke off before it was complete.", code="server_unreachable")

    def _line(self, label: str, text: Text) -> None:
        """A label and a text, whose further lines begin where the first does."""
        lines = text.wrap(self._console, max(self._width - _LABEL_WIDTH, 20)) or [Text()]
        for number, line in enumerate(lines):
            line.rstrip()
            start = Text(f"  {label if number == 0 else '':<{_LABEL_WIDTH - 2}}", style="cyan")
            self._console.print(start + line)

    @property
    def _width(self) -> int:
        return min(self._console.width, _WIDEST)

    def _flow(self, text: str) -> None:
        if self._answer is None:
            self._console.print(Text(f"  {'Answer':<{_LABEL_WIDTH - 2}}", style="cyan"), end="")
            self._answer = FlowingText(self._write, width=self._width, indent=_LABEL_WIDTH)
        self._answer.feed(text)

    def _write(self, text: str) -> None:
        self._console.print(Text(text), end="")
        self._console.file.flush()

    def _end_answer(self) -> None:
        if self._answer is not None:
            self._answer.flush()
            self._console.print()
            self._answer = None

    def _facts(self, done: Done) -> None:
        for number, citation in enumerate(done.citations):
            place = Text(f"[{clock(citation.start)}-{clock(citation.end)}] ", style="green")
            quoted = Text(f'"{printable(citation.text).strip()}"', style="italic")
            self._line("Rests on" if number == 0 else "", place + quoted)
        if given := _GIVEN.get(done.receipt.context.kind if done.receipt.context else ""):
            self._line("Given", Text(given.format(passages=done.receipt.context.passages)))
        if done.degraded:
            self._line("Degraded", Text(printable(done.degraded), style="yellow"))
        if not done.history_saved:
            self._line("History", Text("not saved: the server could not reach Redis", style="yellow"))
        for number, (label, bar, took) in enumerate(waterfall(done.receipt, width=max(self._width - 42, 10))):
            row = Text(f"{label:<13}{took:>8}  ")
            self._console.print(
                Text(f"  {'Time' if number == 0 else '':<{_LABEL_WIDTH - 2}}", style="cyan") + row + Text(bar, "blue")
            )
