"""What comes first in the prompt is the same bytes in every turn and session, and the history gives way to it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from viva_orchestrator.context.planner import Planner
from viva_orchestrator.sessions import PastTurn

from ..long_lectures import long_lecture


def past(lecture_id: str, number: int, words: int = 100) -> PastTurn:
    """A question and an answer of so many words."""
    answer = f"answer {number} " + "word " * words + "[1]."
    return PastTurn(f"turn_{number}", f"question {number}", answer, answer, lecture_id, (), None, 0.0)


@pytest.mark.parametrize("minutes", [25, 180])
async def test_the_lead_is_the_same_in_every_turn_session_and_replica(start, model, minutes):
    """A model server's prefix cache holds it, whoever asks what, and whichever replica of ours sends it."""
    lecture = long_lecture(minutes)
    one, other = await start(), await start()
    first = await one.ask("Was it Ossipova?", lecture)
    await one.ask("Or was it Quillfeather?", lecture, first.session_id)
    await one.ask("What about Berkeley?", lecture)
    await other.ask("And who is Kahn?", lecture)
    assert len({prompt[0]["content"] for prompt in model.prompts}) == 1
    assert {prompt[0]["role"] for prompt in model.prompts} == {"system"}


async def test_the_choice_does_not_hang_on_the_history(replica):
    """A long conversation loses its beginning; it does not push the transcript out."""
    lecture = long_lecture(60)
    history = [past(lecture.lecture_id, number, 300) for number in range(20)]
    context = await replica.planner.plan(lecture, history)
    prompt = context.ask("Was it Ossipova?")
    assert prompt.use.kind == "transcript"
    assert prompt.messages[0] == (await replica.planner.plan(lecture, ())).ask("Who?").messages[0]


async def test_a_lecture_that_leaves_no_room_for_a_conversation_is_cut(replica, model):
    """Else the second question would have no history, or the third another kind of prompt."""
    lecture = long_lecture(25)
    whole = await replica.planner.plan(lecture, ())
    model.limit = model.tokens([*whole.lead.messages, {"role": "user", "content": "?"}]) + 400 + 700
    lecture = long_lecture(25, lecture_id=f"lec_{1:032x}")
    await replica.planner.close()
    replica = replace(replica, planner=Planner(replica.parts.settings, replica.parts.stages.llm, None))
    history = [past(lecture.lecture_id, 1)]
    context = await replica.planner.plan(lecture, history)
    assert context.lead.kind == "passages"
    assert "question 1" in [message["content"] for message in context.ask("Was it Ossipova?").messages]
    await replica.planner.close()


@pytest.mark.parametrize("minutes", [60, 180])
async def test_history_goes_oldest_first_and_in_pairs(replica, model, minutes):
    """The newest questions and answers are kept, in their order, with the marks, until the prompt is full."""
    lecture = long_lecture(minutes)
    history = [past(lecture.lecture_id, number, 150) for number in range(60)]
    context = await replica.planner.plan(lecture, history)
    messages = context.ask("Was it Ossipova?").messages
    kept = [message["content"].split()[1] for message in messages[1:-1]]
    assert 0 < len(kept) < 120
    assert kept == [str(number) for number in range(60 - len(kept) // 2, 60) for _ in range(2)]
    assert [message["role"] for message in messages[1:-1:2]] == ["user"] * (len(kept) // 2)
    assert model.tokens(messages) <= model.limit - 400


async def test_turns_about_another_lecture_are_left_out(replica):
    """Their citation marks mean other passages."""
    lecture = long_lecture(5)
    history = [past("lec_other", 1), past(lecture.lecture_id, 2)]
    messages = (await replica.planner.plan(lecture, history)).ask("Who?").messages
    assert [message["content"] for message in messages[1:]][0::2] == ["question 2", "Who?"]


async def test_what_was_cited_last_is_shown_with_a_follow_up(replica):
    """ "And in which year?" has no word of the subject; the conversation was about a place in the lecture."""
    lecture = long_lecture(180)
    context = await replica.planner.plan(lecture, ())
    far = next(p.number for p in context.text.passages[1200:] if p.number - 1 not in context.lead.shown)
    turn = PastTurn("t", "Hm?", "", f"So it was [{far}].", lecture.lecture_id, (), None, 0.0)
    asked = (await replica.planner.plan(lecture, [turn])).ask("And?").messages[-1]["content"]
    assert f"\n[{far}] " in asked


async def test_each_request_says_which_lecture_it_shares(replica, model):
    """The router keeps requests with the same key together."""
    lecture = long_lecture(5)
    await replica.ask("Was it Ossipova?", lecture)
    assert model.bodies[0]["prompt_cache_key"] == f"lecture:{lecture.lecture_id}"


async def test_a_chat_without_a_lecture_has_the_key_of_its_session(replica, model):
    """There is nothing else that its requests share."""
    messages = [{"role": "user", "content": "Was it Ossipova?"}]
    async for _ in replica.parts.stages.answer(messages, lecture_id=None, session_id="ses_1"):
        pass
    assert model.bodies[0]["prompt_cache_key"] == "session:ses_1"
