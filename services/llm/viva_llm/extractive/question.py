"""What a question asks: its information-bearing words with their weights, and the kind of answer it wants."""

import re
from dataclasses import dataclass, replace
from enum import Enum

from viva_llm.extractive.language import Language
from viva_llm.extractive.word_classes import WordClasses
from viva_llm.extractive.words import rarity, words_of

_NUMBER_WEIGHT = 0.3
_GENERIC_WEIGHT = 0.25


class Wanted(Enum):
    """The kind of thing that answers: passages that have it move to the front, where that can be told."""

    ANYTHING = "anything"
    TIME = "time"
    NUMBER = "number"
    REASON = "reason"
    PLACE = "place"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Term:
    """An information-bearing word; `zipf` is its frequency in English, `place` its position in the question."""

    word: str
    stem: str
    zipf: float
    place: int
    share: float = 1.0
    """Less than 1 for a number and for a word that only says what kind of thing is asked."""
    verb: bool = False
    heard: bool = False
    """The question was recognised by a machine that writes bare words, so this may not be the word that was said."""

    @property
    def weight(self) -> float:
        """What finding it tells, 0..1."""
        return rarity(self.zipf) * self.share


@dataclass(frozen=True, slots=True)
class Question:
    """A question taken apart: `text` is as it was asked, `words` are all of its words.

    `overview` asks for the lecture as a whole.
    """

    text: str
    words: tuple[str, ...]
    terms: tuple[Term, ...]
    wanted: Wanted
    measure: str | None
    """Where a number is wanted, what it measures: a name of `WordClasses.units`."""
    counted: str | None
    """Of what it asks how many there are."""
    overview: bool
    leans_back: bool = False
    """It points at something said before, opens like a continuation, or has no words of its own."""
    points_back: bool = False
    """A pronoun in it stands for something said before."""
    asks_more: bool = False
    """It wants what has not been said yet."""


_PUNCTUATION = re.compile(r"[.,;:?!]")
_TIME_QUESTION = re.compile(r"\b((what|which) (year|date|day|month|decade|century|time)|how long ago|date)\b")
_MEASURE = re.compile(
    r"\bhow (many|much|long|far|fast|big|large|old|tall|high|deep|heavy|wide|hot|cold|often|thick|small|strong"
    r"|quickly)\b"
)
_NUMBER_QUESTION = re.compile(
    rf"{_MEASURE.pattern}"
    r"|\bwhat (number|percentage|fraction|share|temperature|size|speed|price)\b"
)
_COUNTED = re.compile(r"\bhow many (?:of |more |different )?(\w+)")
_MEASURES = (
    ("duration", re.compile(r"\bhow (long|old|much time|soon)\b|\b(age|duration)\b")),
    ("temperature", re.compile(r"\bhow (hot|cold|warm)\b|\btemperature\b")),
    ("mass", re.compile(r"\bhow heavy\b|\bhow much\b.*\bweigh|\bweight\b")),
    (
        "money",
        re.compile(
            r"\bhow much money\b|\b(how much|what)\b.*\b(cost|costs|pay|paid|owe|owed|earn|earns|spend|spent)\b"
        ),
    ),
    (
        "money",
        re.compile(r"\b(what|which|how (big|high|large|much))\b.*\b(price|cost|costs|salary|fee|budget|fine|rent)\b"),
    ),
    ("share", re.compile(r"\b(percentage|fraction|proportion|percent)\b")),
    (
        "length",
        re.compile(r"\bhow (big|large|tall|high|far|deep|wide|thick|small|thin)\b|\b(distance|height|depth|width)\b"),
    ),
)
_REASON_QUESTION = re.compile(r"\b(why|how come|what (caused|causes|made)|for what reason|what (is|was) the reason)\b")
_OVERVIEW_QUESTION = re.compile(
    r"\b(lecture|talk|video|recording|speaker|lecturer|class|course|presentation)\b.*\babout\b"
    r"|\bwhat (is|was) (it|this|that)( all)? about\b|\bwhats? (it|this|that)( all)? about\b"
)
_ASKS_MORE = re.compile(
    r"\b((who|what|where|anything|anyone|something) else|(tell|say|hear|know) (me |us )?(some )?more|go on|continue"
    r"|keep going|what (happened |comes |came |happens )?(next|then|after)|more about)\b"
)
_WANTED_BY = {"where": Wanted.PLACE, "who": Wanted.PERSON, "whose": Wanted.PERSON}
_CONTINUES = re.compile(r"^(and|but|so|then|also)\b|\b(what|how) about\b")


