"""One lecture made ready for questions: its passages as words, stems, phones, vectors and a BM25 index."""

import re
from collections import Counter
from collections.abc import Sequence

import bm25s
import numpy as np

from viva.passages import Passage
from viva_llm.extractive.alignment import PhoneStream
from viva_llm.extractive.language import Language
from viva_llm.extractive.thesaurus import MeaningIndex
from viva_llm.extractive.words import rarity, words_of

_SENTENCE_END = re.compile(r"[.!?…][\"')\]]*$")
_OPENING_S = 20.0
_ODD_ZIPF = 2.5
_INFORMING_RARITY = 0.8


class LectureIndex:
    """Immutable; passages are addressed by position (0 is the first), not by their number."""

    def __init__(self, passages: list[Passage], language: Language) -> None:
        self.passages = passages
        self.language = language
        self.words = [words_of(passage.text) for passage in passages]
        stem = language.vocabulary.stem
        self.stems = [[stem(word) for word in words] for words in self.words]
        self._holders: dict[str, dict[int, int]] = {}
        for position, stems in enumerate(self.stems):
            for name, count in Counter(stems).items():
                self._holders.setdefault(name, {})[position] = count
        self._stream, self._filled, self._first_words = self._build_stream()
        self._odd = np.array([self._is_odd(word) for words in self.words for word in words], np.float32)
        odd = np.maximum.reduceat(self._odd, self._first_words).sum() if len(self._filled) else 0.0
        self.odd_share = (1.0 + float(odd)) / (1.0 + len(passages))
        """The share of the passages that have an odd word, as in `sound_hits`."""
        self._bm25 = self._build_bm25()
        ended = sum(bool(_SENTENCE_END.search(passage.text)) for passage in passages)
        self._punctuated = ended * 4 >= len(passages)
        self._vectors = language.sentences.vectors([passage.text for passage in passages])
        self.meanings = MeaningIndex({word for words in self.words for word in words}, language.thesaurus)

    def __len__(self) -> int:
        return len(self.passages)

    @property
    def opening(self) -> int:
        """How many passages at the start only announce the subject, rather than say something of it."""
        soon = sum(passage.start < _OPENING_S for passage in self.passages)
        return min(soon, len(self) // 12)

    def runs_on(self, place: int) -> bool:
        """Whether a passage stops within a sentence; False where the recogniser writes no sentences at all."""
        return self._punctuated and not _SENTENCE_END.search(self.passages[place].text)

    def letter_hits(self, stem: str) -> np.ndarray:
        """1 for each passage that has the stem, else 0; float32 of shape (passages,)."""
        hits = np.zeros(len(self), np.float32)
        hits[list(self._holders.get(stem, ()))] = 1.0
        return hits

    def sound_hits(self, phones: tuple[int, ...]) -> np.ndarray:
        """(2, passages) 0..1: how well the phones are heard in a passage, word boundaries or not; and in odd words.

        Odd are those that are hardly ever used: what was misheard often reads so ("Moyes" for Noyce).
        """
        hits = np.zeros((2, len(self)), np.float32)
        if len(self._filled):
            by_word = self._stream.search(phones)
            both = np.stack([by_word, by_word * self._odd])
            hits[:, self._filled] = np.maximum.reduceat(both, self._first_words, axis=1)
        return hits

    def bm25(self, stems: list[str]) -> np.ndarray:
        """The BM25 scores of all passages for these stems, float32 of shape (passages,)."""
        known = [stem for stem in stems if stem in self._holders]
        if self._bm25 is None or not known:
            return np.zeros(len(self), np.float32)
        return self._bm25.get_scores(known)

    def alike(self, text: str) -> np.ndarray:
        """(2, passages) float32, -1..1: how near each passage is to the text in meaning, and each with a neighbour."""
        wanted = self.language.sentences.vectors([text])[0]
        pairs = self._vectors[:-1] + self._vectors[1:]
        paired = (pairs @ wanted) / np.maximum(1e-6, np.linalg.norm(pairs, axis=1))
        own = self._vectors @ wanted
        around = own.copy()
        if len(paired):
            around[:-1], around[-1] = paired, paired[-1]
            np.maximum(around[1:], paired, out=around[1:])
        return np.stack([own, around])

    def tokens_alike(self, text: str, places: Sequence[int]) -> np.ndarray:
        """(tokens,) -1..1: how near each token of the text is to the nearest one in these passages, in context."""
        return self.language.sentences.likeness(text, [self.passages[place].text for place in places])

    def informing(self, place: int) -> bool:
        """Whether a passage has words that tell what it is about, rather than greet."""
        zipfs = [self.language.vocabulary.zipf(word) for word in set(self.words[place])]
        return sum(rarity(zipf) >= _INFORMING_RARITY for zipf in zipfs) >= 2

    def tfidf(self) -> np.ndarray:
        """Unit vectors of the passages, float32 of shape (passages, stems); words of English at large count little."""
        vectors = np.zeros((len(self), len(self._holders)), np.float32)
        for column, (stem, holders) in enumerate(self._holders.items()):
            weight = rarity(self.language.vocabulary.zipf(stem)) - 0.2
            idf = np.log((len(self) + 1) / (len(holders) + 0.5))
            vectors[list(holders), column] = max(0.0, weight) * idf
        return vectors / np.maximum(1e-6, np.linalg.norm(vectors, axis=1, keepdims=True))

    def _is_odd(self, word: str) -> bool:
        return not self.language.pronouncer.knows(word) or self.language.vocabulary.zipf(word) < _ODD_ZIPF

    def _build_stream(self) -> tuple[PhoneStream, np.ndarray, np.ndarray]:
        phones = self.language.pronouncer.phones
        stream = PhoneStream([phones(word) for words in self.words for word in words], self.language.costs)
        lengths = np.array([len(words) for words in self.words], np.intp)
        firsts = np.cumsum(lengths) - lengths
        filled = np.flatnonzero(lengths)
        return stream, filled, firsts[filled]

    def _build_bm25(self) -> bm25s.BM25 | None:
        if not self._holders:
            return None
        index = bm25s.BM25(method="lucene")
        index.index(self.stems, show_progress=False)
        return index
