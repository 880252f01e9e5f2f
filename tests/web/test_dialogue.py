"""What becomes of speech, with a server, a microphone and a loudspeaker that do what a test says."""

from playwright.sync_api import Page

# `sent` is what the page sent; `tell` is what the server says; `speak` and `stopped` are the microphone's.
DIALOGUE = """async () => {
  const { Conversation } = await import("/web/conversation.js");
  const { Dialogue } = await import("/web/dialogue.js");
  const connection = new EventTarget(), microphone = new EventTarget(), speaker = new EventTarget();
  const test = { sent: [], notices: [], opened: 0, closed: 0, stopped: [] };
  const send = (event) => connection.state === "open" && test.sent.push(event) > 0;
  Object.assign(connection, { state: "open", send });
  Object.assign(microphone, {
    recording: false,
    start: async () => { test.opened++; microphone.recording = true; },
    stop: () => new Promise((resolve) => test.stopped.push(resolve)),
    close: async () => { test.closed++; microphone.recording = false; },
  });
  Object.assign(speaker, { busy: false, unlock() {}, stop: async () => new Map(), end() {}, push() {} });
  const conversation = new Conversation();
  const dialogue = new Dialogue(connection, conversation, microphone, speaker);
  dialogue.addEventListener("notice", ({ detail }) => test.notices.push(detail));
  const turn = () => new Promise((resolve) => setTimeout(resolve));
  window.test = Object.assign(test, {
    conversation, dialogue, turn,
    tell: (event) => connection.dispatchEvent(new CustomEvent("event", { detail: event })),
    speak: () => microphone.dispatchEvent(new CustomEvent("audio", { detail: new Int16Array(12000) })),
    lose: (message) => microphone.dispatchEvent(new CustomEvent("lost", { detail: { message } })),
    asked: (type) => test.sent.filter((event) => event.type === type).length,
    breakOff: () => {
      connection.state = "waiting";
      connection.dispatchEvent(new CustomEvent("state", { detail: { state: "waiting" } }));
      connection.state = "open";
      test.tell({ type: "session.created", session: { id: "ses" } });
    },
    confirm: (turn_detection, viva) => {
      test.tell({ type: "session.updated", session: { audio: { input: { turn_detection } }, viva } });
    },
    say: async () => {
      dialogue.press();
      await turn();
      test.speak();
      dialogue.release();
      test.stopped.pop()();
      await turn();
    },
  });
}"""

SPOKEN = {"id": "item_q", "type": "message", "role": "user", "content": [{"type": "input_audio"}]}


def scenario(page: Page, script: str, argument: object = None) -> object:
    """What a script returns that plays with `test` on a dialogue of its own."""
    page.evaluate(DIALOGUE)
    return page.evaluate(f"async (given) => {{ const t = window.test; {script} }}", argument)


def test_a_spoken_question_that_the_server_has_is_not_sent_again(page):
    """The connection broke before it said so; it is being transcribed, and its answer comes in its turn."""
    item = SPOKEN | {"status": "in_progress"}
    answer = {"id": "item_a", "role": "assistant", "content": [{"transcript": "It was Kilby."}]}
    sent, turns = scenario(
        page,
        """
        await t.say();
        t.breakOff();
        t.tell({ type: "conversation.item.added", item: given.item, previous_item_id: null });
        t.confirm(null);
        const sent = [t.asked("input_audio_buffer.commit"), t.asked("response.create")];
        const done = { ...given.item, status: "completed", content: [{ transcript: "Who was it?" }] };
        t.tell({ type: "conversation.item.done", item: done, previous_item_id: null });
        t.tell({ type: "conversation.item.done", item: given.answer, previous_item_id: "item_q" });
        return [sent, t.conversation.turns.map(({ question, answer, answerState }) => [question, answer, answerState])];
        """,
        {"item": item, "answer": answer},
    )
    assert sent == [1, 1]
    assert turns == [["Who was it?", "It was Kilby.", "done"]]


def test_a_spoken_question_that_the_server_has_not_is_sent_again(page):
    """Once, with all that was said."""
    sent = scenario(
        page,
        """
        await t.say();
        t.breakOff();
        t.confirm(null);
        t.confirm(null);
        return ["append", "commit"].map((what) => t.asked(`input_audio_buffer.${what}`));
        """,
    )
    assert sent == [2, 2]


