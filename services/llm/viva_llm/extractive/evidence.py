"""How much of a question is found where in the lecture: the matrix of terms against passages, and its coverage."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from viva_llm.extractive.alignment import joined
from viva_llm.extractive.index import LectureIndex
from viva_llm.extractive.question import Term
from viva_llm.extractive.words import rarity

# How like a chance sound gets: for a word of so many phones, the likeness that 2% of unrelated passages reach, and how
# fast the share falls beyond it (an exponential tail). Measured with words that were not said, on recognised lectures.
_CHANCE_LIKENESS = (1.0, 1.0, 0.95, 0.78, 0.71, 0.67, 0.655, 0.615, 0.60, 0.58, 0.565, 0.56, 0.55)
_CHANCE_SHARE = 0.02
_CHANCE_TAIL = 0.06
_NEIGHBOURHOOD = 6  # passages: where the other words of the question have already pointed at a place
_KIN_CREDIT = 0.5
_TELLING_RARITY = 1.0
_PAIR_ODDS = 20.0
_STEEPNESS = 1.5
_TOPIC_SHARE = 0.4
_TOPIC_FOUND = 0.3
_LEAST_PAIR = 4  # phones
_MISHEARD_ODDS = 3.0
_MISHEARD_SLOPE = 3.0
_HEARD_ODDS = 0.4  # of that, where the question itself may be misheard
_HEARD_AT_MOST, _HEARD_BY_ZIPF = 1.25, 0.12
_FLAT_SHARE = 0.8
_NEIGHBOUR_CREDIT = ((1, 0.9), (2, 0.6))


def chance_hits(likeness: np.ndarray, phones: int) -> np.ndarray:
    """The share of unrelated passages in which so many phones are heard as well as this by chance."""
    floor = _CHANCE_LIKENESS[min(phones, len(_CHANCE_LIKENESS) - 1)]
    return np.minimum(1.0, _CHANCE_SHARE * np.exp((floor - likeness) / _CHANCE_TAIL))


def _misheard_odds(term: Term, known: bool) -> float:
    """How much more likely a chance likeness is than a mishearing: a common word is seldom misheard."""
    if not known:
        return 1.0
    doubt = _HEARD_ODDS if term.heard else 1.0
    return doubt * _MISHEARD_ODDS * 10.0 ** ((term.zipf - 2.6) / _MISHEARD_SLOPE)


def _most_heard(term: Term, known: bool) -> float:
    """The most that a likeness can count: a common word that sounds as if it were there mostly is another word."""
    return min(1.0, _HEARD_AT_MOST - _HEARD_BY_ZIPF * term.zipf) if known else 1.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found of each term in each passage; all arrays are float32, 0..1.

    `letters` (terms, passages): the word itself or its kin. `heard_near` and `heard_alone`: how far a likeness in
    sound is to be believed where other words point at the place too, and where it stands alone.
    `weights` (terms,): how much the term tells, by its rarity in English and in this lecture. `losses` (terms,): how
    much its absence tells. `idf` (terms,): how well the term tells one place of the lecture from another.
    `topic` (terms,): 0.7 for a term that the opening announces, which is then half present everywhere, else 0.
    """

    letters: np.ndarray
    heard_near: np.ndarray
    heard_alone: np.ndarray
    weights: np.ndarray
    losses: np.ndarray
    idf: np.ndarray
    topic: np.ndarray

    def found(self) -> np.ndarray:
        """(terms, passages): the best of letters and sound, sound believed as far as its company warrants."""
        total = float(self.weights.sum()) or 1.0
        around = spread(self.letters)
        company = (self.weights[:, None] * around).sum(axis=0, keepdims=True) - self.weights[:, None] * around
        others = np.maximum(total - self.weights, 1e-6)[:, None]
        trust = np.minimum(1.0, 2.0 * company / others)
        heard = self.heard_alone + (self.heard_near - self.heard_alone) * trust
        return np.maximum(self.letters, heard)


def spread(found: np.ndarray) -> np.ndarray:
    """Each passage with what its neighbours have, discounted by distance: sentences run over."""
    spread = found.copy()
    for distance, credit in _NEIGHBOUR_CREDIT:
        if found.shape[1] > distance:
            np.maximum(spread[:, distance:], credit * found[:, :-distance], out=spread[:, distance:])
            np.maximum(spread[:, :-distance], credit * found[:, distance:], out=spread[:, :-distance])
    return spread


