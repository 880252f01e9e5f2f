"""The items of a conversation, as values."""

import orjson
import pytest

from viva.events import Citation
from viva_orchestrator.realtime.conversation import Conversation, Limits, items_of, with_turns
from viva_orchestrator.realtime.heard import Spoken
from viva_orchestrator.realtime.items import Answer, Item, Part, kept_item
from viva_orchestrator.sessions import PastTurn


def user(item_id: str, words: str | None = None, **fields) -> Item:
    return Item(item_id, "user", (Part("input_text", words or item_id),), **fields)


def assistant(item_id: str, words: str | None = None, **fields) -> Item:
    return Item(item_id, "assistant", (Part("output_text", words or item_id),), **fields)


def ids(items) -> list[str]:
    return [item.id for item in items]


def pairs(conversation: Conversation) -> list[tuple[str, str]]:
    turns = conversation.history(conversation.question(), "lec_1")
    return [(turn.question, turn.raw_answer) for turn in turns]


def test_the_question_is_what_was_said_since_the_last_answer():
    """Several items are one question."""
    conversation = Conversation([user("q1"), assistant("a1"), user("q2"), user("q3")])
    assert ids(conversation.question()) == ["q2", "q3"]
    assert pairs(conversation) == [("q1", "a1")]


def test_a_question_that_was_asked_before_is_not_asked_again():
    """Its answer was cancelled before a word of it; only what is new is the question now."""
    conversation = Conversation([user("q1", turn_id="turn_1"), user("q2")])
    assert ids(conversation.question()) == ["q2"]


def test_without_a_new_question_the_last_one_is_answered_again():
    """A client asks for another answer."""
    conversation = Conversation([user("q1", turn_id="turn_1"), assistant("a1", turn_id="turn_1")])
    assert ids(conversation.question()) == ["q1"]
    assert Conversation([assistant("hello")]).question() == []


def test_history_is_pairs():
    """Questions without an answer go with the next, answers in a row are one, a greeting has no question."""
    items = [
        assistant("greeting"),
        user("q1", turn_id="turn_1"),
        user("q2", turn_id="turn_2"),
        assistant("a2"),
        assistant("more"),
        Item("system", "system", (Part("input_text", "be brief"),)),
        user("q3"),
    ]
    assert pairs(Conversation(items)) == [("q1 q2", "a2 more")]


def test_an_answer_of_ours_keeps_its_marks_and_its_lecture():
    """The model is given what it wrote, and passages of the lecture that it was about."""
    answer = Answer("It was Kilby [1].", "lec_2", (), (1,))
    conversation = Conversation(
        [user("q1"), assistant("a1", "It was Kilby.", turn_id="turn_1", answer=answer), user("q2")]
    )
    [turn] = conversation.history(conversation.question(), "lec_1")
    assert (turn.turn_id, turn.answer, turn.raw_answer, turn.lecture_id) == (
        "turn_1",
        "It was Kilby.",
        "It was Kilby [1].",
        "lec_2",
    )


@pytest.mark.parametrize("limits", [Limits(items=2), Limits(characters=2 * user("a", "12345").size)])
def test_over_the_limit_the_oldest_go(limits):
    """But never the newest, however large."""
    conversation = Conversation([user("a", "12345"), user("b", "12345")], limits=limits)
    assert conversation.add(user("c", "12345")) == ["a"]
    assert ids(conversation) == ["b", "c"]
    conversation.add(user("large", "x" * 1000), after="root")
    assert "large" in ids(conversation)


def test_what_is_behind_an_item():
    """All of it, when the item is not known."""
    conversation = Conversation([user("a"), user("b"), user("c")])
    assert ids(conversation.after("a")) == ["b", "c"]
    assert ids(conversation.after("c")) == []
    assert ids(conversation.after("nobody")) == ["a", "b", "c"]


def test_changes_are_noted():
    """So that only they are written."""
    conversation = Conversation([user("a"), user("b")])
    conversation.changed.clear()
    conversation.remove("a")
    conversation.replace(user("b", "other"))
    conversation.replace(user("nobody"))
    assert conversation.changed == {"a", "b"}


def test_items_of_turns_that_came_another_way():
    """A question and its answer, under ids that are the same each time."""
    turn = PastTurn("turn_abc", "who", "Kilby.", "Kilby [1].", "lec_1", (), None, 1.0)
    question, answer = items_of([turn])
    assert (question.id, answer.id) == ("item_abc_q", "item_abc_a")
    assert (question.turn_id, answer.answer.raw) == ("turn_abc", "Kilby [1].")


def test_turns_that_came_another_way_go_where_they_belong():
    """By when they were answered; those whose items are there are not doubled."""

    def ours(item_id: str, at: float) -> Item:
        answer = Answer("Kilby.", "lec_1", asked_at=at)
        return assistant(item_id, turn_id=f"turn_{item_id}", answer=answer)

    def turn(name: str, at: float) -> PastTurn:
        return PastTurn(f"turn_{name}", "who", "Kilby.", "Kilby.", "lec_1", (), None, at)

    items = [user("qa"), ours("a", 10), user("qb"), ours("b", 20), user("open")]
    turns = [turn("first", 5), turn("a", 10), turn("between", 15), turn("b", 20), turn("last", 25)]
    assert ids(with_turns(items, turns)) == [
        *("item_first_q", "item_first_a", "qa", "a", "item_between_q", "item_between_a"),
        *("qb", "b", "item_last_q", "item_last_a", "open"),
    ]
    assert ids(with_turns([user("greeting")], [turn("x", 1)])) == ["greeting", "item_x_q", "item_x_a"]


def test_items_are_kept_whole():
    """Written to Redis and read again they are the same."""
    answer = Answer("Kilby [1].", "lec_1", (Spoken("Kilby.", 12.5),), (1,), "llm:extractive", 5.0)
    part = Part("output_audio", "Kilby.", (Citation("lec_1", 1.0, 2.0, "kilby"),))
    for item in (
        Item("a", "assistant", (part,), "incomplete", turn_id="turn_1", answer=answer),
        Item("b", "user", (Part("input_audio"),), "in_progress"),
        Item("c", type="function_call", fields={"name": "look"}),
    ):
        assert kept_item(orjson.dumps(item)) == item
