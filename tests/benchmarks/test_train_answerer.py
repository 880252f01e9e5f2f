"""The fits that the answerer's weights come from, on data whose answer is known."""

import numpy as np
import pytest

from benchmarks.train_answerer import as_toml, fit_covering, fit_ranking
from viva_llm.extractive.features import COVERING, FOLLOWING, RANKING
from viva_llm.extractive.weights import WEIGHTS_FILE, Weights


@pytest.fixture
def random():
    """The same numbers every time."""
    return np.random.default_rng(1)


def test_ranking_weighs_what_marks_the_right_passage(random):
    """The feature that is high in right passages gets a weight, noise gets next to none."""
    lectures, right = [random.normal(size=(20, 2)) for _ in range(60)], []
    for at, features in enumerate(lectures):
        features[at % 20, 0] += 4.0
        right.append((at % 20,))
    telling, noise = fit_ranking(lectures, right)
    assert telling > 1.0
    assert abs(noise) < 0.3 * telling


def test_covering_weighs_what_tells_answered_from_not(random):
    """Signs follow the data, whatever the scale of a feature."""
    features = random.normal(size=(400, 2)) * [100.0, 0.01]
    answered = (features[:, 0] / 100.0 - features[:, 1] / 0.01 > 0.0).astype(float)
    first, second = fit_covering(features, answered, np.ones(400))
    assert first > 0.0 > second
    assert first * 100.0 == pytest.approx(-second * 0.01, rel=0.2)


def test_covering_heeds_the_share_of_an_example(random):
    """What counts nothing teaches nothing."""
    features = random.normal(size=(200, 1))
    answered = (features[:, 0] > 0.0).astype(float)
    answered[100:] = 1.0 - answered[100:]
    shares = np.repeat([1.0, 0.0], 100)
    assert fit_covering(features, answered, shares)[0] > 0.0


def test_what_is_written_is_what_is_read():
    """The file in the package is what the training writes."""
    assert as_toml(Weights.read()) == WEIGHTS_FILE.read_text(encoding="utf-8")


def test_the_file_names_every_feature():
    """In the order of the features, so that a change is seen as one."""
    text = as_toml(Weights(*(np.arange(len(names)) for names in (RANKING, FOLLOWING, COVERING)), intercept=0.0))
    assert [line.split(" = ")[0] for line in text.splitlines() if " = " in line] == [
        *RANKING,
        *FOLLOWING,
        "intercept",
        *COVERING,
    ]
