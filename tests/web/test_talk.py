"""Talking with the lecture: by voice, with the button held or hands-free, and by typing; heard, cut and stopped."""

import numpy as np
from playwright.sync_api import expect

from viva.client import VivaClient

from .chromium import chromium
from .conftest import QUESTION, SPOKEN, TITLE
from .loudspeaker import RATE_HZ

FADE = 2 * RATE_HZ * 8 // 1000  # bytes at either end of a clause that may have been faded


def test_a_typed_question_is_answered_in_writing_and_aloud(talking):
    """The answer appears with its citations and receipt, and every sample of it is played, with no gap in a clause."""
    turn = talking.ask(QUESTION)
    assert "kilby" in talking.answered(turn).lower()
    talking.heard_out()
    heard = (talking.loudspeaker.samples() * 32768).astype("<i2").tobytes()
    clauses = talking.wire.clauses()
    assert sum(map(len, clauses)) > 2 * RATE_HZ
    at = 0
    for clause in clauses:
        at = heard.find(clause[FADE:-FADE], at)
        assert at >= 0, "the clause was not played as it came"
    expect(turn.get_by_role("list", name="Where the time went")).to_contain_text("to the first sound")


def test_holding_the_button_asks_what_was_said(visit, asking_browser, recordings, lecture):
    """The words appear as they are said, the question is answered, and the answer sounds."""
    page = visit(asking_browser)
    page.choose(TITLE)
    page.page.get_by_role("button", name="Hold to talk").hover()
    page.page.mouse.down()
    turn = page.turns.first
    expect(turn).to_have_attribute("data-question", "speaking")
    expect(turn.locator(".question-text")).to_contain_text("happened")  # while it is being said
    page.until(lambda: page.wire.recorded_s() >= recordings.question_s + 0.5)
    page.page.mouse.up()
    expect(turn).to_have_attribute("data-question", "known")
    expect(turn.locator(".question-text")).to_have_text(SPOKEN)
    assert "september" in page.answered(turn).lower()
    page.until(lambda: page.loudspeaker.sounding() > RATE_HZ // 2)
    assert page.wire.types()[1:4] == [
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "response.create",
    ]
    expect(turn.get_by_role("list", name="Where the time went")).to_contain_text("hear")


def test_the_space_bar_talks_and_typing_does_not(visit, asking_browser, recordings, lecture):
    """Held anywhere on the page it records; in the text it is a blank."""
    page = visit(asking_browser)
    page.choose(TITLE)
    page.page.get_by_label("Your question").press_sequentially("a b")
    expect(page.page.get_by_label("Your question")).to_have_value("a b")
    assert page.wire.recorded_s() == 0
    page.page.get_by_role("log").focus()
    page.page.keyboard.down("Space")
    page.until(lambda: page.wire.recorded_s() >= recordings.question_s + 0.5)
    meter = page.page.get_by_role("meter", name="Microphone level")
    expect(meter).to_be_visible()
    page.page.keyboard.up("Space")
    expect(meter).to_be_hidden()
    assert "september" in page.answered(page.turns.last).lower()


def test_stopping_an_answer_silences_it_and_keeps_what_was_heard(talking, url):
    """The sound fades out at once without a click; the page and the history end with the words that were heard."""
    turn = talking.ask(QUESTION)
    talking.until(lambda: talking.loudspeaker.sounding() > 2 * RATE_HZ)
    talking.page.get_by_role("button", name="Stop the answer").click()
    talking.until(talking.loudspeaker.is_silent_now)
    samples = talking.loudspeaker.samples()
    played = samples[np.flatnonzero(samples)[0] : np.flatnonzero(samples)[-1] + 1]
    assert np.abs(played[-8:]).max() < 0.06, "it ends with a click"
    (truncated,) = talking.wire.asked("conversation.item.truncate")
    # What was given to the system less what had not left it yet.
    assert 0 <= len(played) / RATE_HZ * 1000 - truncated["audio_end_ms"] < 1000
    expect(turn).to_have_attribute("data-answer", "cut")
    expect(turn.locator(".unheard")).not_to_be_empty()
    (created,) = talking.wire.told("session.created")
    with VivaClient(url) as client:

        def kept() -> str:
            return client.session(created["session"]["id"]).turns[-1]["answer"]

        talking.until(lambda: len(kept()) < len("".join(e["delta"] for e in talking.wire.told(TEXT))) - 20)
        assert turn.locator(".heard").inner_text().startswith(kept()[:20])
    talking.page.reload()
    expect(turn).to_have_attribute("data-answer", "cut")
    expect(turn.get_by_text("stopped here")).to_be_visible()


TEXT = "response.output_audio_transcript.delta"


def test_a_new_question_interrupts_the_answer(talking):
    """Only the new one goes on; the old one is marked as cut."""
    first = talking.ask(QUESTION)
    talking.until(lambda: talking.loudspeaker.sounding() > RATE_HZ)
    second = talking.ask("In which year was it?")
    expect(first).to_have_attribute("data-answer", "cut")
    assert talking.answered(second)
    assert [event["type"] for event in talking.wire.told("error")] == []


def test_holding_the_button_silences_the_answer(talking):
    """At once, before anything has been said; and when nothing is, a sentence says so."""
    first = talking.ask(QUESTION)
    talking.until(lambda: talking.loudspeaker.sounding() > RATE_HZ)
    talking.page.get_by_role("button", name="Hold to talk").hover()
    talking.page.mouse.down()
    expect(first).to_have_attribute("data-answer", "cut")
    talking.until(talking.loudspeaker.is_silent_now)
    talking.until(lambda: talking.wire.recorded_s() > 0.5)
    talking.page.mouse.up()
    expect(talking.page.get_by_role("alert")).to_contain_text("no words")
    expect(talking.turns).to_have_count(1)


def test_hands_free_hears_when_one_speaks_and_is_interrupted(visit, playwright, recordings, lecture):
    """No button: the server finds the question, answers it, and falls silent when one speaks into the answer."""
    with chromium(playwright, hears=recordings.again_and_again) as browser:
        page = visit(browser)
        page.choose(TITLE)
        page.page.get_by_role("switch", name="Hands-free").check()
        expect(page.page.locator("#listening")).to_contain_text("just speak")
        spoken = page.turns.filter(has_text="September").first
        expect(spoken).to_have_attribute("data-question", "known")
        page.until(lambda: spoken.get_attribute("data-answer") in ("done", "cut"))
        assert not page.wire.asked("response.create")
        while not any(event["audio_end_ms"] > 0 for event in page.wire.asked("conversation.item.truncate")):
            # The answer to this one is long; it may be cut before it sounds, though.
            page.page.get_by_label("Your question").fill(QUESTION)
            page.page.keyboard.press("Enter")
            typed = page.turns.filter(has_text=QUESTION).last
            page.until(lambda turn=typed: turn.get_attribute("data-answer") == "cut")
        page.page.get_by_role("switch", name="Hands-free").uncheck()
        expect(page.page.locator("#listening")).to_be_hidden()


def test_answers_can_be_read_without_being_spoken(talking):
    """With the voice off an answer comes as text alone, and stays off after a reload."""
    talking.page.get_by_role("switch", name="Speak answers").uncheck()
    talking.answered(talking.ask(QUESTION))
    assert talking.wire.told("response.output_text.delta")
    assert not talking.wire.told("response.output_audio.delta")
    talking.page.reload()
    expect(talking.page.get_by_role("switch", name="Speak answers")).not_to_be_checked()


def test_a_short_press_latches(talking):
    """It records until the next press, and says so; Escape throws away what was said."""
    talking.page.get_by_role("button", name="Hold to talk").click()
    expect(talking.page.get_by_text("Listening: press again to send")).to_be_visible()
    talking.page.keyboard.press("Escape")
    expect(talking.page.locator("#listening")).to_be_hidden()
    expect(talking.turns).to_have_count(0)
    assert not talking.wire.asked("input_audio_buffer.commit")


def test_letting_go_to_allow_the_microphone_asks_nothing(talking):
    """The browser's question takes the pointer away; what is allowed then does not begin to record by itself."""
    talking.page.evaluate("""() => {
      const { getUserMedia } = navigator.mediaDevices;
      navigator.mediaDevices.getUserMedia = async function (...wanted) {
        await new Promise((allow) => (window.allow = allow));
        return getUserMedia.apply(this, wanted);
      };
    }""")
    talking.page.get_by_role("button", name="Hold to talk").hover()
    talking.page.mouse.down()
    expect(talking.page.get_by_text("Opening the microphone")).to_be_visible()
    talking.page.wait_for_timeout(500)  # longer than the press that latches
    talking.page.mouse.up()
    expect(talking.page.locator("#listening")).to_be_hidden()
    talking.page.evaluate("window.allow()")
    talking.answered(talking.ask(QUESTION))
    expect(talking.turns).to_have_count(1)
    assert talking.wire.recorded_s() == 0


def test_a_window_that_is_left_while_the_button_is_down_is_not_listened_to(talking):
    """However short the press was: nobody sees there that a recording goes on."""
    page = talking.page
    page.get_by_role("log").focus()
    page.keyboard.down("Space")
    expect(page.locator("#listening")).to_be_visible()
    page.evaluate("window.dispatchEvent(new Event('blur'))")
    expect(page.locator("#listening")).to_be_hidden()
    expect(page.get_by_role("button", name="Hold to talk")).to_have_attribute("aria-pressed", "false")


def test_a_latched_recording_ends_when_the_page_is_hidden(talking):
    """What was said until then is sent; it does not go on in the background."""
    page = talking.page
    page.get_by_role("button", name="Hold to talk").dispatch_event("click")
    talking.until(lambda: talking.wire.recorded_s() > 0.5)
    page.evaluate("""() => {
      Object.defineProperty(document, "hidden", { value: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }""")
    expect(page.locator("#listening")).to_be_hidden()
    talking.until(lambda: bool(talking.wire.asked("input_audio_buffer.commit")))
