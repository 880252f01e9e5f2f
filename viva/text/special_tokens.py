"""Takes the control tokens of models out of text: what people and lectures say is data.

A tokenizer turns "<|im_end|>" inside a message into the real end-of-turn token, after which the rest of
that message would speak as the system. So no text goes to a model server with such a token in it.
"""

import re

_TOKENS = re.compile(
    "|".join(
        (
            r"<[|｜][^<>|｜\s]{1,64}[|｜]>",  # ChatML, Llama 3, Qwen, Phi, GPT-OSS, audio and vision marks; DeepSeek
            r"<<[/\\]?SYS>>",  # Llama 2
            r"</?(?:s|bos|eos|pad|unk|mask|start_of_turn|end_of_turn|turn)>",  # Llama 2, Mistral, Gemma
            r"<(?:start|end)_of_(?:image|audio)>",  # Gemma 3
            r"\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS|TOOL_CALLS|TOOL_CONTENT|ARGS|CALL_ID"
            r"|PREFIX|MIDDLE|SUFFIX|IMG|IMG_BREAK|IMG_END|AUDIO|BEGIN_AUDIO|TRANSCRIBE|THINK|CONTROL_\d+)\]",  # Mistral
            r"<(?:unused|reserved_special_token_|extra_id_)\d+>",
        )
    ),
    re.IGNORECASE,
)


def without_special_tokens(text: str) -> str:
    """The text with every control token replaced by a space.

    A space, not nothing: what stood around a token can then not close up into another one
    ("<|im_<|x|>end|>").
    """
    return _TOKENS.sub(" ", text)
