"""The extractive engine's models, which are large, and how long it has them."""

import gc
import weakref

import pytest

from viva_llm.chat import Chat, Message, Sampling
from viva_llm.engines.extractive import ExtractiveEngine
from viva_llm.failure import Failure, Reason
from viva_llm.settings import LLMSettings


async def test_a_closed_engine_has_no_models_and_says_so():
    """Whoever still holds the engine does not hold them; closing it twice is harmless."""
    engine = ExtractiveEngine("extractive", "", LLMSettings())
    models = weakref.ref(engine._answerer)
    await engine.start()
    await engine.close()
    await engine.close()
    gc.collect()
    assert models() is None
    with pytest.raises(Failure) as caught:
        await anext(engine.stream(Chat((Message("user", "Who?"),), Sampling()), "extractive"))
    assert caught.value.reason is Reason.NO_REPLICA