def test_what_the_server_began_to_hear_and_lost_is_no_question(page):
    """Hands-free, the connection breaks in the middle of a sentence: the turn goes; one that it has, stays."""
    left = scenario(
        page,
        """
        t.dialogue.setHandsFree(true);
        t.tell({ type: "input_audio_buffer.speech_started", item_id: "item_q" });
        t.tell({ type: "input_audio_buffer.speech_started", item_id: "item_lost" });
        t.breakOff();
        t.tell({ type: "conversation.item.added", item: given, previous_item_id: null });
        t.confirm({});
        return t.conversation.turns.map((turn) => [turn.questionItem, turn.questionState, turn.received]);
        """,
        SPOKEN | {"status": "in_progress"},
    )
    assert left == [["item_q", "heard", True]]


def test_a_press_while_the_last_words_are_on_their_way_is_a_press(page):
    """Both questions are sent, each whole; the second press need not be repeated."""
    commits, appended = scenario(
        page,
        """
        t.dialogue.press();
        await t.turn();
        t.speak();
        t.dialogue.release();
        t.dialogue.press();
        t.speak(); // the last words of the first
        t.stopped.pop()();
        await t.turn();
        const first = t.sent.map(({ type }) => type).filter((type) => type.startsWith("input_audio_buffer"));
        t.speak();
        t.dialogue.release();
        t.stopped.pop()();
        await t.turn();
        return [t.asked("input_audio_buffer.commit"), first];
        """,
    )
    assert appended == [f"input_audio_buffer.{what}" for what in ("append", "append", "commit")]
    assert commits == 2


def test_hands_free_gives_the_microphone_back_at_once(page):
    """Whoever switches it off does not want to be listened to."""
    assert scenario(
        page,
        """
        await t.dialogue.setHandsFree(true);
        await t.dialogue.setHandsFree(false);
        return [t.opened, t.closed, t.dialogue.listening];
        """,
    ) == [1, 1, False]


def test_a_server_without_turn_detection_ends_hands_free(page):
    """With a sentence that says what to do, whether it refuses the audio, leaves the setting out, or says why."""
    for how in (
        't.tell({ type: "error", error: { code: "turn_detection_unavailable", message: "No." } });',
        "t.confirm(null);",
        't.confirm({}, { not_listening: { code: "turn_detection_unavailable", message: "No." } });',
    ):
        notices, hands_free, closed = scenario(
            page,
            f"""
            await t.dialogue.setHandsFree(true);
            {how}
            {how}
            return [t.notices, t.dialogue.handsFree, t.closed];
            """,
        )
        assert [notice for notice in notices if "Hold the button" in notice] == notices
        assert len(notices) == 1
        assert (hands_free, closed) == (False, 1)


def test_hands_free_outlasts_a_server_that_cannot_hear_for_a_while(page):
    """It says so, and goes on: what is said is heard again as soon as it can be."""
    notices, hands_free = scenario(
        page,
        """
        await t.dialogue.setHandsFree(true);
        t.confirm({}, { not_listening: { code: "asr_unavailable", message: "No." } });
        t.confirm({});
        return [t.notices, t.dialogue.handsFree];
        """,
    )
    assert len(notices) == 1
    assert "not heard just now" in notices[0]
    assert hands_free is True


def test_settings_confirmed_late_do_not_end_hands_free(page):
    """What the server confirms may be what was asked for before hands-free was switched on."""
    assert scenario(
        page,
        """
        t.dialogue.spoken = false;
        await t.dialogue.setHandsFree(true);
        t.confirm(null);
        t.confirm({ type: "server_vad" });
        return [t.dialogue.handsFree, t.notices];
        """,
    ) == [True, []]


def test_a_microphone_that_goes_away_takes_the_unfinished_question_with_it(page):
    """Half a sentence is not asked, and no turn is left behind that waits for the other half."""
    turns, notices, commits = scenario(
        page,
        """
        t.dialogue.press();
        await t.turn();
        t.speak();
        t.lose("It was unplugged.");
        return [t.conversation.turns.length, t.notices, t.asked("input_audio_buffer.commit")];
        """,
    )
    assert (turns, commits) == (0, 0)
    assert notices == ["It was unplugged."]
