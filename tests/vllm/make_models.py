"""Makes two tiny models with random weights, in the environment that vLLM is in:

    .venv/vllm/bin/python tests/vllm/make_models.py FOLDER

FOLDER/text is a Llama, FOLDER/audio a Qwen2-Audio without weights (vLLM makes them up: --load-format dummy). What they
say means nothing; how they are served is real.
"""

import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2AudioConfig,
    Qwen2AudioProcessor,
    WhisperFeatureExtractor,
)

ROOT = Path(__file__).parents[2]
END, START = "<|im_end|>", "<|im_start|>"
AUDIO = ["<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>"]
VOCABULARY = 2048
CONTEXT = 16_384
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SHAPE = {
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": CONTEXT,
}


def trained_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE that has read the lectures of this repository; any text can be written in it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END, START, *AUDIO],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    lectures = [ROOT / "samples" / "lecture.txt", *sorted((ROOT / "benchmarks" / "lectures").glob("*.txt"))]
    tokenizer.train([str(path) for path in lectures], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=END,
        additional_special_tokens=[START, *AUDIO],
        chat_template=TEMPLATE,
        model_max_length=CONTEXT,
    )


def make_text_model(folder: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    """A Llama that never ends an answer by itself, so that answers are as long as they are asked to be."""
    torch.manual_seed(0)
    end = tokenizer.convert_tokens_to_ids(END)
    config = LlamaConfig(
        **SHAPE, head_dim=64, vocab_size=len(tokenizer), eos_token_id=end, bos_token_id=None, dtype="float32"
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        # Some token is far likelier than the others, and never a special one: those are the first.
        model.lm_head.weight *= 50
        model.lm_head.weight[: 2 + len(AUDIO)] = 0
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def make_audio_model(folder: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    """The files of a Qwen2-Audio without its weights: 25 tokens for each second, at most 30 seconds."""
    encoder = {"d_model": 64, "encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 128}
    ears = {"model_type": "qwen2_audio_encoder", "num_mel_bins": 128, "max_source_positions": 1500, **encoder}
    config = Qwen2AudioConfig(
        audio_config=ears,
        text_config={"model_type": "qwen2", "vocab_size": len(tokenizer), **SHAPE},
        audio_token_index=tokenizer.convert_tokens_to_ids(AUDIO[0]),
        architectures=["Qwen2AudioForConditionalGeneration"],
        eos_token_id=tokenizer.convert_tokens_to_ids(END),
        dtype="float32",
    )
    config.save_pretrained(folder)
    hears = WhisperFeatureExtractor(feature_size=128)
    Qwen2AudioProcessor(hears, tokenizer, chat_template=TEMPLATE).save_pretrained(folder)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    made = trained_tokenizer()
    make_text_model(target / "text", made)
    make_audio_model(target / "audio", made)
