"""The passages that matter for a question come first, with their neighbours."""

from __future__ import annotations

from viva.passages import Passage
from viva_orchestrator.context.ranking import PassageIndex

TEXTS = [
    "welcome everybody to the history of the transistor",
    "bell labs was a place with long corridors",
    "in nineteen forty seven a point contact made it work",
    "the slab was germanium and the springs were gold",
    "coffee is served outside at four",
    "the second half is about the integrated circuit",
    "kilby made the first one in texas",
    "noyce made his of silicon in california",
    "thank you and good night",
]


def index_of(texts: list[str]) -> PassageIndex:
    """An index of passages with these texts."""
    return PassageIndex([Passage(at + 1, at * 8.0, at * 8.0 + 7, text) for at, text in enumerate(texts)])


INDEX = index_of(TEXTS)


def test_the_passage_with_the_words_comes_first_then_what_is_around_it():
    """A sentence goes on in the next passage and began in the one before."""
    assert INDEX.order("Which slab was it, germanium?")[:4] == [3, 4, 2, 5]


def test_a_number_is_found_as_it_is_said():
    """Recognisers write numbers out, questions do not."""
    assert INDEX.order("What happened in 1947?")[0] == 2


def test_words_that_all_passages_have_tell_nothing():
    """ "the" is in most of them."""
    assert INDEX.order("the of and") == []


def test_what_was_asked_and_cited_before_comes_after_the_best():
    """A follow-up is about the same place unless its own words say otherwise."""
    follow_up = INDEX.order("And in which state?", "Who made the first circuit?", "It was Kilby [7].")
    assert 6 in follow_up[:4]
    assert INDEX.order("What about germanium?", "Who?", "It was Kilby [7].")[0] == 3


def test_a_question_without_words_of_its_own_is_about_the_one_before():
    """Also when that was answered without a citation."""
    assert INDEX.order("And where was that?", "What about the corridors?")[0] == 1


def test_marks_of_passages_that_are_not_there_are_ignored():
    """A model may have made them up."""
    assert INDEX.order("coffee", "", "See [99] and [0].")[0] == 4


def test_a_lecture_without_words_has_no_order():
    """Nothing was said in it but numbers of no word."""
    assert index_of(["?", "!"]).order("germanium") == []
    assert index_of([]).order("germanium") == []