def parse_question(text: str, language: Language) -> Question:
    """Takes a question apart; also one that a recogniser wrote down, without punctuation."""
    words = words_of(text)
    plain = " ".join(words)
    wanted = _wanted(words, plain, language.classes)
    terms = _terms(words, _asked_for(plain, wanted), language)
    if text == text.lower() and not _PUNCTUATION.search(text):
        terms = [replace(term, heard=True) for term in terms]
    classes = language.classes
    own = [term for term in terms if term.word not in classes.overview]
    whole = len(own) < len(terms) or bool(_OVERVIEW_QUESTION.search(plain))
    counted = _COUNTED.search(plain)
    asks_more = bool(_ASKS_MORE.search(plain))
    points_back = not classes.pointing.isdisjoint(words)
    return Question(
        text=text,
        words=tuple(words),
        terms=tuple(terms),
        wanted=wanted,
        measure=_measure(plain) if wanted is Wanted.NUMBER else None,
        counted=counted[1] if counted and counted[1] not in classes.function | classes.frame else None,
        overview=whole and not own,
        leans_back=asks_more or points_back or not terms or bool(_CONTINUES.search(plain)),
        points_back=points_back,
        asks_more=asks_more,
    )


def _wanted(words: list[str], plain: str, classes: WordClasses) -> Wanted:
    asking = next((word for word in words if word in classes.asking), "")
    if asking == "when" or _TIME_QUESTION.search(plain):
        return Wanted.TIME
    if _NUMBER_QUESTION.search(plain) or _measure(plain):
        return Wanted.NUMBER
    if _REASON_QUESTION.search(plain):
        return Wanted.REASON
    return _WANTED_BY.get(asking, Wanted.ANYTHING)


def _measure(plain: str) -> str | None:
    return next((name for name, pattern in _MEASURES if pattern.search(plain)), None)


def _asked_for(plain: str, wanted: Wanted) -> set[str]:
    """Words that name the kind of answer ("which year", "how tall"), which the answer itself does not repeat."""
    kinds = {"year", "date", "time", "number"} if wanted in (Wanted.TIME, Wanted.NUMBER) else set()
    return kinds | {match[1] for match in _MEASURE.finditer(plain)}


def _terms(words: list[str], asked_for: set[str], language: Language) -> list[Term]:
    classes, vocabulary = language.classes, language.vocabulary
    passed_over = classes.function | classes.frame | asked_for
    terms: dict[str, Term] = {}
    for place, word in enumerate(words):
        if word in passed_over or len(word) < 2:
            continue
        share = _NUMBER_WEIGHT if word in classes.number else _GENERIC_WEIGHT if word in classes.generic else 1.0
        stem = vocabulary.stem(word)
        term = Term(word, stem, vocabulary.zipf(word), place, share, language.thesaurus.is_verb(word))
        terms.setdefault(stem, term)
    found = list(terms.values())
    helper = next((place for place, word in enumerate(words) if word in ("do", "does", "did")), len(words))
    if found and found[-1].place > helper and language.thesaurus.may_be_verb(found[-1].word):
        found[-1] = replace(found[-1], verb=True)  # "what does the first stage need"
    return found


def carries(words: list[str], question: Question, classes: WordClasses) -> float:
    """0..1: whether a passage has the kind of thing that is wanted."""
    match question.wanted:
        case Wanted.TIME:
            return classes.dates(words)
        case Wanted.NUMBER if question.measure:
            return classes.measures(words, question.measure)
        case Wanted.NUMBER:
            return classes.numbers(words)
        case Wanted.REASON:
            return classes.reasons(words)
    return 0.0
