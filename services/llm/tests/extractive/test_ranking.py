"""What the learnt weights do: when a question counts as covered, and how many passages are quoted."""

import numpy as np
import pytest

from viva.passages import Segment, number_passages
from viva_llm.extractive.features import COVERING, FOLLOWING, RANKING, Features
from viva_llm.extractive.index import LectureIndex
from viva_llm.extractive.language import Language
from viva_llm.extractive.question import parse_question
from viva_llm.extractive.ranking import Findings, choose
from viva_llm.extractive.weights import Weights

TEXTS = (
    "welcome to this evening on the history of paper",
    "paper was made from rags for a thousand years",
    "the rags were beaten to a pulp by a water mill",
    "in eighteen forty four keller ground wood against a stone",
    "his machine was about two meters wide",
    "it cost him forty dollars and he never earned them back",
)


@pytest.fixture(scope="module")
def language():
    """Loaded once."""
    return Language()


def index_of(language, texts=TEXTS) -> LectureIndex:
    """A lecture whose passages last eight seconds each."""
    segments = [Segment(8.0 * at, 8.0 * at + 7.5, text) for at, text in enumerate(texts)]
    return LectureIndex(number_passages(segments), language)


def findings(language, ask: str, texts=TEXTS) -> Findings:
    """What the lecture has for a question, with the weights in the package."""
    question = parse_question(ask, language)
    return Findings(question, question.terms, index_of(language, texts), Weights.read())


def test_every_feature_has_a_weight():
    """The file in the package was learnt for the features that there are."""
    weights = Weights.read()
    assert [len(weights.ranking), len(weights.following), len(weights.covering)] == [
        len(RANKING),
        len(FOLLOWING),
        len(COVERING),
    ]


@pytest.mark.parametrize(
    ("name", "sign"),
    [
        ("coverage", 1),
        ("tokens_alike", 1),
        ("missing_nouns", -1),
        ("missing_here", -1),
        ("uncounted", -1),
        ("no_money", -1),
        ("log_passages", -1),
    ],
)
def test_weights_point_the_way_they_should(name, sign):
    """What is found speaks for an answer; what is missing, and a longer lecture, against it."""
    assert sign * Weights.read().covering[COVERING.index(name)] > 0


def test_features_have_their_shapes(language):
    """A row for each passage and a column for each name, all finite."""
    question = parse_question("Who ground wood?", language)
    features = Features(question, question.terms, index_of(language))
    following = features.following([3], np.zeros(len(TEXTS)))
    assert features.ranking().shape == (len(TEXTS), len(RANKING))
    assert following.shape == (len(TEXTS), len(FOLLOWING))
    assert features.covering([3, 4], len(TEXTS)).shape == (len(COVERING),)
    assert np.isfinite(following).all()


def test_what_follows_fades_more_slowly_than_what_went_before(language):
    """A passage after the cited one is nearer than the one as far before it."""
    question = parse_question("And then?", language)
    following = Features(question, question.terms, index_of(language)).following([3], np.zeros(len(TEXTS)))
    after, before = following[:, FOLLOWING.index("after")], following[:, FOLLOWING.index("before_cited")]
    assert after[4] > after[5] > 0 == after[2]
    assert after[5] > before[1] > 0 == before[4]


def test_the_best_passage_is_first(language):
    """The words of the question and the kind of thing that is asked decide."""
    assert int(np.argmax(findings(language, "When did Keller grind wood?").scores)) == 3


@pytest.mark.parametrize(("ask", "place"), [("How wide was it?", 4), ("How much did it cost?", 5)])
def test_a_measure_is_looked_for_in_its_units(language, ask, place):
    """ "How wide" wants a length and "how much did it cost" money, not just any number."""
    kind = findings(language, ask).kind
    assert kind[place] == 1.0
    assert kind[3] < 1.0


def test_more_found_makes_an_answer_likelier(language):
    """A question with half of its words in the lecture is less covered than one with all of them."""
    everywhere = np.ones(len(TEXTS), bool)
    whole = findings(language, "Who ground wood against a stone?").covered(everywhere)
    half = findings(language, "Who ground coffee against a ceiling?").covered(everywhere)
    assert whole > 0.0 > half


def test_a_longer_lecture_asks_for_more(language):
    """The same evidence counts less where there were more places for chance."""
    filler = tuple(f"and so on said number {chr(97 + at % 26)}" for at in range(200))
    short = findings(language, "Who ground wood?").covered(np.ones(len(TEXTS), bool))
    long = findings(language, "Who ground wood?", TEXTS + filler).covered(np.ones(206, bool))
    assert long < short


def test_no_candidate_covers_nothing(language):
    """An empty mask is not an answer."""
    assert findings(language, "Who ground wood?").covered(np.zeros(len(TEXTS), bool)) == -np.inf


@pytest.mark.parametrize(("lead", "quoted"), [(9.0, 1), (0.2, 3)])
def test_quotes_as_many_as_it_takes_to_be_sure(language, lead, quoted):
    """One passage that stands out is quoted alone, rivals are quoted with it."""
    scores = np.zeros(len(TEXTS))
    scores[2] = lead
    chosen = choose(scores, index_of(language), sure_enough=0.9)
    assert chosen[0] == 2
    assert len(chosen) == quoted
