"""Opening a session has the model read the lecture ahead, in nobody's way."""

from __future__ import annotations

import asyncio

import pytest

from ..long_lectures import long_lecture


async def until(condition) -> None:
    """Waits for what happens in the background."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in the server
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("minutes", [25, 180])
async def test_what_is_read_ahead_is_what_the_first_question_begins_with(replica, model, minutes):
    """One token is asked for, under the lecture's key, and nothing may stand in for the model."""
    lecture = long_lecture(minutes)
    replica.warmer.warm(lecture)
    await until(lambda: model.warmings)
    body, headers = model.warmings[0]
    assert body["max_tokens"] == 1
    assert body["prompt_cache_key"] == f"lecture:{lecture.lecture_id}"
    assert headers["X-Viva-Fallback"] == "none"
    await replica.ask("Was it Ossipova?", lecture)
    assert body["messages"][:-1] == model.prompts[0][: len(body["messages"]) - 1]
    assert model.counts == 1  # the first turn found it counted


async def test_a_slow_count_is_waited_for(start, model):
    """Nobody waits for what is read ahead; an estimate might make it another prompt than that of the question."""
    replica = await start(context_count_s=0.05)
    await replica.has_read_models()
    model.may_count.clear()
    lecture = long_lecture(60)
    replica.warmer.warm(lecture)
    await until(lambda: model.counts)
    await asyncio.sleep(0.2)
    assert model.warmings == []
    model.may_count.set()
    await until(lambda: model.warmings)
    assert (await replica.ask("Was it Ossipova?", lecture)).receipt.context.kind == "transcript"
    assert model.warmings[0][0]["messages"][:-1] == model.prompts[0][:1]


async def test_many_sessions_about_one_lecture_read_it_once(replica, model):
    """A whole class opens its sessions in the same minute."""
    for _ in range(20):
        replica.warmer.warm(long_lecture(5))
    await until(lambda: replica.count("viva_context_warmings_total", outcome="done"))
    assert len(model.warmings) == 1


async def test_few_are_read_at_once(replica, model):
    """What does not get a place is not read ahead, rather than made to wait."""
    model.may_answer.clear()
    for number in range(5):
        replica.warmer.warm(long_lecture(5, lecture_id=f"lec_{number:032x}"))
    await until(lambda: len(model.warmings) == 2)
    assert replica.count("viva_context_warmings_total", outcome="skipped") == 3
    model.may_answer.set()
    await until(lambda: replica.count("viva_context_warmings_total", outcome="done") == 2)
    assert len(model.warmings) == 2


async def test_a_turn_does_not_wait_for_it(replica, model):
    """Not even for the same lecture."""
    model.may_answer.clear()
    lecture = long_lecture(25)
    replica.warmer.warm(lecture)
    await until(lambda: model.warmings)
    assert (await replica.ask("Was it Ossipova?", lecture)).answer


async def test_its_failure_is_a_number(replica, model):
    """And the next session tries again."""
    model.fails_to_warm = True
    replica.warmer.warm(long_lecture(5))
    await until(lambda: replica.count("viva_context_warmings_total", outcome="failed"))
    replica.warmer.warm(long_lecture(5))
    await until(lambda: replica.count("viva_context_warmings_total", outcome="failed") == 2)


async def test_it_is_not_done_where_it_is_pointless(start, model):
    """Not when switched off, not for a transcript that still grows or has no word."""
    off = await start(context_warm=False)
    off.warmer.warm(long_lecture(5))
    replica = await start()
    replica.warmer.warm(long_lecture(5, status="transcribing"))
    replica.warmer.warm(long_lecture(0))
    await asyncio.sleep(0.05)
    assert model.warmings == []


async def test_what_only_quotes_reads_ahead_too(replica, model):
    """The extractive answerer makes its index of the lecture; it is no stand-in there, so it is not forbidden."""
    model.listed = {"data": [{"id": "viva", "models": ["extractive"]}, {"id": "extractive"}]}
    replica.warmer.warm(long_lecture(5))
    await until(lambda: replica.count("viva_context_warmings_total", outcome="done"))
    assert "X-Viva-Fallback" not in model.warmings[0][1]


async def test_closing_gives_up_what_is_under_way(replica, model):
    """A replica that stops does not wait for a model."""
    model.may_answer.clear()
    replica.warmer.warm(long_lecture(5))
    await until(lambda: model.warmings)
    async with asyncio.timeout(20):
        await replica.warmer.close()
