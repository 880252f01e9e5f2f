"""What of a turn goes into the history when it is cut short."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from viva import events
from viva.text import with_marks
from viva_orchestrator.question import Question
from viva_orchestrator.remembering import Written, remember, written


async def run(app, *, until: type, **question):
    """Runs a turn in a new session until an event of a type, then leaves it; returns the turn and the session's id."""
    session = await app.state.sessions.open("lec_1")
    begun = []
    asked = Question("who", session_id=session.session_id, audio_format=None, **question)
    async with aclosing(app.state.turns.run(asked, transport="realtime", begun=begun.append)) as turn:
        async for event in turn:
            if isinstance(event, until):
                break
    return begun[0], session.session_id


async def test_a_cancelled_turn_is_remembered_as_far_as_it_was_heard(app, servers):
    """With the marks and the passages of that part, and marked as interrupted."""
    servers.pause.clear()
    servers.deltas = ["It was Jack Kilby [1]. He showed it in 1958 [2]. ", "And then."]
    turn, session_id = await run(app, until=events.AnswerDelta)

    assert await remember(turn, "It was Jack Kilby.")
    [past] = (await app.state.sessions.read(session_id)).turns
    assert (past.answer, past.raw_answer, past.interrupted) == (
        "It was Jack Kilby.",
        "It was Jack Kilby [1].",
        True,
    )
    assert [citation.text for citation in past.citations] == ["jack kill be made it"]


async def test_a_turn_that_was_committed_in_that_moment_is_cut(app):
    """Cancelled between the commit and `done`: the history has it once, and no more of it than was heard."""
    turn, session_id = await run(app, until=events.Done)

    assert await remember(turn, "It was")
    [past] = (await app.state.sessions.read(session_id)).turns
    assert (past.answer, past.interrupted) == ("It was", True)


@pytest.mark.parametrize("heard", ["", " "])
async def test_nothing_heard_is_nothing_to_remember(app, servers, heard):
    """A question whose answer nobody heard is not in the history."""
    servers.pause.clear()
    turn, session_id = await run(app, until=events.AnswerDelta)

    assert not await remember(turn, heard)
    assert (await app.state.sessions.read(session_id)).turns == ()


async def test_before_the_question_is_understood_nothing_is_written(app):
    """There is nothing to remember either."""
    begun = []
    turn = app.state.turns.run(Question("who", lecture_id="nobody"), transport="realtime", begun=begun.append)
    with pytest.raises(Exception, match="no such lecture"):
        await anext(turn)

    assert written(begun[0]) == Written()
    assert not await remember(begun[0], "It was")


@pytest.mark.parametrize(
    ("shown", "raw", "cited"),
    [
        ("", "", []),
        ("It was", "It was", []),
        ("It was Kilby.", "It was Kilby [1].", [1]),
        ("It was Kilby. In  1958", "It was Kilby [1]. In 1958 [2][3]", [1, 2, 3]),
        ("It was Kilby. In 1958 [sic]", "It was Kilby [1]. In 1958 [2][3] [sic]", [1, 2, 3]),
        ("more than there is of it, by far and away", "It was Kilby [1]. In 1958 [2][3] [sic].", [1, 2, 3]),
    ],
)
def test_marks_go_with_the_words_in_front_of_them(shown, raw, cited):
    """What people see of an answer, as the model wrote it."""
    assert with_marks("It was Kilby [1]. In 1958 [2][3] [sic].", shown) == (raw, cited)
