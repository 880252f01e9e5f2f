"""One visit to the page: what a person does there and sees, and what the test hears and reads on the wire."""

import re
import time
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Locator, expect

from .chromium import PATIENCE_MS
from .loudspeaker import Loudspeaker
from .wire import Wire

expect.set_options(timeout=PATIENCE_MS)


class Visit:
    """The page in a window of its own. `errors` are the exceptions and the complaints of the browser."""

    def __init__(self, context: BrowserContext, url: str, *, expected: str = r"$^") -> None:
        self.page = context.new_page()
        self.loudspeaker = Loudspeaker(self.page)
        self.wire = Wire(self.page)
        self.errors: list[str] = []
        self._expected = re.compile(expected)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._note)
        self.page.goto(url)

    def _note(self, message) -> None:
        if message.type == "error" and not self._expected.search(message.text):
            self.errors.append(message.text)

    # -- what a person does -----------------------------------------------------------------------------------------

    def choose(self, title: str) -> None:
        """Chooses a lecture and waits until one can ask."""
        self.page.get_by_role("button", name=title).and_(self.page.locator(".lecture-choose")).click()
        expect(self.page.get_by_role("heading", name=title)).to_be_visible()
        self.connected()

    def ask(self, question: str) -> Locator:
        """Types a question; returns its turn."""
        count = self.turns.count()
        self.page.get_by_label("Your question").fill(question)
        self.page.keyboard.press("Enter")
        expect(self.turns).to_have_count(count + 1)
        return self.turns.nth(count)

    def hold(self, seconds: float) -> Locator:
        """Holds the button until so much more sound was recorded; returns the turn of what was said."""
        count, before = self.turns.count(), self.wire.recorded_s()
        self.page.get_by_role("button", name="Hold to talk").hover()
        self.page.mouse.down()
        self.until(lambda: self.wire.recorded_s() - before >= seconds)
        self.page.mouse.up()
        expect(self.turns).to_have_count(count + 1)
        return self.turns.nth(count)

    # -- what is seen -----------------------------------------------------------------------------------------------

    @property
    def turns(self) -> Locator:
        """The questions with their answers."""
        return self.page.locator(".turn")

    def connected(self) -> None:
        """Waits for the connection."""
        expect(self.page.locator("#link-state")).to_have_text("Connected")

    def answered(self, turn: Locator) -> str:
        """Waits for the whole answer; its words."""
        expect(turn).to_have_attribute("data-answer", "done")
        return turn.locator(".heard").inner_text()

    def heard_out(self) -> None:
        """Waits until the answer has been spoken to its end."""
        expect(self.page.get_by_role("button", name="Stop the answer")).to_be_hidden()

    def until(self, condition: Callable[[], bool]) -> None:
        """Waits for something that no locator shows."""
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            self.page.wait_for_timeout(50)  # lets the browser's events in, which a sleep would not
