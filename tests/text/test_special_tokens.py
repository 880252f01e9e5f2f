"""Control tokens of models inside text."""

import pytest

from viva.passages import Passage, render_lecture
from viva.text.special_tokens import without_special_tokens


@pytest.mark.parametrize(
    "token",
    [
        "<|im_start|>",
        "<|im_end|>",
        "<|eot_id|>",
        "<|begin_of_text|>",
        "<|start_header_id|>",
        "<|endoftext|>",
        "<|AUDIO|>",
        "<|audio_bos|>",
        "<|reserved_special_token_7|>",
        "<｜begin▁of▁sentence｜>",
        "[INST]",
        "[/INST]",
        "[SYSTEM_PROMPT]",
        "[TOOL_CALLS]",
        "[BEGIN_AUDIO]",
        "<<SYS>>",
        "<</SYS>>",
        "<s>",
        "</s>",
        "<bos>",
        "<start_of_turn>",
        "<end_of_turn>",
        "<unused99>",
    ],
)
def test_token_becomes_a_space(token):
    """No control token is left, in either case of letters."""
    assert without_special_tokens(f"a{token}b") == "a b"
    assert without_special_tokens(f"a{token.lower()}b") == "a b"


def test_tokens_do_not_close_up():
    """Taking out one token cannot make another."""
    for text in ("<|im_<|x|>end|>", "<|im<s>_end|>", "[IN[INST]ST]", "<<s>s>"):
        once = without_special_tokens(text)
        assert without_special_tokens(once) == once


@pytest.mark.parametrize(
    "text",
    [
        render_lecture([Passage(1, 0, 5, "a < b, and x[1] > y"), Passage(12, 5, 9, "f(x) = |x|")], title="T"),
        "It used germanium [12]. See [3][4].",
        "if a <b> c | d | e> <|not closed, [inside] <code> |<",
        "",
    ],
)
def test_ordinary_text_is_untouched(text):
    """Lectures, citation marks and formulas stay as they are."""
    assert without_special_tokens(text) == text
