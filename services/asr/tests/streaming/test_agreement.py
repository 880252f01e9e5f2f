"""Words that are given out."""

from hypothesis import given
from hypothesis import strategies as st

from viva_asr.streaming.agreement import Agreement


def texts(*hypotheses: str) -> list[str]:
    agreement = Agreement()
    found = []
    for hypothesis in hypotheses:
        agreement.feed(hypothesis)
        found.append(agreement.text)
    return found


def test_two_in_a_row_have_to_agree() -> None:
    """A word is given out once the next hypothesis has it in the same place, whatever its case and signs."""
    assert texts("You.", "Who made?", "who made the", "Who made the first") == ["", "", "who made", "who made the"]


def test_the_last_word_may_be_half_a_word() -> None:
    """The last word is held back while the speaker goes on, and given out, without its sign, in a pause."""
    agreement = Agreement()
    agreement.feed("What is a trans.")
    assert agreement.feed("What is a trans.")
    assert agreement.text == "What is a"
    assert not agreement.complete
    assert agreement.feed("What is a trans.", settled=True)
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


@given(st.lists(st.tuples(st.lists(st.sampled_from(["a", "b.", "C", "d"])), st.booleans())))
def test_it_only_grows(hypotheses: list[tuple[list[str], bool]]) -> None:
    """Whatever is heard, each text begins with the one before, and `feed` says whether it is longer."""
    agreement = Agreement()
    before = ""
    for words, settled in hypotheses:
        grown = agreement.feed(" ".join(words), settled=settled)
        assert agreement.text.startswith(before)
        assert grown == (len(agreement.text) > len(before))
        before = agreement.text
