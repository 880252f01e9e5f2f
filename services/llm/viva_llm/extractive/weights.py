"""The weights of the features, learnt by benchmarks/train_answerer.py and kept in data/weights.toml."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from viva_llm.extractive.features import COVERING, FOLLOWING, RANKING

WEIGHTS_FILE = files("viva_llm.extractive") / "data" / "weights.toml"


@dataclass(frozen=True, slots=True)
class Weights:
    """Of the features of these names in `features`; an answer is given where those of `COVERING` reach 0."""

    ranking: np.ndarray
    following: np.ndarray
    covering: np.ndarray
    intercept: float

    @classmethod
    def read(cls) -> "Weights":
        """The weights in the package."""
        content = tomllib.loads(WEIGHTS_FILE.read_text(encoding="utf-8"))
        named = (
            (content["ranking"], RANKING),
            (content["following"], FOLLOWING),
            (content["covering"], COVERING),
        )
        arrays = (np.array([table[name] for name in names], np.float32) for table, names in named)
        return cls(*arrays, intercept=content["covering"]["intercept"])
