"""The official openai SDK, unmodified, in conversation with the stack."""

from collections.abc import Callable
from pathlib import Path

import pytest

from viva.client import Lecture, VivaClient
from viva.stack.stack import Stack

from .answers import FOLLOW_UP, LOUD, QUESTION, SLOW_WORDS, says_the_year, turns, understood, words
from .client_run import Fact, named, restart, running_client

Run = Callable[..., list[dict]]


@pytest.fixture
def talk(tmp_path: Path, lecture: Lecture) -> Run:
    """Runs a scenario of the driver; the events that the SDK saw."""

    def run(url: str, scenario: str, /, **options: object) -> list[dict]:
        query = {"lecture_id": lecture.lecture_id}
        with running_client("current", "openai_sdk", scenario, tmp_path, url=url, query=query, **options) as client:
            return events_of(client.finish())

    return run


def events_of(facts: list[Fact]) -> list[dict]:
    return [fact["event"] for fact in named(facts, "event")]


def of_type(events: list[dict], kind: str) -> list[dict]:
    return [event for event in events if event["type"] == kind]


def only(events: list[dict], kind: str) -> dict:
    (event,) = of_type(events, kind)
    return event


def heard_sound(events: list[dict]) -> tuple[float, int]:
    """Seconds of the answers' audio and the loudest sample."""
    deltas = of_type(events, "response.output_audio.delta")
    return sum(delta["seconds"] for delta in deltas), max(delta["peak"] for delta in deltas)


def require_answer(events: list[dict], lecture: Lecture) -> None:
    """The answer is right in every form in which it is sent, spoken, and cites the lecture."""
    response = only(events, "response.done")["response"]
    assert response["status"] == "completed"
    (item,) = response["output"]
    (part,) = item["content"]
    written = "".join(event["delta"] for event in of_type(events, "response.output_audio_transcript.delta"))
    assert "kilby" in part["transcript"].lower()
    assert written.strip() == part["transcript"]
    seconds, peak = heard_sound(events)
    assert seconds > 0.15 * len(words(written))
    assert peak > LOUD
    assert max(delta["seconds"] for delta in of_type(events, "response.output_audio.delta")) <= 1.0
    citation = part["annotations"][0]
    assert citation["lecture_id"] == lecture.lecture_id
    assert "kilby" in citation["text"].lower()
    assert 0 <= citation["start"] < citation["end"] <= lecture.duration_s + 0.5


def test_a_typed_question_is_answered_out_loud(talk, url, lecture):
    """The events of a response come in the order that clients rely on, with the answer's words, sound and citation."""
    events = talk(url, "typed", questions=[QUESTION], modality="audio")
    require_answer(events, lecture)
    kinds = list(dict.fromkeys(event["type"] for event in events))
    assert [kind for kind in kinds if not kind.endswith(".delta")] == [
        "session.created",
        "session.updated",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ]
    assert len({event["event_id"] for event in events}) == len(events)
    users, answers = of_type(events, "conversation.item.added")
    assert answers["previous_item_id"] == users["item"]["id"]


def test_an_answer_can_be_text_alone(talk, url):
    """With the modality "text" it comes as output_text, and nothing is spoken."""
    events = talk(url, "typed", questions=[QUESTION], modality="text")
    assert "kilby" in only(events, "response.output_text.done")["text"].lower()
    assert not of_type(events, "response.output_audio.delta")
    (part,) = only(events, "response.done")["response"]["output"][0]["content"]
    assert part["type"] == "output_text"


@pytest.mark.parametrize(
    "detection",
    [
        None,
        {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500},
        {"type": "semantic_vad", "eagerness": "high"},
    ],
    ids=["manual", "server_vad", "semantic_vad"],
)
def test_a_spoken_question_is_heard_and_answered(talk, url, lecture, spoken, detection):
    """Whoever says where the turn ends, its words come back, and the answer to them."""
    events = talk(url, "spoken", recording=spoken.question, detection=detection)
    require_answer(events, lecture)
    committed = only(events, "input_audio_buffer.committed")
    heard = only(events, "conversation.item.input_audio_transcription.completed")
    assert heard["item_id"] == committed["item_id"]
    assert understood(heard["transcript"], QUESTION)
    order = [event["type"] for event in events]
    if detection is not None:
        began = only(events, "input_audio_buffer.speech_started")
        ended = only(events, "input_audio_buffer.speech_stopped")
        assert began["item_id"] == ended["item_id"] == committed["item_id"]
        assert 0 <= began["audio_start_ms"] < 1000 < ended["audio_end_ms"]
        assert order.index("input_audio_buffer.speech_stopped") < order.index("input_audio_buffer.committed")
    assert order.index("input_audio_buffer.committed") < order.index("response.created")


