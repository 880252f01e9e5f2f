"""Makes a Whisper model of random weights: small, saying nothing sensible, but loaded and run by the real code."""

import json
from pathlib import Path

import numpy as np
from ctranslate2.specs import common_spec
from ctranslate2.specs.model_spec import LayerSpec
from ctranslate2.specs.whisper_spec import WhisperSpec
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

_WIDTH = 32
_HEADS = 2
_LAYERS = 2
_MELS = 80
_AUDIO_POSITIONS = 1500
_TEXT_POSITIONS = 448
_TIMESTAMPS = 1501
_ONLY_MULTILINGUAL = ""
"""CTranslate2 tells the multilingual models by this token, which the English ones lack."""
_SPECIAL = ("<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>")


def make_tiny_whisper(folder: Path, languages: tuple[str, ...]) -> Path:
    """Write model.bin, config.json, tokenizer.json and the rest into `folder`; ("en",) makes an English-only one."""
    folder.mkdir(parents=True)
    special = ["<|endoftext|>", "<|startoftranscript|>", *(f"<|{code}|>" for code in languages), *_SPECIAL]
    ordinary = sorted(pre_tokenizers.ByteLevel.alphabet())
    if len(languages) > 1:
        ordinary.append(_ONLY_MULTILINGUAL)
    vocabulary = [*ordinary, *special, *(f"<|{step * 0.02:.2f}|>" for step in range(_TIMESTAMPS))]
    _write_tokenizer(folder, ordinary, vocabulary[len(ordinary) :])
    spec = WhisperSpec(_LAYERS, _HEADS, _LAYERS, _HEADS)
    _fill(spec, len(vocabulary))
    spec.register_vocabulary(vocabulary)
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [vocabulary.index("<|endoftext|>")]
    spec.config.lang_ids = [vocabulary.index(f"<|{code}|>") for code in languages]
    spec.config.alignment_heads = [(1, 0), (1, 1)]
    spec.validate()
    spec.optimize()
    spec.save(str(folder))
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": _MELS, "sampling_rate": 16000}))
    return folder


def _write_tokenizer(folder: Path, ordinary: list[str], special: list[str]) -> None:
    tokenizer = Tokenizer(models.BPE({token: number for number, token in enumerate(ordinary)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in special])
    tokenizer.save(str(folder / "tokenizer.json"))


def _fill(spec: WhisperSpec, vocabulary_size: int) -> None:
    """Give every weight its shape and random values."""
    random = np.random.default_rng(7)

    def weights(*shape: int) -> np.ndarray:
        return random.normal(0, 0.3, shape).astype(np.float32)

    spec.encoder.conv1.weight, spec.encoder.conv1.bias = weights(_WIDTH, _MELS, 3), weights(_WIDTH)
    spec.encoder.conv2.weight, spec.encoder.conv2.bias = weights(_WIDTH, _WIDTH, 3), weights(_WIDTH)
    spec.encoder.position_encodings.encodings = weights(_AUDIO_POSITIONS, _WIDTH)
    spec.decoder.position_encodings.encodings = weights(_TEXT_POSITIONS, _WIDTH)
    spec.decoder.embeddings.weight = weights(vocabulary_size, _WIDTH)
    spec.decoder.projection.weight = weights(vocabulary_size, _WIDTH)
    for half in (spec.encoder, spec.decoder):
        _fill_norm(half.layer_norm)
        for layer in half.layer:
            _fill_attention(layer.self_attention, (3, 1), weights)
            layer.ffn.linear_0.weight = weights(2 * _WIDTH, _WIDTH)
            layer.ffn.linear_1.weight = weights(_WIDTH, 2 * _WIDTH)
            _fill_norm(layer.ffn.layer_norm)
    for layer in spec.decoder.layer:
        _fill_attention(layer.attention, (1, 2, 1), weights)


def _fill_attention(attention: LayerSpec, parts: tuple[int, ...], weights) -> None:
    for linear, part in zip(attention.linear, parts, strict=True):
        linear.weight = weights(part * _WIDTH, _WIDTH)
    _fill_norm(attention.layer_norm)


def _fill_norm(norm: common_spec.LayerNormSpec) -> None:
    norm.gamma, norm.beta = np.ones(_WIDTH, np.float32), np.zeros(_WIDTH, np.float32)
