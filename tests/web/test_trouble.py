"""What goes wrong in front of the page: each with a sentence that helps, and typing that works all the same."""

import re
from urllib.parse import urlsplit

from playwright.sync_api import expect

from .chromium import chromium
from .conftest import QUESTION, TITLE


def tried(page) -> str:
    """The sentence that comes of trying to talk; the page is as before otherwise, and a typed question is answered."""
    button = page.page.get_by_role("button", name="Hold to talk")
    button.hover()
    page.page.mouse.down()
    notice = page.page.get_by_role("alert")
    expect(notice).not_to_be_empty()
    page.page.mouse.up()
    sentence = notice.inner_text()
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(page.turns).to_have_count(0)
    page.answered(page.ask(QUESTION))
    expect(notice).to_be_empty()
    return sentence


def test_a_microphone_that_is_refused(visit, browser, lecture):
    """Where to allow it."""
    page = visit(browser, microphone=False)
    page.choose(TITLE)
    assert "Allow it beside the page's address" in tried(page)


def test_no_microphone(visit, playwright, lecture):
    """To plug one in."""
    with chromium(playwright) as browser:
        page = visit(browser)
        page.choose(TITLE)
        assert "No microphone was found" in tried(page)


def test_a_page_that_browsers_give_no_microphone(visit, playwright, url, lecture, recordings):
    """Opened by a name over plain http: how to open it instead; answers are heard there too."""
    flags = ("--host-resolver-rules=MAP viva.test 127.0.0.1",)
    with chromium(playwright, hears=recordings.silence, flags=flags) as browser:
        page = visit(browser, at=f"http://viva.test:{urlsplit(url).port}/", microphone=None)
        page.choose(TITLE)
        assert "https://" in tried(page)
        expect(page.page.get_by_role("button", name="Stop the answer")).to_be_visible()
        page.heard_out()


def test_a_badge_says_what_was_degraded(talking, killed):
    """In words, under the answer; after a reload too."""
    with killed("tts"):
        turn = talking.ask(QUESTION)
        talking.answered(turn)
    expect(turn.locator(".badge")).to_have_text(re.compile("voice is down"))
    talking.page.reload()
    expect(talking.turns.first.locator(".badge")).to_have_text(re.compile("voice is down"))


def test_a_question_that_fails_can_be_asked_again(talking, killed):
    """The server's sentence in place of the answer, and a button."""
    with killed("llm"):
        turn = talking.ask(QUESTION)
        expect(turn).to_have_attribute("data-answer", "failed")
        expect(turn.locator(".problem-words")).not_to_be_empty()
    turn.get_by_role("button", name="Ask again").click()
    assert "kilby" in talking.answered(turn).lower()


def test_without_a_lecture_nothing_is_recorded(visit, browser, lecture):
    """The space bar opens no microphone while there is nothing to ask about."""
    page = visit(browser)
    page.page.route("**/v1/lectures?*", lambda route: route.fulfill(json={"data": [], "has_more": False}))
    page.page.add_init_script("""
      window.opened = 0;
      navigator.mediaDevices.getUserMedia = async () => {
        window.opened++;
        throw new DOMException("", "NotFoundError");
      };
    """)
    page.page.reload()
    expect(page.page.get_by_role("heading", name="No lecture chosen")).to_be_visible()
    expect(page.page.get_by_role("button", name="Hold to talk")).to_be_disabled()
    page.page.get_by_role("log").focus()
    page.page.keyboard.down("Space")
    expect(page.page.locator("#listening")).to_be_hidden()
    page.page.keyboard.up("Space")
    assert page.page.evaluate("window.opened") == 0
    expect(page.turns).to_have_count(0)
