"""Makes a tiny Llama with random weights as a GGUF file, in the environment that llama-cpp-python is in:

    .venv/llamacpp/bin/python tests/llamacpp/make_model.py FILE

What it says means nothing; how it is served is real. It speaks in letters, never in bytes, and never ends by itself.
"""

import sys
from pathlib import Path

import numpy as np
from gguf import GGUFWriter, TokenType

CONTEXT = 8192
WIDTH, LAYERS, HEADS, INNER = 64, 2, 4, 128
BEGIN, END = 1, 2
SPECIAL = ["<unk>", "<s>", "</s>"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
# In this vocabulary "▁" is a space.
LETTERS = ["▁", *"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,?!'-:"]
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


def write_vocabulary(writer: GGUFWriter) -> int:
    """A SentencePiece vocabulary in which any text can be written, letter by letter; gives its size."""
    tokens = [*SPECIAL, *BYTES, *LETTERS]
    unknown, control = [TokenType.UNKNOWN], [TokenType.CONTROL] * 2
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([*unknown, *control, *[TokenType.BYTE] * len(BYTES), *[TokenType.NORMAL] * len(LETTERS)])
    writer.add_bos_token_id(BEGIN)
    writer.add_eos_token_id(END)
    writer.add_unk_token_id(0)
    writer.add_chat_template(TEMPLATE)
    return len(tokens)


def write_weights(writer: GGUFWriter, vocabulary: int) -> None:
    """Random ones, with no logit for what is no letter: among many letters there is always a likelier one."""
    random = np.random.default_rng(0)

    def matrix(*shape: int, scale: float = 0.1) -> np.ndarray:
        return random.normal(0, scale, shape).astype(np.float32)

    writer.add_tensor("token_embd.weight", matrix(vocabulary, WIDTH, scale=1))
    output = matrix(vocabulary, WIDTH, scale=1)
    output[: len(SPECIAL) + len(BYTES)] = 0
    writer.add_tensor("output.weight", output)
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, dtype=np.float32))
    for layer in range(LAYERS):
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.ones(WIDTH, dtype=np.float32))
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", matrix(WIDTH, WIDTH))
        for name, shape in (("gate", (INNER, WIDTH)), ("up", (INNER, WIDTH)), ("down", (WIDTH, INNER))):
            writer.add_tensor(f"blk.{layer}.ffn_{name}.weight", matrix(*shape))


def make_model(path: Path) -> None:
    """Writes the file, some 600 kB."""
    writer = GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    vocabulary = write_vocabulary(writer)
    writer.add_vocab_size(vocabulary)
    write_weights(writer, vocabulary)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    make_model(Path(sys.argv[1]))
