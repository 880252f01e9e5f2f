"""What of a text can be read aloud: the words, without markdown, addresses, citation marks and pictures. No I/O.

It takes whole answers and single clauses alike, so markup that was cut in two (`**Technical debt`) goes as well.
"""

import functools
import re
import unicodedata
from collections.abc import Iterable

from markdown_it import MarkdownIt
from markdown_it.token import Token

from viva.text.citations import CitationParser

_TIME = r"\d{1,3}(?::\d{2}){1,2}(?:\.\d+)?"
_TIMESTAMP = re.compile(rf"[ \t]*[\[【]\s*{_TIME}(?:\s*[-–—,;]\s*{_TIME})*\s*[\]】]")
_ADDRESS = re.compile(r"(?:https?://|ftp://|www\.|mailto:)\S*[^\s.,;:!?)\]}>\"'”’*_`]", re.I)
# A link whose text is a number is a citation mark with an address behind it.
_CITED = re.compile(r"\s*\^?\d+\s*")
_KEYCAP = re.compile(r"[0-9#*]\ufe0f?\u20e3")
_HTML = re.compile(r"<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1\s*>|\Z)|</?[a-z][^<>]*>", re.S | re.I)
_TASK_BOX = re.compile(r"^\[[ xX]\]\s+")
_CLOSING = "\"'”’)]»"
_SENTENCE_ENDS = ".!?…:;,。！？"
_ARROWS_BEGIN = 0x2190  # symbols below are read aloud: the degree, copyright and trademark signs
# A list's numbers are not read; what is longer than this is rather a year that begins a sentence.
_LIST_NUMBER_DIGITS = 2

# What is left of markup that no parser recognises, because half of it is missing. Applied in this order.
_LEFTOVERS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"!?\[([^\[\]]*)\]\([^)\s]*\)?", r"\1"),
        (r"(?<=\d)\s*\*\s*(?=\d)", " times "),
        (r"\*+|`+|~~+|^#{1,6}\s+|(?<!\w)_+|_+(?!\w)", ""),
        (r"(?<=\w)_+(?=\w)", " "),
        (r"[|•◦‣▪]|-{2,}|(?<=\s)[–—](?=\s)", ", "),
        (r"\(\s*\)|\[\s*\]", " "),
        (r"\s+", " "),
        (r"\s+([,.;:!?…])(?!\d)", r"\1"),
        (r",(?:\s*,)+", ","),
        (r",\s*([.;:!?…])", r"\1"),
        (r"^[\s,;:]+|[\s,]+$", ""),
    )
)


def speakable(text: str) -> str:
    """The words of `text` on one line, ready to be spoken; empty when it holds no letter and no digit.

    Link texts and inline code are kept, code blocks and bare addresses are not. Blocks (headings, list items,
    table rows) become sentences. A clause keeps its open end: nothing is put after the last word, but a comma
    that ended it goes.
    """
    blocks = [_tidy(block) for block in _blocks(_parser().parse(_printable(text)))]
    return _joined([block for block in blocks if any(map(str.isalnum, block))])


def _printable(text: str) -> str:
    """The text without control and format characters, surrogates, unassigned code points, emoji and other signs."""
    text = _KEYCAP.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n"))
    return unicodedata.normalize("NFC", "".join(map(_spoken_character, text)))


def _spoken_character(character: str) -> str:
    if character.isascii():
        return character if character.isprintable() or character == "\n" else " "
    code, category = ord(character), unicodedata.category(character)
    if category in ("Cf", "Cs", "Co", "Cn") or 0xFE00 <= code <= 0xFE0F:
        return ""
    if category == "Cc" or category[0] == "Z":
        return " "
    if category in ("So", "Sk", "Sm") and code >= _ARROWS_BEGIN and not 0x2200 <= code <= 0x22FF:
        return " "
    return character


@functools.cache
def _parser() -> MarkdownIt:
    # Indented code is off: a clause that begins with four spaces is a clause.
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).disable("code")


def _blocks(tokens: Iterable[Token]) -> list[str]:
    """The texts of paragraphs, headings, list items and table rows, in order."""
    blocks: list[str] = []
    row: list[str] | None = None
    number = ""
    for token in tokens:
        if token.type == "tr_open":
            row = []
        elif token.type == "tr_close":
            blocks.append(", ".join(cell for cell in row or [] if cell))
            row = None
        elif token.type == "list_item_open":
            number = f"{token.info}. " if len(token.info) > _LIST_NUMBER_DIGITS else ""
        elif token.type == "html_block":
            blocks.append(_HTML.sub(" ", token.content))
        elif token.type == "inline":
            words = _inline(token.children or [])
            if row is not None:
                row.append(words.strip())
            else:
                blocks.append(number + _TASK_BOX.sub("", words))
                number = ""
    return blocks


def _inline(tokens: Iterable[Token]) -> str:
    words: list[str] = []
    link_begins = 0
    for token in tokens:
        if token.type == "link_open":
            link_begins = len(words)
        elif token.type == "link_close" and _CITED.fullmatch("".join(words[link_begins:])):
            del words[link_begins:]
        elif token.type in ("softbreak", "hardbreak") or token.content.lower().startswith("<br"):
            words.append(" ")
        elif token.type != "html_inline":
            words.append(token.content)  # for an image this is its description
    return "".join(words)


def _tidy(block: str) -> str:
    marks = CitationParser()
    block = _TIMESTAMP.sub("", block)
    block = "".join(piece for piece in marks.feed(block) + marks.flush() if isinstance(piece, str))
    block = _ADDRESS.sub("", block)
    for pattern, replacement in _LEFTOVERS:
        block = pattern.sub(replacement, block)
    return block


def _joined(blocks: list[str]) -> str:
    closed = [block if block.rstrip(_CLOSING).endswith(tuple(_SENTENCE_ENDS)) else f"{block}." for block in blocks[:-1]]
    return " ".join([*closed, *blocks[-1:]])
