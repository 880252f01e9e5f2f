"""Tokens are counted once for a lecture, by the model server, and no turn waits for it in vain."""

from __future__ import annotations

import random

import pytest

from viva.service.upstream import Upstream
from viva_orchestrator.context.model import Model, read_model
from viva_orchestrator.context.tokens import TokenCounter, estimate

from ..long_lectures import all_words, long_lecture


async def test_a_lecture_is_counted_once(replica, model):
    """Later turns, of any session, take the number that is known."""
    lecture = long_lecture(60)
    for _ in range(3):
        await replica.ask("Was it Ossipova?", lecture)
    assert model.counts == 1


async def test_more_of_a_transcript_is_counted_anew(replica, model):
    """While a lecture is being transcribed its tokens are counted only where it may not fit any more."""
    for minutes in (20, 25, 60):
        await replica.ask("Was it Ossipova?", long_lecture(minutes, status="transcribing"))
    assert model.counts == 1


async def test_a_tokenizer_that_hangs_delays_one_turn_only(start, model):
    """It is waited for a moment, then the estimate serves; the count is taken when it comes."""
    replica = await start(context_count_s=0.01)
    await replica.has_read_models()
    model.may_count.clear()
    lecture = long_lecture(60)
    assert (await replica.ask("Was it Ossipova?", lecture)).receipt.context.kind == "passages"
    text = (await replica.planner.plan(lecture, ())).text
    counting = text.counting["meta-llama/Llama-3.1-8B-Instruct"]
    assert text.awaited == {"meta-llama/Llama-3.1-8B-Instruct"}
    model.may_count.set()
    await counting
    assert (await replica.ask("Was it Ossipova?", lecture)).receipt.context.kind == "transcript"
    assert model.counts == 1


async def test_a_server_without_a_tokenizer_is_not_asked_for_every_turn(replica, model):
    """404 means that it cannot, which does not change from one turn to the next."""
    model.tokenizes = False
    for number in range(3):
        await replica.ask("Was it Ossipova?", long_lecture(60, lecture_id=f"lec_{number:032x}"))
    assert model.counts == 1


@pytest.mark.parametrize("answer", [[], {"count": "7"}, {"tokens": [1]}, None])
async def test_nonsense_is_no_count(answer):
    """Whatever a server that is no model server says, the estimate serves."""

    class Nonsense(Upstream):
        async def read_json(self, *_arguments, **_options):
            return answer

    assert await TokenCounter(Nonsense("llm", "http://none", None), "m").count([]) is None


def test_an_estimate_is_not_less_than_the_count(tokenizer):
    """For stretches of speech, and for what has many tokens to a letter: numbers, signs, other scripts."""
    words = all_words()
    generator = random.Random(1)
    for _ in range(50):
        start = generator.randrange(len(words) - 200)
        text = " ".join(words[start : start + 200])
        assert len(tokenizer.encode(text).ids) <= estimate(text) <= 2 * len(tokenizer.encode(text).ids)
    for text in ("[1234] 12:34", "10,000,000 (107%)", "\n\n\n"):
        assert len(tokenizer.encode(text).ids) <= estimate(text)
    assert estimate("量子コンピュータ") >= 8
    assert estimate("") == 0


@pytest.mark.parametrize(
    ("data", "model"),
    [
        # Viva's llm service: an alias names the models behind it, and the context of the first.
        (
            [{"id": "viva", "models": ["qwen", "extractive"], "max_model_len": 8192}, {"id": "qwen"}],
            Model("qwen", 8192, False),
        ),
        ([{"id": "viva", "routes": [{"backend": "gpu", "model": "qwen"}]}], Model("qwen", None, False)),
        # Without that, those listed after it.
        ([{"id": "viva"}, {"id": "qwen", "max_model_len": 4096}, {"id": "extractive"}], Model("qwen", 4096, False)),
        ([{"id": "viva"}, {"id": "extractive"}], Model("viva", None, True)),
        ([{"id": "viva"}, {"id": "fast", "owned_by": "viva"}, {"id": "qwen"}], Model("qwen", None, False)),
        # The model server itself, which does not know the name.
        ([{"id": "qwen", "max_model_len": 4096}], Model("viva", None, False)),
        ([], Model("viva", None, False)),
        ([{"id": "viva", "max_model_len": "8192"}, 7, {"no": "id"}], Model("viva", None, False)),
    ],
)
def test_the_list_of_models_says_who_answers(data, model):
    """The first model that speaks, its context, and whether there is none that does."""
    assert read_model({"data": data}, "viva") == model


def test_a_model_may_be_named_itself():
    """VIVA_LLM_MODEL names one of a server that is not Viva's."""
    listed = {"data": [{"id": "other"}, {"id": "qwen", "max_model_len": 4096}]}
    assert read_model(listed, "qwen") == Model("qwen", 4096, False)
    assert read_model("no list", "qwen") == Model("qwen", None, False)


async def test_a_refusal_never_raises_the_limit(replica):
    """It says what is too much, not what there is."""
    models = replica.planner._models
    models.refused(100_000)
    assert (await models.known()).limit == 16_384
    models.refused(5000)
    assert (await models.known()).limit == 5000


async def test_a_stage_that_is_away_is_no_reason_not_to_plan(start):
    """Without a word from the llm stage 16384 tokens are assumed; the question itself will tell that it is away."""
    replica = await start(llm_url="http://127.0.0.1:1")
    context = await replica.planner.plan(long_lecture(25), ())
    assert (context.lead.kind, context.room.limit) == ("transcript", 16_384)
