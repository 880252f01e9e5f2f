"""For everybody: by keyboard alone, by screen reader, with weak eyes, on a phone, with less motion."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from .conftest import QUESTION, TITLE

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
TABS = ("Lectures", "Talk", "Transcript")


def complaints(page) -> str:
    """What axe-core finds, with where; nothing is left out."""
    # Chips and notices that just appear are judged when they are there in full.
    page.emulate_media(reduced_motion="reduce")
    found = Axe().run(page)
    return found.generate_report() if found.violations_count else ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_shuts_anybody_out(visit, browser, lecture, scheme):
    """Names, roles, order, contrast: before the first question, with an answer, in a dialog, with a notice."""
    page = visit(browser, color_scheme=scheme)
    page.choose(TITLE)
    assert complaints(page.page) == ""
    turn = page.ask(QUESTION)
    page.answered(turn)
    turn.locator(".chip").first.click()
    expect(page.page.locator(".segment[data-cited]").first).to_be_visible()
    assert complaints(page.page) == ""
    page.page.get_by_role("button", name=f"Delete {TITLE}").click()
    assert complaints(page.page) == ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_of_it(visit, browser, lecture, scheme):
    """One pane at a time, nothing wider than the screen, and nothing that axe-core finds."""
    page = visit(browser, color_scheme=scheme, **PHONE)
    page.connected()
    page.answered(page.ask(QUESTION))
    for tab in TABS:
        page.page.get_by_role("navigation").get_by_role("button", name=tab).click()
        wide = page.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= PHONE["viewport"]["width"], tab
        assert complaints(page.page) == "", tab
    expect(page.page.locator(".segment").first).to_be_visible()


def test_a_narrow_phone_needs_no_scrolling_sideways(visit, browser, lecture):
    """320 px, which is also what a page of 1280 px has at 400 %."""
    page = visit(browser, viewport={"width": 320, "height": 640})
    page.connected()
    page.answered(page.ask(QUESTION))
    for tab in TABS:
        page.page.get_by_role("navigation").get_by_role("button", name=tab).click()
        assert page.page.evaluate("document.documentElement.scrollWidth") <= 320, tab


def test_a_screen_reader_finds_its_way(talking):
    """Landmarks, headings, names and states, in the order in which they are read."""
    talking.answered(talking.ask(QUESTION))
    talking.heard_out()
    expect(talking.page.locator("body")).to_match_aria_snapshot("""
      - banner:
        - heading "Viva" [level=1]
        - status: Connected
        - link "API"
      - main:
        - region "Lectures":
          - heading "Lectures" [level=2]
        - region "Conversation":
          - heading "Conversation" [level=2]
          - log "Questions and answers":
            - list:
              - listitem:
                - paragraph: /You asked.*integrated circuit/
                - paragraph: /Answer.*/
                - list "Where the lecture says so":
                  - listitem:
                    - button /Play the lecture from .* to .*/
                - list "Where the time went":
                  - listitem: /to the first sound/
          - form "Ask":
            - button "Hold to talk"
            - textbox "Your question"
            - button "Send the question"
            - switch "Hands-free"
            - switch "Speak answers" [checked]
        - region "A history of the transistor":
          - group "Player":
            - button "Play"
            - slider "Position in the recording"
          - region "Transcript"
    """)


def test_an_answer_is_announced_once_it_is_whole(talking):
    """While it is written its turn is busy, so that a screen reader does not read every piece of it."""
    busy = talking.page.evaluate_handle("""() => {
      const seen = [];
      new MutationObserver(() => seen.push(document.querySelector(".turn")?.getAttribute("aria-busy")))
        .observe(document.getElementById("turns"), { subtree: true, childList: true, attributes: true });
      return seen;
    }""")
    turn = talking.ask(QUESTION)
    talking.answered(turn)
    expect(turn).to_have_attribute("aria-busy", "false")
    assert "true" in busy.json_value()


def test_citations_and_numbers_are_not_read_out(talking):
    """Of a new turn the question and the answer are announced; what stands below is there for whoever looks for it."""
    turn = talking.ask(QUESTION)
    talking.answered(turn)
    region = "(part) => part.closest('[aria-live], [role=log]').getAttribute('role')"
    for part, announced in (
        (".question", "log"),
        (".answer-text", "log"),
        (".chips", None),
        (".receipt", None),
    ):
        assert turn.locator(part).evaluate(region) == announced, part
    assert turn.locator(".badge").evaluate(region) is None
    assert turn.locator(".problem").evaluate(region) == "log"


def test_everything_is_done_by_keyboard(talking):
    """Skip to the question, ask it, stop, play a citation, walk through the transcript, switch hands-free."""
    page = talking.page
    page.reload()  # the tab key begins at the top again
    talking.connected()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the question")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type(QUESTION)
    page.keyboard.press("Enter")
    talking.until(lambda: talking.loudspeaker.sounding() > 0)
    page.keyboard.press("Escape")
    talking.until(talking.loudspeaker.is_silent_now)
    turn = talking.turns.first
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("button", name="Hold to talk")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(turn.locator(".chip").last).to_be_focused()
    page.keyboard.press("Enter")
    expect(turn.locator(".chip").last).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Enter")
    expect(turn.locator(".chip").last).to_have_attribute("aria-pressed", "false")
    times = page.locator(".segment-time")
    times.first.focus()
    page.keyboard.press("ArrowDown")
    expect(times.nth(1)).to_be_focused()
    page.keyboard.press("End")
    expect(times.last).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    hands_free = page.get_by_role("switch", name="Hands-free")
    hands_free.focus()
    page.keyboard.press("Space")
    expect(hands_free).to_be_checked()
    page.keyboard.press("Space")
    expect(hands_free).not_to_be_checked()


def test_a_click_without_a_press_latches(visit, asking_browser, recordings, lecture):
    """What a screen reader sends: the first begins to record, the second sends what was said."""
    page = visit(asking_browser)
    page.choose(TITLE)
    page.page.locator("#mic").dispatch_event("click")
    expect(page.page.locator("#mic")).to_have_attribute("aria-pressed", "true")
    page.until(lambda: page.wire.recorded_s() >= recordings.question_s + 0.5)
    page.page.locator("#mic").dispatch_event("click")
    assert page.answered(page.turns.first)
