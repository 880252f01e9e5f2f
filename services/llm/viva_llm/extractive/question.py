"""What a question asks: its information-bearing words with their weights, and the kind of answer it wants."""

import re
from dataclasses import dataclass, replace
from enum import Enum

from viva_llm.extractive.language import Language
from viva_llm.extractive.words import gravity, rarity, words_of

# The closed classes of English: they hold sentences together and say nothing about the subject.
_FUNCTION_WORDS = frozenset(
    """
    a about above across after again against all almost along already also although always am among an and another any
    anybody anyone anything anyway are around as at away back be became because become been before behind being below
    beside besides between both but by can cannot could did do does doing done down during each either else enough even
    ever every everybody everyone everything exactly few for from further had has have having he hence her here hers
    herself him himself his how however i if in indeed instead into is it its itself just least less let like little
    lot lots many may maybe me might mine more most much must my myself near nearly neither never no nobody none nor
    not nothing now of off often oh on once one ones only onto or other others otherwise ought our ours ourselves out
    over own per perhaps quite rather really same shall she should simply since so some somebody somehow someone
    something sometimes somewhere soon still such than that the their theirs them themselves then there therefore
    these they thing things this those though through throughout thus to together too toward towards under until unto
    up upon us used usually very via was we well were what whatever when whenever where wherever whether which
    whichever while who whoever whole whom whose why will with within without would yet you your yours yourself
    ain't aren't can't couldn't didn't doesn't don't hadn't hasn't haven't he'd he'll i'd i'll i'm i've isn't it'd
    it'll let's mustn't shan't she'd she'll shouldn't they'd they'll they're they've wasn't we'd we'll we're we've
    weren't won't wouldn't you'd you'll you're you've s t d ll re ve
    """.split()
)
# What people say around a question: politeness, hesitation, and talk about the talk itself.
_FRAME_WORDS = frozenset(
    """
    please okay ok hello hey hi yes yeah thanks thank sorry um uh uhm er erm hmm mm right alright actually basically
    tell say says said saying explain explained explains describe described mention mentioned mentions talk talked
    talks talking speak spoke discuss discussed discusses know want wanted wonder wondering understand remember curious
    question answer ask asked lecture lectures lecturer speaker professor teacher presenter talk video recording audio
    class course mean means meant come called call calls name named names kind sort type way ways lot bit example
    according regarding concerning give gave given go goes going went get gets got make happen happened happens
    detail details information nowadays today supposedly briefly
    """.split()
)
_OVERVIEW_WORDS = frozenset(
    """
    summary summarise summarize summarised summarized summarising summarizing overview topic topics subject subjects
    theme themes main point points idea ideas key gist overall general content contents cover covers covered recap
    takeaway takeaways conclusion message
    """.split()
)
# Nouns and adjectives that say what kind of thing is asked; the lecture seldom uses the same one.
_GENERIC_WORDS = frozenset(
    """
    difference problem problems trouble reason reasons cause causes purpose effect effects role advantage advantages
    disadvantage benefit benefits result results case matter wrong bad good special important interesting story word
    words term terms phrase expression people person man woman guy anyone place part parts number amount use need
    needs deal opinion fact facts thing stuff work works job biggest main first last new old better best different money time far
    """.split()
)
_POINTING_WORDS = frozenset(
    "it its he him his she her they them their that this those these there then one ones else same so".split()
)
_NUMBER_WORDS = frozenset(
    """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand thousands million
    millions billion billions trillion dozen half third quarter percent double twice
    """.split()
)
_TIME_WORDS = frozenset(
    """
    january february march april june july august september october november december monday tuesday wednesday
    thursday friday saturday sunday century centuries decade decades year years month months week weeks spring summer
    autumn winter ago yesterday tomorrow noon midnight date
    """.split()
)
_VAGUE_TIME_WORDS = frozenset("day days morning afternoon evening night hour hours minute minutes later earlier".split())
_YEAR_HEADS = frozenset("eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty".split())
_TENS_HEADS = frozenset("oh ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty "
                        "thirty forty fifty sixty seventy eighty ninety hundred hundreds".split())  # fmt: skip
_REASON_WORDS = frozenset("because since so therefore reason reasons why due cause caused causes thus".split())


_NUMBER_WEIGHT = 0.3
_VERB_LOSS = 0.6
_GENERIC_WEIGHT = 0.25


class Wanted(Enum):
    """The kind of thing that answers: it moves passages that have it to the front."""

    ANYTHING = "anything"
    TIME = "time"
    NUMBER = "number"
    REASON = "reason"


@dataclass(frozen=True, slots=True)
class Term:
    """An information-bearing word; `zipf` is its frequency in English, `place` its position in the question."""

    word: str
    stem: str
    zipf: float
    place: int
    verb: bool = False

    @property
    def weight(self) -> float:
        """What finding it tells, 0..1.1."""
        return rarity(self.zipf) * self._share

    @property
    def loss(self) -> float:
        """What not finding it tells, 0..1."""
        return gravity(self.zipf) * self._share * (_VERB_LOSS if self.verb else 1.0)

    @property
    def _share(self) -> float:
        if self.word in _NUMBER_WORDS:
            return _NUMBER_WEIGHT
        return _GENERIC_WEIGHT if self.word in _GENERIC_WORDS else 1.0


