"""The microphone and the loudspeaker when the browser's audio is slow, refuses, or stands still."""

from playwright.sync_api import Page

# A microphone whose permission is asked for until `allow()` is called, and whose audio contexts a test can reach.
MICROPHONE = """async () => {
  window.contexts = [];
  const { resume } = AudioContext.prototype;
  AudioContext.prototype.resume = function () {
    window.contexts.push(this);
    return resume.call(this);
  };
  window.tracks = [];
  navigator.mediaDevices.getUserMedia = async () => {
    await new Promise((resolve) => (window.allow = resolve));
    const { stream } = new AudioContext().createMediaStreamDestination();
    window.tracks.push(...stream.getTracks());
    return stream;
  };
  const { Microphone } = await import("/web/microphone.js");
  window.microphone = new Microphone();
  window.until = async (condition) => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
  };
}"""


def microphone(page: Page, script: str) -> object:
    page.evaluate(MICROPHONE)
    return page.evaluate(f"async () => {{ const {{ microphone, until }} = window; {script} }}")


def test_a_microphone_that_is_allowed_too_late_records_nothing(page):
    """The button came up while the browser still asked."""
    assert (
        microphone(
            page,
            """
        const started = microphone.start();
        await until(() => window.allow);
        await microphone.stop();
        window.allow();
        await started;
        return microphone.recording;
        """,
        )
        is False
    )


def test_a_microphone_that_is_closed_while_it_is_asked_for_is_given_back(page):
    """What is allowed after that is not kept open."""
    assert microphone(
        page,
        """
        const started = microphone.start();
        await until(() => window.allow);
        const closed = microphone.close();
        window.allow();
        await Promise.all([started, closed]);
        return [microphone.recording, window.tracks.map(({ readyState }) => readyState)];
        """,
    ) == [False, ["ended"]]


def test_a_microphone_that_stands_still_ends_all_the_same(page):
    """A phone call may suspend a page's audio: its last block never comes, and is not waited for."""
    assert microphone(
        page,
        """
        const started = microphone.start();
        await until(() => window.allow);
        window.allow();
        await started;
        const before = microphone.recording;
        await window.contexts[0].suspend();
        await microphone.stop();
        return [before, microphone.recording];
        """,
    ) == [True, False]


# A second of a tone as an answer of the server has it.
SPEAKER = """async () => {
  const { Speaker } = await import("/web/speaker.js");
  const speaker = new Speaker();
  const bytes = new Uint8Array(new Int16Array(24000).fill(8000).buffer);
  const audio = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  const seen = [];
  for (const type of ["playing", "silent", "failed"]) {
    speaker.addEventListener(type, ({ detail }) => seen.push(detail ? `${type} ${detail}` : type));
  }
  const until = async (wanted) => {
    while (!seen.includes(wanted)) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  Object.assign(window, { speaker, audio, seen, until });
}"""


def speaker(page: Page, script: str) -> object:
    page.evaluate(SPEAKER)
    page.locator("body").click(position={"x": 5, "y": 5})  # before that no page may sound
    return page.evaluate(f"async () => {{ const {{ speaker, audio, seen, until }} = window; {script} }}")


def test_a_loudspeaker_that_failed_once_is_opened_again(page):
    """One answer stays silent, and nothing waits for it; the next is heard."""
    assert speaker(
        page,
        """
        const { addModule } = AudioWorklet.prototype;
        AudioWorklet.prototype.addModule = async function () {
          AudioWorklet.prototype.addModule = addModule;
          throw new DOMException("No.", "AbortError");
        };
        speaker.push("item_1", audio);
        await speaker.stop();
        await until("failed");
        speaker.push("item_1", audio);
        const busy = speaker.busy;
        speaker.unlock();
        speaker.push("item_2", audio);
        speaker.end("item_2");
        await until("silent item_2");
        return [busy, seen];
        """,
    ) == [False, ["silent item_1", "failed", "playing item_2", "silent item_2"]]


def test_a_loudspeaker_that_stands_still_is_stopped_all_the_same(page):
    """What it said last is what was heard; whoever interrupts does not wait for more."""
    heard, busy = speaker(
        page,
        """
        speaker.unlock();
        speaker.push("item_1", audio);
        await until("playing item_1");
        const { postMessage } = MessagePort.prototype;
        MessagePort.prototype.postMessage = () => {}; // the audio thread hears nothing any more
        const heard = await speaker.stop();
        MessagePort.prototype.postMessage = postMessage;
        return [[...heard], speaker.busy];
        """,
    )
    assert [item for item, _ in heard] == ["item_1"]
    assert heard[0][1] >= 0
    assert busy is False
