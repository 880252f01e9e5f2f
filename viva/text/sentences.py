"""Cuts streamed text into pieces worth speaking: a short first clause, then whole sentences. No I/O.

The first piece decides when a listener hears the first word, so it may end at a comma; the later ones are whole
sentences, because a voice sounds better with them and there is time by then.
"""

import re

# A sentence ends at a terminator, with the quotes and brackets that close it, before white space. CJK
# terminators need no white space after them.
_END = re.compile(r"(?:[.!?…]+[\"'”’)\]]*(?=\s)|[。！？]+[」』”]*|\n+)")
_CLAUSE_END = re.compile(r"[,;:–—][\"'”’)\]]*(?=\s)")
# "Dr. Shockley", "e.g. germanium", "U.S. Army", "J. Bardeen", "No. 5": a full stop that ends no sentence.
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'“‘])(?:(?:dr|mr|mrs|ms|prof|st|vs|etc|fig|eq|sec|vol|no|approx|cf|al|inc|ltd|jr|sr|e\.g|i\.e|a\.m|p\.m)|"
    r"[a-z](?:\.[a-z])*)\.$",
    re.IGNORECASE,
)
MIN_FIRST_CLAUSE = 16  # characters: shorter than this a comma is not worth a pause
MIN_SENTENCE = 12  # "Yes." joins the sentence after it, except as the very first piece
MAX_PIECE = 280  # characters: a model that writes no full stop must not hold the voice back
MAX_FIRST = 120


class SentenceSplitter:
    """Feeds on text deltas and gives back pieces in order; their concatenation, white space aside, is the text."""

    def __init__(self, *, first_clause: bool = True) -> None:
        self._buffer = ""
        self._first = first_clause

    def feed(self, delta: str) -> list[str]:
        """The pieces that are complete by now, without white space around them."""
        self._buffer += delta
        pieces = []
        while (cut := self._cut()) is not None:
            piece, self._buffer = self._buffer[:cut].strip(), self._buffer[cut:]
            if piece:
                pieces.append(piece)
                self._first = False
        return pieces

    def flush(self) -> list[str]:
        """What is left when the text has ended."""
        rest, self._buffer = self._buffer.strip(), ""
        self._first = False
        return [rest] if rest else []

    def _cut(self) -> int | None:
        text = self._buffer
        start = len(text) - len(text.lstrip())
        least = 2 if self._first else MIN_SENTENCE
        ends = [m.end() for m in _END.finditer(text, start) if _ends_sentence(text, m) and m.end() - start >= least]
        if self._first:
            ends += [m.end() for m in _CLAUSE_END.finditer(text, start) if m.end() - start >= MIN_FIRST_CLAUSE]
        limit = start + (MAX_FIRST if self._first else MAX_PIECE)
        if ends and min(ends) <= limit:
            return min(ends)
        if len(text) > limit:
            return _forced_cut(text, start, limit)
        return None


def _ends_sentence(text: str, match: re.Match) -> bool:
    return not (match.group() == "." and _ABBREVIATION.search(text[max(0, match.end() - 12) : match.end()]))


def _forced_cut(text: str, start: int, limit: int) -> int:
    clauses = [m.end() for m in _CLAUSE_END.finditer(text, start, limit) if m.end() - start >= MIN_FIRST_CLAUSE]
    if clauses:
        return clauses[-1]
    space = text.rfind(" ", start + 1, limit)
    return space if space > start else limit


def split_sentences(text: str) -> list[str]:
    """A whole text as sentences."""
    splitter = SentenceSplitter(first_clause=False)
    return splitter.feed(text) + splitter.flush()
