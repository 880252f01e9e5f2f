"""Moonshine tiny: the embedded recogniser. Its English model (27 million weights, MIT) comes inside the wheel."""

from viva.errors import EngineUnavailable
from viva.service.cores import usable_cores
from viva_asr.engines.child import ChildEngine, ChildProgram
from viva_asr.engines.presence import moonshine_model
from viva_asr.segmenter import Cutting
from viva_asr.settings import AsrSettings
from viva_asr.transcript import Hypothesis, Segment, Word

_MOST_WORKERS = 4
"""Each is 45 times as fast as speech and holds about 150 MB, so more would not be noticed but in the memory."""


class MoonshineEngine(ChildEngine):
    """One process per core, four at most, for all segments, and one more for interactive ones."""

    name = "moonshine"
    model = "tiny-en"
    languages = frozenset({"en"})

    def __init__(self, settings: AsrSettings) -> None:
        if moonshine_model() is None:
            raise EngineUnavailable(
                "The asr engine 'moonshine' needs the Python package moonshine-voice 0.1.0, the last one that carries "
                "its model; it is made for Linux on x86-64 and ARM64 with glibc 2.34 or later."
            )
        self.cutting = Cutting(max_s=settings.max_segment_s)
        program = ChildProgram(
            "moonshine",
            "viva_asr.engines.moonshine_child",
            _hypothesis,
            # A process per core: threads inside them would only wait for each other.
            {"MOONSHINE_ORT_SINGLE_THREAD": "1"},
        )
        super().__init__(program, settings.workers or min(usable_cores(), _MOST_WORKERS))


def _hypothesis(text: str, duration_s: float) -> Hypothesis:
    if not text:
        return Hypothesis()
    return Hypothesis((Segment(0.0, duration_s, text, _spread(text, duration_s)),))


def _spread(text: str, duration_s: float) -> tuple[Word, ...]:
    """The model gives no times of words: each gets a share of its stretch by its letters, and no probability."""
    texts = text.split()
    per_letter_s = duration_s / sum(len(word) + 1 for word in texts)
    words: list[Word] = []
    start_s = 0.0
    for word in texts:
        end_s = min(start_s + (len(word) + 1) * per_letter_s, duration_s)
        words.append(Word(start_s, end_s, word))
        start_s = end_s
    return tuple(words)
