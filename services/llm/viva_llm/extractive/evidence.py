"""What is found of each term of a question in each passage of a lecture: by letters, by meaning and by sound."""

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
_PAIR_ODDS = 20.0
_STEEPNESS = 1.5
_LEAST_PAIR = 4  # phones
_MISHEARD_ODDS = 3.0
_MISHEARD_SLOPE = 3.0
_HEARD_ODDS = 0.4  # of that, where the question itself may be misheard
_HEARD_AT_MOST, _HEARD_BY_ZIPF = 1.25, 0.12
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


def spread(found: np.ndarray) -> np.ndarray:
    """Each passage with what its neighbours have, discounted by distance: sentences run over."""
    spread = found.copy()
    for distance, credit in _NEIGHBOUR_CREDIT:
        if found.shape[1] > distance:
            np.maximum(spread[:, distance:], credit * found[:, :-distance], out=spread[:, distance:])
            np.maximum(spread[:, :-distance], credit * found[:, distance:], out=spread[:, :-distance])
    return spread


def gather(terms: tuple[Term, ...], words: tuple[str, ...], index: LectureIndex) -> tuple[np.ndarray, np.ndarray]:
    """Two float32 arrays (terms, passages), 0..1: what is found, and how far to believe it where it stands alone.

    What is found by sound is believed more where other terms of the question are found near by.
    """
    shape = (len(terms), len(index))
    letters, near, alone = (np.zeros(shape, np.float32) for _ in range(3))
    for row, term in enumerate(terms):
        letters[row] = _written(term, index)
        near[row], alone[row] = _spoken(term, index)
    for rows, phones in _pairs(terms, words, index):
        heard_near, heard_alone = np.maximum(*_heard(phones, _PAIR_ODDS, index))
        for row in rows:
            np.maximum(near[row], heard_near, out=near[row])
            np.maximum(alone[row], heard_alone, out=alone[row])
    trust = _company(letters, np.array([term.weight for term in terms], np.float32))
    return np.maximum(letters, alone + (near - alone) * trust), np.maximum(letters, alone)


def _written(term: Term, index: LectureIndex) -> np.ndarray:
    """(passages,): 1 where the word is, less where one is that means nearly the same."""
    hits = index.letter_hits(term.stem)
    for other, credit in index.meanings.related(term.word).items():
        credit *= max(0.5, rarity(index.language.vocabulary.zipf(other)))
        stem = index.language.vocabulary.stem(other)
        np.maximum(hits, np.float32(credit) * index.letter_hits(stem), out=hits)
    return hits


def _spoken(term: Term, index: LectureIndex) -> np.ndarray:
    """(2, passages): how far a likeness in sound is to be believed, near other terms and alone."""
    pronouncer = index.language.pronouncer
    known = pronouncer.knows(term.word)
    heard, odd = _heard(pronouncer.phones(term.word), _misheard_odds(term, known), index)
    return np.maximum(_most_heard(term, known) * heard, odd)


def _company(letters: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(terms, passages) 0..1: how much of the other terms is near by."""
    around = spread(letters)
    there = (weights[:, None] * around).sum(axis=0, keepdims=True) - weights[:, None] * around
    others = np.maximum(weights.sum() - weights, 1e-6)[:, None]
    return np.minimum(1.0, 2.0 * there / others)


def _heard(phones: tuple[int, ...], odds: float, index: LectureIndex) -> np.ndarray:
    """(2, 2, passages): how far to believe what is heard, in any words and in odd ones; near other terms, and alone.

    Odd words are few, so chance has fewer tries among them.
    """
    anywhere, odd = odds * chance_hits(index.sound_hits(phones), len(phones))
    tries = np.array([_NEIGHBOURHOOD, max(_NEIGHBOURHOOD, len(index))])[:, None]
    return np.stack([_credit(tries * anywhere), _credit(tries * odd * index.odd_share)])


def _credit(expected: np.ndarray) -> np.ndarray:
    """0..1, from the number of places where chance alone would sound as good."""
    return 1.0 / (1.0 + (2.0 * expected) ** _STEEPNESS)


def rarity_here(found: np.ndarray) -> np.ndarray:
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
