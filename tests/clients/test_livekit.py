"""LiveKit's plugin, unmodified, in conversation with the stack: its RealtimeSession alone and in an AgentSession."""

from collections.abc import Callable
from pathlib import Path

import pytest

from viva.client import Lecture, VivaClient

from .answers import FOLLOW_UP, LOUD, QUESTION, SLOW_WORDS, says_the_year, turns, understood, words
from .client_run import Fact, named, running_client
from .cutting_proxy import cutting_proxy

Run = Callable[..., list[Fact]]


def through(url: str, lecture: Lecture) -> str:
    """The address that the plugin is given: it keeps the query of it."""
    return f"{url}/v1?lecture_id={lecture.lecture_id}"


@pytest.fixture
def talk(tmp_path: Path, lecture: Lecture) -> Run:
    """Runs a scenario of the driver; what the plugin made of it."""

    def run(url: str, scenario: str, /, **options: object) -> list[Fact]:
        options = {"url": through(url, lecture)} | options
        with running_client("current", "livekit_plugin", scenario, tmp_path, **options) as client:
            return client.finish()

    return run


def session_of(facts: list[Fact]) -> str:
    created = (fact["event"] for fact in named(facts, "event") if fact["event"]["type"] == "session.created")
    return next(created)["session"]["id"]


def test_generate_reply_resolves_and_is_heard(talk, url, client):
    """The plugin's answer has the words and their sound, and its mirror of the conversation is ours."""
    facts = talk(url, "typed", questions=[QUESTION, FOLLOW_UP], modality="audio")
    assert not named(facts, "error")
    first, second = named(facts, "answer")
    assert "kilby" in first["text"].lower()
    assert says_the_year(second["text"])
    for answer in (first, second):
        assert answer["modalities"] == ["audio", "text"]
        assert answer["seconds"] > 0.15 * len(words(answer["text"]))
        assert answer["peak"] > LOUD
    said = named(facts, "context")[-1]["messages"]
    assert [message["role"] for message in said] == ["user", "assistant", "user", "assistant"]
    assert [message["text"].strip() for message in said] == [
        text.strip() for text in (QUESTION, first["text"], FOLLOW_UP, second["text"])
    ]
    assert [turn["question"] for turn in turns(client, session_of(facts))] == [QUESTION, FOLLOW_UP]


def test_citations_are_among_the_raw_events(talk, url, lecture):
    """Where an application listens to them."""
    facts = talk(url, "typed", questions=[QUESTION], modality="audio")
    events = [fact["event"] for fact in named(facts, "event")]
    (done,) = [event for event in events if event["type"] == "response.content_part.done"]
    citation = done["part"]["annotations"][0]
    assert citation["lecture_id"] == lecture.lecture_id
    assert "kilby" in citation["text"].lower()


def test_an_answer_can_be_text_alone(talk, url):
    """Without the modality of sound nothing is spoken."""
    (answer,) = named(talk(url, "typed", questions=[QUESTION], modality="text"), "answer")
    assert answer["modalities"] == ["text"]
    assert "kilby" in answer["text"].lower()
    assert answer["seconds"] == 0


def test_a_question_is_committed_by_the_client(talk, url, spoken):
    """Push-to-talk: what was understood comes back, becomes part of the conversation, and is answered."""
    facts = talk(url, "spoken", recording=spoken.question)
    assert not named(facts, "error")
    final = [fact for fact in named(facts, "heard") if fact["final"]]
    assert len(final) == 1
    assert understood(final[0]["text"], QUESTION)
    (answer,) = named(facts, "answer")
    assert "kilby" in answer["text"].lower()
    assert answer["peak"] > LOUD
    question, reply = named(facts, "context")[0]["messages"]
    assert (question["role"], question["text"]) == ("user", final[0]["text"])
    assert reply["id"] == answer["id"]


def test_an_agent_takes_turns_with_somebody(talk, url, spoken):
    """The server finds where turns end; the agent answers out loud, and the second question goes on with the first."""
    facts = talk(url, "conversed", recordings=[spoken.question, spoken.follow_up])
    assert not named(facts, "error")
    first, second = [fact["text"] for fact in named(facts, "heard") if fact["final"]]
    assert understood(first, QUESTION)
    assert understood(second, FOLLOW_UP)
    items = named(facts, "item")
    assert [item["role"] for item in items] == ["user", "assistant", "user", "assistant"]
    assert "kilby" in items[1]["text"].lower()
    assert says_the_year(items[3]["text"])
    played = named(facts, "played")
    assert len(played) == 2
    assert all(not part["interrupted"] and part["seconds"] > 1 for part in played)


def test_an_agent_is_interrupted(talk, slow_url, client, lecture, spoken):
    """It falls silent, what was not heard is forgotten, and the question that interrupted is answered."""
    session_id = client.open_session(lecture.lecture_id)
    address = f"{slow_url}/v1?session_id={session_id}"
    facts = talk(slow_url, "interrupted", url=address, question=QUESTION, recording=spoken.follow_up)
    cut, whole = named(facts, "played")
    assert (cut["interrupted"], whole["interrupted"]) == (True, False)
    assert whole["seconds"] > cut["seconds"]
    earlier, later = turns(client, session_id)
    heard = words(earlier["answer"])
    assert 1 <= len(heard) < len(SLOW_WORDS)
    assert heard == SLOW_WORDS[: len(heard)]
    assert understood(later["question"], FOLLOW_UP)
    assert words(later["answer"]) == SLOW_WORDS


def test_a_conversation_is_replayed_with_its_ids(talk, url):
    """What was said elsewhere is what the next question goes on with; ids and order stay."""
    before = [
        {"id": "item_asked", "role": "user", "text": QUESTION},
        {"id": "item_answered", "role": "assistant", "text": "It was made by Jack Kilby."},
    ]
    facts = talk(url, "replayed", history=before, question=FOLLOW_UP)
    assert not named(facts, "error")
    (answer,) = named(facts, "answer")
    assert says_the_year(answer["text"])
    said = named(facts, "context")[0]["messages"]
    assert said[:2] == before
    assert said[3]["id"] == answer["id"]


def test_a_conversation_outlives_its_connection(tmp_path: Path, url: str, lecture: Lecture, client: VivaClient):
    """Cut off without a word, the plugin connects again, replays what was said with the same ids, and goes on."""
    with cutting_proxy(url) as proxy:
        options = {"url": through(proxy.url, lecture), "first": QUESTION, "second": FOLLOW_UP}
        with running_client("current", "livekit_plugin", "reconnected", tmp_path, **options) as driver:
            driver.until("ready")
            proxy.cut()
            driver.go_on()
            facts = driver.finish()
        assert proxy.connections >= 2
    assert len(named(facts, "reconnected")) == 1
    before, after = (fact["messages"] for fact in named(facts, "context"))
    assert [message["id"] for message in after[:2]] == [message["id"] for message in before]
    assert says_the_year(named(facts, "answer")[1]["text"])