def test_what_was_not_heard_of_an_answer_is_forgotten(talk, url, client):
    """Truncation cuts the item and the stored history to the words that had been played by then."""
    events = talk(url, "cut_short", question=QUESTION, heard_ms=700)
    whole = only(events, "response.done")["response"]["output"][0]["content"][0]["transcript"]
    assert only(events, "conversation.item.truncated")["audio_end_ms"] == 700
    kept = only(events, "conversation.item.retrieved")["item"]["content"][0]["transcript"]
    (turn,) = turns(client, session_of(events))
    assert words(turn["answer"]) == words(kept)
    assert 1 <= len(words(kept)) < len(words(whole))
    assert words(whole)[: len(words(kept))] == words(kept)


def test_a_spoken_question_interrupts_the_answer(talk, slow_url, client, spoken):
    """The answer ends as cancelled, its history is what had been heard, and the new question is answered."""
    events = talk(slow_url, "interrupted", question=QUESTION, recording=spoken.follow_up, heard_ms=1500)
    first, second = (event["response"] for event in of_type(events, "response.done"))
    assert (first["status"], first["status_details"]["reason"]) == ("cancelled", "turn_detected")
    assert second["status"] == "completed"
    kinds = [event["type"] for event in events]
    assert kinds.index("input_audio_buffer.speech_started") < kinds.index("response.done")
    earlier, later = turns(client, session_of(events))
    heard = words(earlier["answer"])
    assert 2 <= len(heard) <= 8  # a second and a half of speech
    assert heard == SLOW_WORDS[: len(heard)]
    assert understood(later["question"], FOLLOW_UP)
    assert words(later["answer"]) == SLOW_WORDS


def session_of(events: list[dict]) -> str:
    return of_type(events, "session.created")[0]["session"]["id"]


def message(item_id: str, role: str, text: str) -> dict:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"id": item_id, "type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def test_a_conversation_is_replayed_with_its_ids(talk, url):
    """Items keep the client's ids and order; one that is sent again changes nothing; the next question goes on."""
    before = [
        message("item_asked", "user", QUESTION),
        message("item_answered", "assistant", "The first integrated circuit was made by Jack Kilby."),
    ]
    events = talk(url, "replayed", history=before, question=FOLLOW_UP)
    added = of_type(events, "conversation.item.added")
    assert [event["item"]["id"] for event in added[:2]] == ["item_asked", "item_answered"]
    assert [event["previous_item_id"] for event in added[:2]] == [None, "item_asked"]
    question = next(event for event in added if event["item"]["id"] not in ("item_asked", "item_answered"))
    assert question["previous_item_id"] == "item_answered"
    assert not of_type(events, "error")
    transcript = only(events, "response.done")["response"]["output"][0]["content"][0]["transcript"]
    assert says_the_year(transcript)


def test_a_conversation_outlives_a_restart_of_the_server(
    tmp_path: Path, stack: Stack, url: str, lecture: Lecture, client: VivaClient
):
    """It closes with 1012, the SDK comes back with the session's id, and the next question goes on with the last."""
    options = {"url": url, "query": {"lecture_id": lecture.lecture_id}, "first": QUESTION, "second": FOLLOW_UP}
    with running_client("current", "openai_sdk", "reconnected", tmp_path, **options) as driver:
        driver.until("ready")
        restart(stack)
        driver.go_on()
        facts = driver.finish()
    assert named(facts, "reconnecting")[0]["close_code"] == 1012
    events = events_of(facts)
    one, other = of_type(events, "session.created")
    assert one["session"]["id"] == other["session"]["id"]
    first, second = turns(client, session_of(events))
    assert "kilby" in first["answer"].lower()
    assert says_the_year(second["answer"])
