"""CMU PocketSphinx: small, quick to start, its model inside the wheel. English only."""

import math
from importlib.util import find_spec

from viva.errors import EngineUnavailable
from viva.service.cores import usable_cores
from viva_asr.engines.child import ChildEngine, ChildProgram
from viva_asr.segmenter import Cutting
from viva_asr.settings import AsrSettings
from viva_asr.transcript import Hypothesis, Segment, Word

_LONGEST_S = 10.0
"""A stretch that has begun cannot be stopped: this much takes about a second."""


class PocketSphinxEngine(ChildEngine):
    """One process per core for all segments, and one more for interactive ones."""

    name = "pocketsphinx"
    model = "en-us"
    languages = frozenset({"en"})

    def __init__(self, settings: AsrSettings) -> None:
        if find_spec("pocketsphinx") is None:
            raise EngineUnavailable("The asr engine 'pocketsphinx' needs the Python package pocketsphinx.")
        self.cutting = Cutting(max_s=min(settings.max_segment_s, _LONGEST_S))
        program = ChildProgram("pocketsphinx", "viva_asr.engines.pocketsphinx_child", _hypothesis)
        super().__init__(program, settings.workers or usable_cores())


def _hypothesis(heard: list, duration_s: float) -> Hypothesis:
    words = tuple(Word(start_s, min(end_s, duration_s), text, sure) for text, start_s, end_s, sure in heard)
    if not words:
        return Hypothesis()
    text = " ".join(word.text for word in words)
    avg_logprob = sum(math.log(word.probability) for word in words) / len(words)
    return Hypothesis((Segment(words[0].start_s, words[-1].end_s, text, words, avg_logprob=avg_logprob),))
