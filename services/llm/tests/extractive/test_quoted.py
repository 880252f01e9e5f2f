"""Whether what would be quoted has the detail that is asked for."""

import pytest

from viva.passages import Segment, number_passages
from viva_llm.extractive.features import COVERING, Features
from viva_llm.extractive.index import LectureIndex
from viva_llm.extractive.language import Language
from viva_llm.extractive.question import Wanted, parse_question

TEXTS = (
    "good evening and welcome to the harbor of our town",
    "seven large stone bridges cross the river before it gets here",
    "all of the bridges were painted green in nineteen ninety one",
    "the ferry leaves from the old pier beside the fish market",
    "a ticket for it costs four dollars and children pay half",
    "the crossing takes about twenty minutes when the sea is calm",
    "the captain comes from a family of fishermen and wears a red hat",
)
BRIDGES, PAINT, FERRY, TICKET, CROSSING, CAPTAIN = range(1, 7)


@pytest.fixture(scope="module")
def language() -> Language:
    """Loaded once."""
    return Language()


@pytest.fixture(scope="module")
def index(language) -> LectureIndex:
    """A lecture whose passages last eight seconds each."""
    segments = [Segment(8.0 * at, 8.0 * at + 7.5, text) for at, text in enumerate(TEXTS)]
    return LectureIndex(number_passages(segments), language)


def feature(name: str, ask: str, places: list[int], index: LectureIndex) -> float:
    """One feature of a question and the places that would be quoted."""
    question = parse_question(ask, index.language)
    features = Features(question, question.terms, index).covering(places, len(index))
    return float(features[COVERING.index(name)])


@pytest.mark.parametrize(
    ("name", "ask", "places", "missing"),
    [
        ("uncounted", "How many bridges are there?", [BRIDGES], 0.0),
        ("uncounted", "How many bridges are there?", [PAINT], 1.0),
        ("uncounted", "How many bridges are there?", [PAINT, BRIDGES], 0.0),
        ("uncounted", "How many ferries are there?", [CROSSING, FERRY], 1.0),
        ("uncounted", "Who painted the bridges?", [PAINT], 0.0),
        ("no_money", "How much does a ticket cost?", [TICKET], 0.0),
        ("no_money", "How much does a ticket cost?", [CROSSING], 1.0),
        ("no_money", "How long is the crossing?", [TICKET], 0.0),
        ("no_unit", "How long is the crossing?", [CROSSING], 0.0),
        ("no_unit", "How long is the crossing?", [TICKET], 1.0),
    ],
)
def test_a_number_has_to_be_one_of_what_is_asked_for(index, name, ask, places, missing):
    """A number of other things, or in other units, is none; one of the passages that has it is enough."""
    assert feature(name, ask, places, index) == missing


@pytest.mark.parametrize(
    ("ask", "name"),
    [
        ("Why were they painted?", "asks_reason"),
        ("When were the bridges painted?", "asks_value"),
        ("How many bridges are there?", "asks_value"),
        ("Where does the ferry leave?", "asks_place"),
        ("Whose hat is red?", "asks_person"),
        ("What does the captain wear?", None),
    ],
)
def test_the_kind_of_answer_is_told(index, ask, name):
    """A question asks for one kind of thing or for none in particular."""
    kinds = [kind for kind in COVERING if kind.startswith("asks_")]
    assert [kind for kind in kinds if feature(kind, ask, [FERRY], index)] == ([name] if name else [])


def test_a_noun_is_missing_only_where_none_of_the_passages_has_it(index):
    """What is said elsewhere in the lecture does not tell anything of the thing that is asked about."""
    ask = "What is the captain's ticket?"
    assert feature("missing_here", ask, [CAPTAIN], index) > 0.0
    assert feature("missing_most", ask, [CAPTAIN], index) > 0.0
    assert feature("missing_here", ask, [CAPTAIN, TICKET], index) == pytest.approx(0.0, abs=0.01)


def test_a_passage_that_tells_it_in_other_words_is_alike(index):
    """The tokens of a question are nearer to those of its answer than to those of a passage on another matter."""
    ask = "What does the passage by boat cost?"
    told, other = (feature("tokens_alike", ask, [place], index) for place in (TICKET, BRIDGES))
    assert -1.0 <= other < told <= 1.01
    assert feature("least_alike", ask, [TICKET], index) < told


@pytest.mark.parametrize(
    ("ask", "counted"),
    [
        ("How many bridges are green?", "bridges"),
        ("And how many are there?", None),
        ("How much is it?", None),
    ],
)
def test_what_is_counted(language, ask, counted):
    """It is the word after "how many", where that is a thing."""
    assert parse_question(ask, language).counted == counted


def test_a_place_and_a_person_are_wanted(language):
    """ "Where" and "who" ask for kinds of their own, unless the question asks for a time or a number."""
    assert parse_question("Where is the pier?", language).wanted is Wanted.PLACE
    assert parse_question("Who wears a hat?", language).wanted is Wanted.PERSON
    assert parse_question("Who knows how many there are?", language).wanted is Wanted.NUMBER