def gather(terms: tuple[Term, ...], words: tuple[str, ...], index: LectureIndex) -> Evidence:
    """Looks every term up by letters, by family and by sound, also together with the word beside it."""
    shape = (len(terms), len(index))
    letters = np.zeros(shape, np.float32)
    near, alone = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for row, term in enumerate(terms):
        letters[row] = index.letter_hits(term.stem)
        for other in index.families.of(term.stem):
            np.maximum(letters[row], _KIN_CREDIT * index.letter_hits(other), out=letters[row])
        for other, credit in index.meanings.related(term.word).items():
            credit *= max(0.5, min(1.0, rarity(index.language.vocabulary.zipf(other)) / _TELLING_RARITY))
            stem = index.language.vocabulary.stem(other)
            np.maximum(letters[row], np.float32(credit) * index.letter_hits(stem), out=letters[row])
        phones = index.language.pronouncer.phones(term.word)
        known = index.language.pronouncer.knows(term.word)
        near[row], alone[row] = _most_heard(term, known) * np.stack(
            _heard(phones, _misheard_odds(term, known), index)
        )
    for rows, phones in _pairs(terms, words, index):
        heard_near, heard_alone = _heard(phones, _PAIR_ODDS, index)
        for row in rows:
            np.maximum(near[row], heard_near, out=near[row])
            np.maximum(alone[row], heard_alone, out=alone[row])
    return _weighed(terms, index, letters, near, alone)


def _weighed(
    terms: tuple[Term, ...], index: LectureIndex, letters: np.ndarray, near: np.ndarray, alone: np.ndarray
) -> Evidence:
    found = np.maximum(letters, alone)
    rare = _rarity_here(found)
    topic = found[:, : index.opening].max(axis=1, initial=0.0) > 0.6
    share = np.where(topic, _TOPIC_SHARE, 1.0).astype(np.float32) * (_FLAT_SHARE + (1.0 - _FLAT_SHARE) * rare)
    base = np.array([term.weight for term in terms], np.float32)
    losses = np.array([term.loss for term in terms], np.float32)
    idf = rare * (0.5 + 0.5 * base) * np.where(topic, _TOPIC_SHARE, 1.0)
    return Evidence(
        letters,
        near,
        alone,
        base * share,
        losses * share,
        idf.astype(np.float32),
        np.where(topic, np.float32(_TOPIC_FOUND), 0.0),
    )


def _heard(phones: tuple[int, ...], odds: float, index: LectureIndex) -> tuple[np.ndarray, np.ndarray]:
    chance = odds * chance_hits(index.sound_hits(phones), len(phones))
    return _credit(_NEIGHBOURHOOD * chance), _credit(max(_NEIGHBOURHOOD, len(index)) * chance)


def _credit(expected: np.ndarray) -> np.ndarray:
    """0..1, from the number of places where chance alone would sound as good."""
    return 1.0 / (1.0 + (2.0 * expected) ** _STEEPNESS)


def _rarity_here(found: np.ndarray) -> np.ndarray:
    """(terms,) 0..1: a word that the lecture uses everywhere says little about which place is meant."""
    passages = found.shape[1]
    holders = (found > 0.5).sum(axis=1)
    here = np.log((passages + 1) / (holders + 0.5)) / np.log((passages + 1) / 0.5)
    return np.clip(here, 0.0, 1.0).astype(np.float32)


def _pairs(terms: tuple[Term, ...], words: tuple[str, ...], index: LectureIndex):
    """Neighbouring words of the question said in one: a recogniser may have cut one word in two."""
    phones = index.language.pronouncer.phones
    by_place = {term.place: row for row, term in enumerate(terms)}
    for left, right in pairwise(range(len(words))):
        rows = [by_place[place] for place in (left, right) if place in by_place]
        if not rows or any(index.letter_hits(terms[row].stem).any() for row in rows):
            continue
        sound = joined([phones(words[left]), phones(words[right])])
        if len(sound) >= _LEAST_PAIR:
            yield rows, sound
