"""Texts as words that are spoken, so that "1947" and "nineteen forty-seven" are the same."""

import subprocess
import tempfile

import jiwer

# What flite splits is joined as people write it: "it 's", "per cent".
_JOINED = {r"\b(\w+) '(\w+)\b": r"\1'\2", r"\bper cent\b": "percent"}

NORMALISED = jiwer.Compose(
    [
        jiwer.SubstituteRegexes(_JOINED),
        jiwer.ExpandCommonEnglishContractions(),
        jiwer.RemovePunctuation(),
        jiwer.ToLowerCase(),
        jiwer.RemoveMultipleSpaces(),
        jiwer.Strip(),
        jiwer.ReduceToSingleSentence(),
        jiwer.ReduceToListOfListOfWords(),
    ]
)
"""Applied to both sides of a comparison, after `spoken_words`."""


def spoken_words(text: str) -> str:
    """The words that flite would say: numbers, years, ordinals and money spelled out by the rules of its own front end.

    The sample lecture is spoken by flite, so this is literally what was said; a transcript goes through the same rules.
    """
    plain = text.replace("-", " ").replace("\u2019", "'")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(plain)
        file.flush()
        # kal prepares text as the other voices do, and is the quickest to throw away.
        command = ["flite", "-voice", "kal", "-pw", "-f", file.name, "-o", "none"]
        said = subprocess.run(command, check=True, capture_output=True, text=True)
    return " ".join(said.stdout.split())


def word_errors(reference: str, transcript: str) -> jiwer.WordOutput:
    """Words right, wrong, missing and invented in `transcript`."""
    return jiwer.process_words(
        spoken_words(reference),
        spoken_words(transcript),
        reference_transform=NORMALISED,
        hypothesis_transform=NORMALISED,
    )
