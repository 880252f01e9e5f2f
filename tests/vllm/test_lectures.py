"""Questions about lectures, answered by the real vLLM: what is streamed, cached, counted."""

import pytest

from viva import events

from .server import CONTEXT
from .viva_stack import ANSWER_TOKENS, Viva


def test_an_answer_streams_through_router_and_orchestrator(viva: Viva):
    """Every token that vLLM makes comes as it is made, and is counted by vLLM itself."""
    happened = viva.events(viva.lectures.add(5), "Who made it?")
    deltas = [event for event in happened if isinstance(event, events.AnswerDelta)]
    done = happened[-1]
    assert isinstance(done, events.Done), done
    assert done.degraded is None
    assert done.usage.completion_tokens == ANSWER_TOKENS
    assert len(deltas) > ANSWER_TOKENS / 10
    assert any(isinstance(event, events.Audio) for event in happened)
    assert "".join(delta.text for delta in deltas).strip().startswith(done.answer[:40].strip())


def test_the_second_turn_finds_the_lecture_in_the_cache_of_the_same_replica(viva: Viva):
    """All of the lecture, by vLLM's own counters; the other replica hears nothing of it."""
    lecture_id = viva.lectures.add(15)
    before = viva.counters()
    first = viva.ask(lecture_id)
    after_one = viva.since(before)
    viva.ask(lecture_id, "And then?", first.session_id)
    after_two = viva.since(before)
    assert sorted(count.answers for count in after_two) == [0, 2]
    at = [count.answers for count in after_one].index(1)
    second = after_two[at] - after_one[at]
    assert second.answers == 1
    assert second.hits > 0.9 * first.usage.prompt_tokens


def test_a_session_that_is_opened_has_its_lecture_read_before_the_first_question(viva: Viva):
    """On the replica that then answers."""
    lecture_id = viva.lectures.add(15)
    before = viva.counters()
    with viva.client() as client:
        session_id = client.open_session(lecture_id)
    warmed = viva.since(before)
    while not any(count.answers for count in warmed):
        warmed = viva.since(before)
    done = viva.ask(lecture_id, session_id=session_id)
    at = [count.answers for count in warmed].index(1)
    asked = viva.since(before)[at] - warmed[at]
    assert asked.answers == 1
    assert asked.hits > 0.9 * done.usage.prompt_tokens


@pytest.mark.parametrize(("minutes", "kind"), [(25, "transcript"), (60, "passages"), (180, "passages")])
def test_the_plan_is_counted_by_the_models_own_tokenizer(viva: Viva, minutes: int, kind: str):
    """Whole as long as it fits into the limit that vLLM names, and never more; nothing is refused or cut."""
    before = viva.counters()
    done = viva.ask(viva.lectures.add(minutes))
    counted = viva.since(before)
    assert sum(count.counts for count in counted) >= 1
    assert sum(count.answers for count in counted) == 1
    context = done.receipt.context
    assert (context.kind, context.limit, done.degraded) == (kind, CONTEXT, None)
    assert context.tokens == done.usage.prompt_tokens <= CONTEXT - ANSWER_TOKENS
