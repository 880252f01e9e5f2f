"""The conversation outlives a reload, and the connection outlives the server."""

from playwright.sync_api import expect

from .conftest import QUESTION, SPOKEN, TITLE

LOST = "WebSocket connection to|Failed to load resource"


def test_a_reload_finds_the_conversation(talking):
    """Questions, answers, citations and times are there again; the next question is asked in the same session."""
    answer = talking.answered(talking.ask(QUESTION))
    chips = talking.turns.first.locator(".chip").count()
    took = talking.turns.first.locator(".receipt-sum").inner_text()
    talking.page.reload()
    talking.connected()
    expect(talking.turns).to_have_count(1)
    expect(talking.turns.first.locator(".question-text")).to_have_text(QUESTION)
    expect(talking.turns.first.locator(".heard")).to_have_text(answer)
    expect(talking.turns.first.locator(".chip")).to_have_count(chips)
    expect(talking.turns.first.locator(".receipt-sum")).to_have_text(took)
    talking.answered(talking.ask("And in which year was that?"))
    talking.page.reload()
    expect(talking.turns).to_have_count(2)
    sessions = {event["session"]["id"] for event in talking.wire.told("session.created")}
    assert len(sessions) == 1


def test_it_comes_back_by_itself_when_the_server_was_away(visit, browser, lecture, killed):
    """It says that the connection is lost, connects again, goes on in the same session, and has lost nothing."""
    page = visit(browser, expected=LOST)
    page.choose(TITLE)
    page.answered(page.ask(QUESTION))
    banner = page.page.locator("#banner")
    with killed("orchestrator"):
        expect(banner).to_contain_text("The connection was lost")
        waiting = page.ask("And in which year was that?")
        expect(waiting).to_have_attribute("data-answer", "waiting")
    page.connected()
    expect(banner).to_be_hidden()
    assert page.answered(waiting)
    expect(page.turns).to_have_count(2)
    sessions = {event["session"]["id"] for event in page.wire.told("session.created")}
    assert len(sessions) == 1


def test_an_answer_that_a_lost_connection_swallowed_comes_with_the_next(visit, browser, lecture):
    """The server finishes it for the page, which gets it whole when it is back."""
    page = visit(browser, expected=LOST)
    page.choose(TITLE)
    page.page.evaluate("""() => {
      const { send } = WebSocket.prototype;
      WebSocket.prototype.send = function (data) {
        send.call(this, data);
        // As a phone does that loses its network: it asks, and hears nothing any more.
        if (data.includes("response.create") && !window.cut) { window.cut = true; this.close(4000); }
      };
    }""")
    turn = page.ask(QUESTION)
    assert "kilby" in page.answered(turn).lower()
    assert len(page.wire.told("session.created")) == 2
    assert len(page.wire.asked("response.create")) == 1
    page.page.reload()
    expect(page.turns).to_have_count(1)  # in the history too it was asked once


def test_a_spoken_question_that_a_lost_connection_swallowed_is_answered_once(
    visit, asking_browser, recordings, lecture
):
    """Its transcript and its answer come with the next connection, and what was said is not sent again."""
    page = visit(asking_browser, expected=LOST)
    page.choose(TITLE)
    page.page.evaluate("""() => {
      const { send } = WebSocket.prototype;
      WebSocket.prototype.send = function (data) {
        send.call(this, data);
        const isAsked = data.includes('"response.create"') && !window.cut;
        if (isAsked) { window.cut = true; this.close(4000); }
      };
    }""")
    turn = page.hold(recordings.question_s + 0.5)
    assert page.answered(turn)
    expect(turn.locator(".question-text")).to_have_text(SPOKEN)
    assert len(page.wire.told("session.created")) == 2
    assert len(page.wire.asked("input_audio_buffer.commit")) == 1
    page.page.reload()
    expect(page.turns).to_have_count(1)