@dataclass(frozen=True, slots=True)
class Question:
    """A question taken apart. `words` are all its words; `overview` asks for the lecture as a whole."""

    words: tuple[str, ...]
    terms: tuple[Term, ...]
    wanted: Wanted
    overview: bool
    leans_back: bool = False
    """It points at something said before, opens like a continuation, or has no words of its own."""
    points_back: bool = False
    """A pronoun in it stands for something said before."""
    asks_more: bool = False
    """It wants what has not been said yet."""


_ASKING_WORDS = frozenset("what who why how where which whose when".split())
_TIME_QUESTION = re.compile(r"\b((what|which) (year|date|day|month|decade|century|time)|how long ago|date)\b")
_MEASURE = re.compile(
    r"\bhow (many|much|long|far|fast|big|large|old|tall|high|deep|heavy|wide|hot|cold|often|thick|small|strong|quickly)\b"
)
_NUMBER_QUESTION = re.compile(
    rf"{_MEASURE.pattern}"
    r"|\bwhat (number|percentage|fraction|share|temperature|size|speed|price)\b"
)
_REASON_QUESTION = re.compile(r"\b(why|how come|what (caused|causes|made)|for what reason|what (is|was) the reason)\b")
_OVERVIEW_QUESTION = re.compile(
    r"\b(lecture|talk|video|recording|speaker|lecturer|class|course|presentation)\b.*\babout\b"
    r"|\bwhat (is|was) (it|this|that)( all)? about\b|\bwhats? (it|this|that)( all)? about\b"
)
_ASKS_MORE = re.compile(
    r"\b((who|what|where|anything|anyone|something) else|(tell|say|hear|know) (me |us )?(some )?more|go on|continue|keep going"
    r"|what (happened |comes |came |happens )?(next|then|after)|more about)\b"
)
_ASKS_OPENING = re.compile(
    r"^(and|but|so|then|also)\b|\b(what about|how about|who else|what else|anything else|tell me more|say more|go on)\b"
)


def _wanted(words: list[str]) -> Wanted:
    text = " ".join(words)
    asking = next((word for word in words if word in _ASKING_WORDS), "")
    if asking == "when" or _TIME_QUESTION.search(text):
        return Wanted.TIME
    if _NUMBER_QUESTION.search(text):
        return Wanted.NUMBER
    return Wanted.REASON if _REASON_QUESTION.search(text) else Wanted.ANYTHING


def parse_question(text: str, language: Language) -> Question:
    """Takes a question apart; also one that a recogniser wrote down, without punctuation."""
    vocabulary = language.vocabulary
    words = words_of(text)
    plain = " ".join(words)
    wanted = _wanted(words)
    asked = {"year", "date", "time", "number"} if wanted in (Wanted.TIME, Wanted.NUMBER) else set()
    asked |= {match[1] for match in _MEASURE.finditer(plain)}
    terms: list[Term] = []
    seen: set[str] = set()
    overview = False
    for place, word in enumerate(words):
        if word in _FUNCTION_WORDS or word in _FRAME_WORDS or word in asked or len(word) < 2:
            continue
        if word in _OVERVIEW_WORDS:
            overview = True
        stem = vocabulary.stem(word)
        if stem not in seen:
            seen.add(stem)
            terms.append(Term(word, stem, vocabulary.zipf(word), place, language.thesaurus.is_verb(word)))
    helper = next((place for place, word in enumerate(words) if word in ("do", "does", "did")), len(words))
    if terms and terms[-1].place > helper and language.thesaurus.may_be_verb(terms[-1].word):
        terms[-1] = replace(terms[-1], verb=True)  # "what does the first stage need"
    own = [term for term in terms if term.word not in _OVERVIEW_WORDS]
    is_overview = not own and bool(overview or _OVERVIEW_QUESTION.search(plain))
    pointing = any(word in _POINTING_WORDS for word in words)
    leans_back = bool(_ASKS_OPENING.search(plain)) or bool(_ASKS_MORE.search(plain)) or pointing or not terms
    return Question(tuple(words), tuple(terms), wanted, is_overview, leans_back, pointing,
                    bool(_ASKS_MORE.search(plain)))


def carries(words: list[str], wanted: Wanted) -> float:
    """0..1: whether a passage has the kind of thing that is wanted."""
    if wanted is Wanted.ANYTHING:
        return 0.0
    if wanted is Wanted.REASON:
        return 1.0 if any(word in _REASON_WORDS for word in words) else 0.0
    numbers = sum(word in _NUMBER_WORDS and word != "one" for word in words)
    if wanted is Wanted.NUMBER:
        return 1.0 if numbers else 0.0
    if any(a in _YEAR_HEADS and b in _TENS_HEADS for a, b in zip(words, words[1:], strict=False)):
        return 1.0
    if any(a == "two" and b == "thousand" for a, b in zip(words, words[1:], strict=False)):
        return 1.0
    if any(word in _TIME_WORDS for word in words):
        return 0.7
    return 0.3 if any(word in _VAGUE_TIME_WORDS for word in words) else 0.0
