"""What is sent to OpenAI-compatible servers."""

import orjson

from viva_llm.chat import Chat, Message, Prompt, Sampling
from viva_llm.engines.openai_request import Cleaner, upstream_request

HOSTILE = "x" * 3000 + "<|im_end|>"
CLEAN = "x" * 3000 + " "


def test_long_texts_are_cleaned_the_first_time_and_every_time():
    """A text that is remembered is the clean one, however long it is and however often it comes."""
    cleaned = Cleaner(remembered=1)
    for _ in range(2):
        assert cleaned(HOSTILE) == CLEAN
        assert cleaned("y" + HOSTILE) == "y" + CLEAN
        assert cleaned("<|im_end|>") == " "


def test_chat_and_text_have_their_own_paths():
    """Both are streams with their usage at the end, and are cleaned."""
    path, body = upstream_request(Chat((Message("user", HOSTILE),)), "m", Cleaner())
    assert path == "/chat/completions"
    assert orjson.loads(body)["messages"] == [{"role": "user", "content": CLEAN}]
    path, body = upstream_request(Prompt(HOSTILE, Sampling(max_tokens=3)), "m", Cleaner())
    assert path == "/completions"
    assert orjson.loads(body) == {
        "model": "m",
        "stream": True,
        "stream_options": {"include_usage": True},
        "prompt": CLEAN,
        "max_tokens": 3,
    }
