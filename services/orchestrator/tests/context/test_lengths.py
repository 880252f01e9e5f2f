"""Lectures of any length are answered within the model's context, and the answer says from what."""

from __future__ import annotations

import pytest

from viva.events import ContextUse

from ..long_lectures import long_lecture


def facts_of(minutes: float) -> dict[float, str]:
    """Two facts: half-way, and near the end."""
    return {
        minutes / 2: "the warden of the first lighthouse was called Ossipova and she kept bees",
        minutes - 2: "later in the day the prize for the lantern went to Quillfeather of the north",
    }


@pytest.mark.parametrize("tokenizes", [True, False], ids=["counted", "estimated"])
@pytest.mark.parametrize(("minutes", "kind"), [(25, "transcript"), (60, "transcript"), (180, "passages")])
async def test_a_lecture_is_answered_within_16384_tokens(replica, model, minutes, kind, tokenizes):
    """No prompt is refused, whatever the length, and what is asked for is in it, cited with its seconds."""
    model.tokenizes = tokenizes
    lecture = long_lecture(minutes, facts_of(minutes))
    session_id = None
    for question, second in (
        ("Who kept bees, was it Ossipova?", minutes * 30),
        ("And who won the prize for the lantern, was it Quillfeather?", minutes * 60 - 120),
        ("Tell me again about Ossipova", minutes * 30),
    ):
        done = await replica.ask(question, lecture, session_id)
        session_id = done.session_id
        assert [citation.start for citation in done.citations] == [pytest.approx(second, abs=12)]
        assert done.receipt.context.limit == model.limit
        assert done.receipt.context.tokens == done.usage.prompt_tokens <= model.limit - 400
        assert done.degraded is None
        if tokenizes:  # an estimate may take an hour for more than it is
            assert done.receipt.context.kind == kind
    assert model.refused == []


async def test_the_plan_is_on_the_safe_side_of_the_count(replica, model):
    """What was planned is not less than what the model server counts, and where it was counted close to it."""
    lecture = long_lecture(60)
    context = await replica.planner.plan(lecture, ())
    prompt = context.ask("Who kept bees, was it Ossipova?")
    counted = model.tokens(prompt.messages)
    assert counted <= prompt.use.tokens <= counted + 150
    assert prompt.use == ContextUse("transcript", prompt.use.tokens, model.limit, len(context.text.passages))


async def test_a_long_lecture_fills_the_room_for_passages(replica, model):
    """Not a few lines: half of it a sample, the other what matches, as much as the setting allows."""
    question = "What do the network, the star, the price and the vote have to do with Ossipova?"
    done = await replica.ask(question, long_lecture(180, facts_of(180)))
    assert done.receipt.context.passages > 250
    system, question = model.prompts[0][0]["content"], model.prompts[0][-1]["content"]
    assert 4000 < len(model.tokenizer.encode(system).ids) <= 7500
    assert 1500 < len(model.tokenizer.encode(question).ids) <= 4200
    assert system.count("[1] ") == 1  # the beginning says what it is about
    numbers = [int(line[1 : line.index("]")]) for line in question.split("\n") if line.startswith("[")]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("limit", [1024, 2048, 4096, 32_768, 131_072])
async def test_every_size_of_model_is_served(replica, model, limit):
    """From the smallest context to one that takes three hours whole."""
    model.limit = limit
    done = await replica.ask("Who kept bees, was it Ossipova?", long_lecture(180, facts_of(180)))
    assert done.citations
    assert model.refused == []
    assert done.receipt.context.kind == ("transcript" if limit == 131_072 else "passages")


async def test_a_question_too_long_for_the_room_set_aside_gets_passages(replica, model):
    """The longest question there may be does not push the prompt over the limit."""
    lecture = long_lecture(60, facts_of(60))
    done = await replica.ask("Well, " * 650 + "was it Ossipova?", lecture)
    assert done.receipt.context.kind == "passages"
    assert model.refused == []
    # The next one has the whole lecture again.
    assert (await replica.ask("Was it Ossipova?", lecture)).receipt.context.kind == "transcript"


async def test_a_setting_can_only_lower_what_the_server_says(start, model):
    """VIVA_CONTEXT_TOKENS saves memory; it does not make a model longer."""
    small = await start(context_tokens=4096)
    assert (await small.ask("Was it Ossipova?", long_lecture(25))).receipt.context.limit == 4096
    large = await start(context_tokens=100_000)
    assert (await large.ask("Was it Ossipova?", long_lecture(25))).receipt.context.limit == 16_384


async def test_a_server_that_says_no_limit_is_taken_to_have_16384(replica, model):
    """Until it refuses: then the prompt is planned again, smaller, and so are those after it."""
    model.listed = {"data": [{"id": "viva", "models": ["some-model"]}, {"id": "some-model"}]}
    model.tokenizes = False
    model.limit = 8000
    lecture = long_lecture(60, facts_of(60))
    first = await replica.ask("Was it Ossipova?", lecture)
    assert first.citations
    assert len(model.refused) == 0  # passages are fewer than that
    short = long_lecture(35, facts_of(35), lecture_id=f"lec_{1:032x}")
    second = await replica.ask("Was it Ossipova?", short)
    assert second.citations
    assert len(model.refused) == 1
    await replica.ask("Was it Ossipova?", short)
    assert len(model.refused) == 1


async def test_a_question_of_odd_signs_does_not_lower_the_limit_of_others(replica, model):
    """It has more tokens than the estimate says and is refused; that says nothing of the next question's prompt."""
    lecture = long_lecture(60, facts_of(60))
    done = await replica.ask("\U00020000" * 3000 + " was it Ossipova?", lecture)
    assert len(model.refused) >= 1
    assert done.receipt.context.limit < model.limit
    after = await replica.ask("Was it Ossipova?", lecture)
    assert (after.receipt.context.kind, after.receipt.context.limit) == ("transcript", model.limit)


async def test_what_only_quotes_is_given_the_whole_transcript(replica, model):
    """Without a language model there is no limit, nothing to count and nothing to warm."""
    model.limit = 10**9
    model.listed = {"data": [{"id": "viva", "models": ["extractive"]}, {"id": "extractive"}]}
    lecture = long_lecture(180, facts_of(180))
    done = await replica.ask("Was it Ossipova?", lecture)
    assert (done.receipt.context.kind, done.receipt.context.limit) == ("transcript", None)
    assert model.counts == 0


async def test_kinds_and_tokens_are_counted(replica):
    """Metrics tell how often a lecture had to be cut, and how long the prompts were."""
    await replica.ask("Was it Ossipova?", long_lecture(25))
    await replica.ask("Was it Ossipova?", long_lecture(180, lecture_id=f"lec_{1:032x}"))
    assert replica.count("viva_context_total", kind="transcript") == 1
    assert replica.count("viva_context_total", kind="passages") == 1
    assert replica.count("viva_prompt_tokens_sum", kind="transcript") > 5000
