"""What is known about English, apart from any lecture."""

from viva_llm.extractive.alignment import PhoneCosts
from viva_llm.extractive.pronunciation import Pronouncer
from viva_llm.extractive.sentence_model import SentenceModel
from viva_llm.extractive.thesaurus import Thesaurus
from viva_llm.extractive.word_classes import WordClasses
from viva_llm.extractive.words import Vocabulary


class Language:
    """What is known about English, loaded once and shared by all lectures (about 0.6 s, 150 MB)."""

    def __init__(self) -> None:
        self.vocabulary = Vocabulary()
        self.pronouncer = Pronouncer()
        self.thesaurus = Thesaurus()
        self.sentences = SentenceModel()
        self.classes = WordClasses.read()
        self.costs = PhoneCosts()
