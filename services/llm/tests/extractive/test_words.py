"""How words sound."""

import pytest

from viva_llm.extractive.alignment import PhoneCosts, PhoneStream
from viva_llm.extractive.language import Language
from viva_llm.extractive.pronunciation import PHONES, Pronouncer


@pytest.mark.parametrize("word", ["germanium", "shockley", "qqqq", "a'b", "ß", "x" * 200])
def test_every_word_has_phones_that_exist(word):
    """Words in no dictionary are read by rule, and nothing is out of range."""
    assert all(0 <= phone < len(PHONES) for phone in Pronouncer().phones(word))


class TestPhoneStream:
    """Likeness in sound, across word boundaries."""

    def likeness(self, query: str, text: str) -> list[float]:
        pronouncer = Pronouncer()
        stream = PhoneStream([pronouncer.phones(word) for word in text.split()], PhoneCosts())
        return list(stream.search(pronouncer.phones(query)))

    def test_is_whole_for_the_word_itself(self):
        """The same phones between the same boundaries are as alike as can be."""
        assert self.likeness("transistor", "the transistor works")[1] == pytest.approx(1.0)

    def test_is_high_where_a_word_was_cut_into_others(self):
        """The word ends where the last of the others ends."""
        likeness = self.likeness("germanium", "a slab of jermaine me um and some gold")
        assert likeness.index(max(likeness)) == 5
        assert max(likeness) > 0.7

    def test_is_low_for_other_words(self):
        """What does not sound alike stays below what is believed."""
        assert max(self.likeness("photosynthesis", "he walked along the river in the evening")) < 0.5

    def test_nothing_is_like_nothing(self):
        """An empty text has no likeness, and words without phones are never matched."""
        assert list(PhoneStream([], PhoneCosts()).search((1, 2))) == []
        assert list(PhoneStream([(), ()], PhoneCosts()).search((1, 2))) == [0.0, 0.0]


def test_words_that_mean_the_same_are_known():
    """The thesaurus has synonyms, through inflected forms."""
    thesaurus = Language().thesaurus
    assert thesaurus.meanings("angry")[0] & thesaurus.meanings("furious")[0]
    assert thesaurus.meanings("went")[0] & thesaurus.meanings("go")[0]
    assert not thesaurus.meanings("qqqq")[0]
