"""Learns the weights of the extractive answerer, and says how well it answers about lectures it has not learnt from.

    python -m benchmarks.train_answerer [--write] [--spoken] [--verbose] [--json OUT.json] [--cache FOLDER]

Every lecture that is not held out is asked its questions by an answerer that has learnt from all the others: the table
shows what is to be expected of other recordings. With --write the weights learnt from all of them are written into the
package. Examples come from both voices (answer_examples.py says what they are).
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.answer_examples import Example, Examples
from benchmarks.answer_quality import Asker, Outcome, failures, footing, table
from benchmarks.asr_service import running
from benchmarks.question_set import QuestionSet, load_all
from benchmarks.recognised import RecognisedSpeech
from viva.samples import VOICES
from viva_llm.extractive import Answerer
from viva_llm.extractive.features import COVERING, FOLLOWING, RANKING
from viva_llm.extractive.weights import WEIGHTS_FILE, Weights

# What a kind of example counts altogether. What is to be refused is what people ask in vain, then what is asked about
# another lecture or for a detail that is missing, then what is asked where the answering passages were taken out.
SHARES = {"answered": 1.0, "far": 0.35, "near": 0.35, "detail": 0.35, "elsewhere": 0.2, "removed": 0.1}
REFUSED = 0.94  # of the far and near questions, where a lecture is short
PENALTY = 0.3, 10.0  # of squared weights: of the ranking, of the covering (features scaled to one)
TOTAL_WEIGHT = 400.0


def learn(examples: list[Example]) -> Weights:
    """The weights that fit the examples."""
    answered = [each for each in examples if each.kind == "answered" and not each.long and each.right]
    ranking = fit_ranking([each.ranking for each in answered], [each.right for each in answered])
    later = [each for each in examples if each.kind == "later turn"]
    following = fit_ranking([each.following for each in later], [each.right for each in later])
    used = [each for each in examples if each.kind in SHARES]
    counts = Counter((each.kind, each.long) for each in used)
    shares = np.array([SHARES[each.kind] / counts[each.kind, each.long] for each in used])
    features = np.array([each.covering(ranking) for each in used])
    right = np.array([each.kind == "answered" for each in used], float)
    covering = fit_covering(features, right, shares * TOTAL_WEIGHT / shares.sum())
    covering, intercept = calibrate(used, covering, features)
    return Weights(ranking, following, covering, intercept)


def fit_ranking(features: list[np.ndarray], right: list[tuple[int, ...]]) -> np.ndarray:
    """Maximises how likely a right passage is, as a softmax over all passages of the lecture (Newton's method)."""
    weights = np.zeros(features[0].shape[1])
    loss, step = _ranking_loss(features, right, weights)
    for _ in range(50):
        tried = weights - step
        tried_loss, tried_step = _ranking_loss(features, right, tried)
        if tried_loss > loss:
            step = step / 2
        elif loss - tried_loss < 1e-6:
            return tried
        else:
            weights, loss, step = tried, tried_loss, tried_step
    return weights


def _ranking_loss(
    features: list[np.ndarray], right: list[tuple[int, ...]], weights: np.ndarray
) -> tuple[float, np.ndarray]:
    """The loss at these weights, and Newton's step from there."""
    loss = PENALTY[0] * weights @ weights / 2
    gradient, curvature = PENALTY[0] * weights, PENALTY[0] * np.eye(len(weights))
    for passages, places in zip(features, right, strict=True):
        scores = passages @ weights
        likely = np.exp(scores - scores.max())
        likely /= likely.sum()
        loss -= np.log(likely[list(places)]).mean()
        mean = likely @ passages
        gradient = gradient + mean - passages[list(places)].mean(axis=0)
        curvature += (passages * likely[:, None]).T @ passages - np.outer(mean, mean)
    return loss, np.linalg.solve(curvature, gradient)


def fit_covering(features: np.ndarray, answered: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Logistic regression; returns the weights of the features, without the intercept."""
    mean = np.average(features, axis=0, weights=shares)
    scale = np.sqrt(np.average((features - mean) ** 2, axis=0, weights=shares)) + 1e-6
    scaled = np.c_[(features - mean) / scale, np.ones(len(features))]
    penalty = PENALTY[1] * np.diag([1.0] * len(scale) + [0.0])
    weights = np.zeros(scaled.shape[1])
    for _ in range(20):
        likely = 1.0 / (1.0 + np.exp(-scaled @ weights))
        gradient = scaled.T @ (shares * (likely - answered)) + penalty @ weights
        curvature = (scaled * (shares * likely * (1.0 - likely))[:, None]).T @ scaled + penalty
        weights = weights - np.linalg.solve(curvature, gradient)
    return weights[:-1] / scale


def calibrate(examples: list[Example], covering: np.ndarray, features: np.ndarray) -> tuple[np.ndarray, float]:
    """Sets where an answer is given, by the number of passages; returns the weights and the intercept.

    In short lectures so that REFUSED of what people ask in vain is refused; in long ones, where that would refuse too
    much, so that as large a share of the answered is refused as is answered of what is asked elsewhere.
    """
    length = COVERING.index("log_passages")
    covering = covering.copy()
    covering[length] = 0.0
    values = features @ covering
    kinds = np.array([each.kind for each in examples])
    long = np.array([each.long for each in examples])
    short_least = np.quantile(values[np.isin(kinds, ["far", "near"]) & ~long], REFUSED)
    right, wrong = values[(kinds == "answered") & long], values[(kinds == "elsewhere") & long]
    steps = np.sort(right)
    long_least = steps[np.argmin([abs((right < step).mean() - (wrong >= step).mean()) for step in steps])]
    short_length, long_length = features[~long, length].mean(), features[long, length].mean()
    covering[length] = -(long_least - short_least) / (long_length - short_length)
    return covering, float(-short_least - covering[length] * short_length)


def at_length(examples: list[Example], weights: dict[str, Weights]) -> str:
    """How the weights do where all lectures are one: a line for the report."""
    cited, refused = [], []
    for each in examples:
        if not each.long:
            continue
        learnt = weights[each.lecture]
        scores = each.ranking @ learnt.ranking
        answers = each.covering(learnt.ranking) @ learnt.covering + learnt.intercept >= 0.0
        if each.kind == "answered":
            cited.append(answers and not set(np.argsort(-scores)[:3]).isdisjoint(each.right))
        else:
            refused.append(not answers)
    return (
        f"All lectures end to end, both voices, quoting three passages: right passage cited "
        f"{sum(cited)}/{len(cited)} {np.mean(cited):.0%}; refused without the lecture that is asked about "
        f"{sum(refused)}/{len(refused)} {np.mean(refused):.0%}"
    )


def as_toml(weights: Weights) -> str:
    """What data/weights.toml holds."""

    def lines(names: tuple[str, ...], values: np.ndarray) -> list[str]:
        return [f"{name} = {value:.3f}" for name, value in zip(names, values, strict=True)]

    return "\n".join(
        [
            "# Learnt by `python -m benchmarks.train_answerer --write`; viva_llm/extractive/features.py says what",
            "# each feature is. Do not edit by hand.",
            "",
            "# The logarithm of how likely a passage is to be the one that answers.",
            "[ranking]",
            *lines(RANKING, weights.ranking),
            "",
            "# The same where the question leans on the ones before.",
            "[following]",
            *lines(FOLLOWING, weights.following),
            "",
            "# The logarithm of the odds that the best passage answers; above 0 it is quoted.",
            "[covering]",
            f"intercept = {weights.intercept:.3f}",
            *lines(COVERING, weights.covering),
            "",
        ]
    )


def ask_all(
    answerers: dict[str, Answerer], sets: list[QuestionSet], speech: RecognisedSpeech, *, spoken: bool
) -> list[Outcome]:
    """Every question of the sets, each asked of the answerer for its lecture."""
    return [outcome for each in sets for outcome in Asker(answerers[each.name], each, speech, spoken).outcomes()]


def main(arguments: list[str] | None = None) -> int:
    """Runs the training; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train_answerer", description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="write the weights into the package")
    parser.add_argument("--engine", default="moonshine", help="of the asr service")
    parser.add_argument("--spoken", action="store_true", help="measure with spoken questions, too")
    parser.add_argument("--verbose", action="store_true", help="list the failures")
    parser.add_argument("--json", type=Path, help="write every outcome to this file")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "viva-answer-quality")
    options = parser.parse_args(arguments)
    options.cache.mkdir(parents=True, exist_ok=True)
    sets = [each for each in load_all() if not each.held_out]
    written = {}
    with ExitStack() as stack:
        service = cache(lambda: stack.enter_context(running(options.engine)))
        speech = {voice: RecognisedSpeech(options.cache, voice, options.engine, service) for voice in VOICES}
        examples = [example for voice in VOICES for example in Examples.of(sets, speech[voice])]
        weights = {each.name: learn([example for example in examples if example.lecture != each.name]) for each in sets}
        answerers = {name: Answerer(weights=learnt) for name, learnt in weights.items()}
        for voice, spoken in [(voice, False) for voice in VOICES] + [(VOICES[0], True)] * options.spoken:
            outcomes = ask_all(answerers, sets, speech[voice], spoken=spoken)
            name = f"voice {voice}, questions {'spoken' if spoken else 'as text'}"
            print(f"Each lecture with weights learnt from the others; {name}", table(outcomes), sep="\n\n")
            print("", footing(outcomes), "", *(failures(outcomes) if options.verbose else ()), sep="\n")
            written[name] = [asdict(outcome) for outcome in outcomes]
    print(at_length(examples, weights))
    if options.json:
        options.json.write_text(json.dumps(written, indent=1))
    if options.write:
        Path(str(WEIGHTS_FILE)).write_text(as_toml(learn(examples)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
