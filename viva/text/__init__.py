"""Text on its way from a model to a voice: citation marks, sentences, and what can be read aloud."""

from viva.text.citations import CitationParser, with_marks, without_marks
from viva.text.sentences import SentenceSplitter, split_sentences

__all__ = ["CitationParser", "SentenceSplitter", "split_sentences", "with_marks", "without_marks"]
