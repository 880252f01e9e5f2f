"""Lectures on the page: uploaded, refused, read along, played and deleted."""

import httpx
from playwright.sync_api import expect

from viva.client import VivaClient

from .conftest import QUESTION, TITLE

WATCH_PROGRESS = """() => {
  window.seen = [];
  new MutationObserver(() => {
    for (const bar of document.querySelectorAll("progress")) window.seen.push([bar.ariaLabel, bar.value]);
  }).observe(document.body, { subtree: true, childList: true, attributes: true });
}"""


def slowly(page, bytes_per_second: int) -> None:
    """Lets uploads take their time, so that there is progress to be seen."""
    session = page.context.new_cdp_session(page)
    session.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second},
    )


def test_an_upload_shows_its_progress_and_the_transcript_as_it_comes(visit, browser, recordings, url):
    """First the bytes, then the transcription; the lecture is chosen by itself, and deleted only when that is meant."""
    page = visit(browser).page
    page.evaluate(WATCH_PROGRESS)
    slowly(page, recordings.lecture.stat().st_size)
    page.get_by_label("Add a recording").set_input_files(
        {"name": "Kilby.wav", "mimeType": "audio/wav", "buffer": recordings.lecture.read_bytes()}
    )
    expect(page.get_by_role("heading", name="Kilby")).to_be_visible()
    expect(page.locator(".segment").first).to_be_visible()
    expect(page.locator('.lecture-item[data-chosen][data-state="ready"]')).to_be_visible()
    seen = page.evaluate("window.seen")
    assert any(0 < value < 1 for label, value in seen if label == "Upload of Kilby.wav")
    assert any(label == "Transcription of Kilby" for label, _ in seen)
    shown = page.locator(".segment-text").all_inner_texts()
    with VivaClient(url) as client:
        (uploaded,) = [each for each in client.lectures() if each.title == "Kilby"]
        assert shown == [segment.text for segment in client.lecture(uploaded.lecture_id).segments]
        page.get_by_role("button", name="Delete Kilby").click()
        page.get_by_role("button", name="Keep it").click()
        expect(page.get_by_role("dialog")).to_be_hidden()
        page.get_by_role("button", name="Delete Kilby").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(page.get_by_role("button", name="Delete Kilby")).to_have_count(0)
        expect(page.get_by_role("heading", name="No lecture chosen")).to_be_visible()
        assert "Kilby" not in [each.title for each in client.lectures()]


def test_a_dropped_file_is_uploaded(visit, browser, recordings, lecture):
    """Anywhere on the page; while it is held over the page, the page says what letting go does."""
    page = visit(browser, expected="status of 400").page
    expect(page.get_by_role("button", name=TITLE).first).to_be_visible()
    data = page.evaluate_handle(
        """() => {
          const data = new DataTransfer();
          data.items.add(new File(["not sound"], "dropped.wav"));
          return data;
        }"""
    )
    page.dispatch_event("body", "dragenter", {"dataTransfer": data})
    expect(page.get_by_text("Let go to add the recording")).to_be_visible()
    page.dispatch_event("body", "drop", {"dataTransfer": data})
    expect(page.get_by_text("Let go to add the recording")).to_be_hidden()
    expect(page.locator(".upload-name")).to_have_text("dropped.wav")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()  # it is none, and was looked at


def test_a_refused_upload_has_the_servers_own_sentence(visit, browser, url):
    """Not a code and not a status: what the server says to people, and a way to try again."""
    content = b"This is a text, whatever its name says. " * 20
    answer = httpx.post(f"{url}/v1/lectures", files={"file": ("talk.mp3", content)})
    page = visit(browser, expected="status of 400").page
    page.get_by_label("Add a recording").set_input_files(
        {"name": "talk.mp3", "mimeType": "audio/mpeg", "buffer": content}
    )
    refusal = page.locator(".upload-words")
    expect(refusal).to_have_text(answer.json()["error"]["message"])
    page.get_by_role("button", name="Try again").click()
    expect(refusal).to_have_text(answer.json()["error"]["message"])
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator(".upload")).to_have_count(0)


def test_a_citation_plays_its_seconds_and_marks_them(talking):
    """From its start, to its end and no further; the words it rests on are marked and scrolled to."""
    turn = talking.ask(QUESTION)
    talking.answered(turn)
    page, chip = talking.page, turn.locator(".chip").first
    chip.click()
    expect(chip).to_have_attribute("aria-pressed", "true")
    marked = page.locator(".segment[data-cited]")
    expect(marked.first).to_be_in_viewport()
    assert "kilby" in " ".join(marked.locator(".segment-text").all_inner_texts()).lower()
    expect(page.locator('.segment[aria-current="true"][data-cited]').first).to_be_visible()
    expect(chip).to_have_attribute("aria-pressed", "false")  # by itself, at the end
    citation = talking.wire.told("response.done")[0]["response"]["output"][0]["content"][0]["annotations"][0]
    position = page.evaluate("document.getElementById('audio').currentTime")
    assert citation["end"] - 0.1 <= position < citation["end"] + 0.5
    talking.heard_out()  # two voices at once are none: the answer's went silent
    assert talking.loudspeaker.is_silent_now()
    assert not talking.wire.asked("conversation.item.truncate")  # and its text is kept whole


def test_the_transcript_follows_the_recording_and_leads_it(talking):
    """What is heard is marked; a click on words plays them; scrolling by hand ends the following until asked for."""
    page = talking.page
    segments = page.locator(".segment")
    segments.nth(2).locator(".segment-text").click()
    expect(segments.nth(2)).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(segments.nth(3)).to_have_attribute("aria-current", "true")
    page.locator("#transcript").hover()
    page.mouse.wheel(0, 50)
    page.get_by_role("button", name="Follow the recording").click()
    expect(page.get_by_role("button", name="Follow the recording")).to_be_hidden()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()


def test_asking_silences_the_lecture(talking):
    """One does not talk into the recording."""
    page = talking.page
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    talking.ask(QUESTION)
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
