"""Words that are given out."""

from hypothesis import given
from hypothesis import strategies as st

from viva_asr.streaming.agreement import Agreement


def texts(*hypotheses: str, spoken_s: float = 1.0) -> list[str]:
    agreement = Agreement()
    found = []
    for hypothesis in hypotheses:
        agreement.feed(hypothesis, spoken_s=spoken_s)
        found.append(agreement.text)
    return found


def test_two_in_a_row_have_to_agree() -> None:
    """A word is given out once the next hypothesis has it in the same place, whatever its case and signs."""
    assert texts("You.", "Who made?", "who made the", "Who made the first") == ["", "", "who made", "who made the"]


def test_two_words_behind_the_first_are_as_good_as_another_hypothesis() -> None:
    """A single hypothesis gives out its first words but for two; of later words it gives none."""
    assert texts("Who made?", "What is it", "What is the name of it?") == ["", "What", "What is"]


def test_a_long_first_word_is_not_waited_out() -> None:
    """A word that three hypotheses in a row end with is given out, without its sign."""
    assert texts("Where?", "Where?", "Where?") == ["", "", "Where"]


def test_early_words_are_mistrusted() -> None:
    """After little speech the first word needs more: both another hypothesis and two words behind it."""
    early = ["You his", "You his", "You is that", "You is that", "You is that"]
    assert texts(*early, spoken_s=0.3) == ["", "", "You", "You is", "You is"]
    assert texts(*["Yeah."] * 4, spoken_s=0.3) == ["", "", "", "Yeah"]
    assert texts("You is that", spoken_s=0.3) == [""]


def test_the_last_word_may_be_half_a_word() -> None:
    """The last word is held back while the speaker goes on, and given out, without its sign, in a pause."""
    agreement = Agreement()
    agreement.feed("What is", spoken_s=0.6)
    assert agreement.feed("What is a trans.", spoken_s=0.9)
    assert agreement.feed("What is a trans.", spoken_s=1.2)
    assert not agreement.feed("What is a trans.", spoken_s=1.3)
    assert agreement.text == "What is a"
    assert not agreement.complete
    assert agreement.feed("What is a trans.", spoken_s=1.3, settled=True)
    assert agreement.text == "What is a trans"
    assert agreement.complete


def test_signs_inside_are_kept() -> None:
    """What stands between two words that are given out is given out."""
    assert texts("First, the question", "First, the question is")[-1] == "First, the question"


def test_a_recogniser_that_changes_its_mind_takes_nothing_back() -> None:
    """Given words stay, and later ones are counted on from them."""
    assert texts("He made a ring", "He made a ring of", "Who made the ring of", "Who made the ring of gold")[1:] == [
        "He made a ring",
        "He made a ring",
        "He made a ring of",
    ]


@given(st.lists(st.tuples(st.lists(st.sampled_from(["a", "b.", "C", "d"])), st.floats(0, 1), st.booleans())))
def test_it_only_grows(hypotheses: list[tuple[list[str], float, bool]]) -> None:
    """Whatever is heard, each text begins with the one before, and `feed` says whether it is longer."""
    agreement = Agreement()
    before = ""
    for words, spoken_s, settled in hypotheses:
        grown = agreement.feed(" ".join(words), spoken_s=spoken_s, settled=settled)
        assert agreement.text.startswith(before)
        assert grown == (len(agreement.text) > len(before))
        before = agreement.text
