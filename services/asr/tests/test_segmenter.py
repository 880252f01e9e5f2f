"""Where speech is cut, shown with made-up probabilities."""

import numpy as np
import pytest

from viva_asr.segmenter import Cutting, Speech, SpeechSegmenter
from viva_asr.vad import SAMPLE_RATE_HZ, WINDOW

WINDOW_S = WINDOW / SAMPLE_RATE_HZ


class ScriptedDetector:
    """Gives probabilities that the test wrote, one per whole window, and one for what is left at the end."""

    def __init__(self, levels: list[float]) -> None:
        self._levels = levels
        self._samples = 0
        self._given = 0

    def feed(self, samples: np.ndarray) -> np.ndarray:
        self._samples += len(samples)
        return self._give(self._samples // WINDOW)

    def flush(self) -> np.ndarray:
        return self._give(-(-self._samples // WINDOW))

    def _give(self, up_to: int) -> np.ndarray:
        given, self._given = self._given, up_to
        return np.array(self._levels[given:up_to], dtype=np.float32)


def levels(*spans: tuple[float, float]) -> list[float]:
    """Seconds and probability of one span after another, as windows."""
    return [level for seconds, level in spans for _ in range(round(seconds / WINDOW_S))]


def cut(script: list[float], cutting: Cutting | None = None, *, block: int = 65_536) -> list[Speech]:
    """Run a whole recording whose samples count upwards, so that their origin can be told."""
    pcm = np.arange(len(script) * WINDOW, dtype=np.int64).astype("<i2").tobytes()
    segmenter = SpeechSegmenter(ScriptedDetector(script), cutting)
    found = [speech for at in range(0, len(pcm), block) for speech in segmenter.feed(pcm[at : at + block])]
    return found + segmenter.flush()


def test_silence_gives_nothing() -> None:
    """A recording without speech has no stretches."""
    assert cut(levels((5, 0.1))) == []


def test_nothing_gives_nothing() -> None:
    """An empty recording has no stretches."""
    assert cut([]) == []


def test_a_pause_ends_a_sentence() -> None:
    """Two sentences with a pause between them are two stretches, in order, without overlap."""
    first, second = cut(levels((1, 0), (2, 0.9), (0.5, 0), (3, 0.9), (1, 0)))
    assert first.start_s == pytest.approx(0.8, abs=0.04)
    assert first.end_s <= second.start_s
    assert second.end_s == pytest.approx(6.5, abs=0.2)


def test_a_hesitation_does_not_end_a_sentence() -> None:
    """A gap shorter than the pause stays inside the stretch."""
    assert len(cut(levels((1, 0.9), (0.15, 0), (1, 0.9)))) == 1


def test_padding_keeps_the_edges_of_words() -> None:
    """Audio from before the first voiced window and after the last is kept."""
    (speech,) = cut(levels((1, 0), (1, 0.9), (1, 0)))
    assert speech.start_s <= 0.8 + WINDOW_S
    assert speech.end_s >= 2.0 + 0.1


def test_the_samples_are_those_of_the_times() -> None:
    """A stretch carries exactly the samples between its start and end."""
    for speech in cut(levels((0.7, 0), (1, 0.9), (0.4, 0), (1, 0.9), (0.4, 0))):
        samples = np.frombuffer(speech.pcm, dtype="<i2")
        first = round(speech.start_s * SAMPLE_RATE_HZ)
        assert np.array_equal(samples, np.arange(first, first + len(samples)).astype("<i2"))


def test_clicks_are_dropped() -> None:
    """A burst of two windows is not speech."""
    assert cut(levels((1, 0), (0.064, 0.9), (1, 0))) == []


@pytest.mark.parametrize("block", [2, 1_023, 1_024, 7_001, 1 << 20])
def test_the_size_of_the_blocks_does_not_matter(block: int) -> None:
    """The same recording in blocks of any size, odd ones too, is cut the same."""
    script = levels((0.3, 0), (1.5, 0.9), (0.4, 0), (2, 0.9), (0.3, 0.2), (1, 0.9))
    assert cut(script, block=block) == cut(script)


def test_speech_at_the_very_end_is_kept() -> None:
    """A recording that ends in the middle of a word loses nothing."""
    (speech,) = cut(levels((0.5, 0), (2, 0.9)))
    assert speech.end_s == pytest.approx(2.5, abs=0.05)


def test_long_speech_is_divided_at_its_best_pause() -> None:
    """A stretch over the limit ends in the longest hesitation of its later part; the rest goes on seamlessly."""
    script = levels((11, 0.9), (0.1, 0.1), (3, 0.9), (0.2, 0.1), (12, 0.9))
    first, second = cut(script, Cutting(max_s=20))
    assert first.end_s == pytest.approx(14.2, abs=0.1)
    assert second.start_s == pytest.approx(first.end_s)
    assert second.end_s == pytest.approx(26.3, abs=0.1)


@pytest.mark.parametrize("max_s", [5.0, 20.0])
def test_no_stretch_is_longer_than_the_limit(max_s: float) -> None:
    """Somebody who never pauses is still cut, and nothing is lost between the pieces."""
    pieces = cut(levels((61, 0.9)), Cutting(max_s=max_s))
    assert max(piece.duration_s for piece in pieces) <= max_s
    assert sum(piece.duration_s for piece in pieces) == pytest.approx(61, abs=0.1)


def test_sentences_are_joined_up_to_the_length_wanted() -> None:
    """Engines that pay per 30 s get neighbouring sentences in one stretch, none over the length."""
    script = levels(*[(4, 0.9), (0.5, 0)] * 10)
    joined = cut(script, Cutting(join_s=28))
    assert len(joined) == 2
    assert all(speech.duration_s <= 28 for speech in joined)


def test_sentences_far_apart_are_not_joined() -> None:
    """Long silence is never put into a stretch: recognisers invent words in it."""
    assert len(cut(levels((2, 0.9), (4, 0), (2, 0.9)), Cutting(join_s=28))) == 2


@pytest.mark.parametrize("join_s", [0.0, 28.0])
@pytest.mark.parametrize("voiced", [0.0, 0.9])
def test_what_is_held_does_not_depend_on_the_length(join_s: float, voiced: float) -> None:
    """After any number of minutes, no more is held than one unfinished stretch and a block."""
    script = levels(*[(9, voiced), (0.4, 0)] * 60)
    segmenter = SpeechSegmenter(ScriptedDetector(script), Cutting(join_s=join_s))
    most_s = 0.0
    for _ in range(len(script) // 64):
        segmenter.feed(bytes(64 * WINDOW * 2))
        most_s = max(most_s, segmenter.buffered_s)
    assert most_s < 40


def test_the_stretch_that_goes_on_can_be_looked_at() -> None:
    """While speech goes on it can be had with its padding and all that came since; between sentences there is none."""
    script = levels((1, 0), (2, 0.9), (1, 0))
    pcm = np.arange(len(script) * WINDOW, dtype=np.int64).astype("<i2").tobytes()
    segmenter = SpeechSegmenter(ScriptedDetector(script))
    second = 2 * SAMPLE_RATE_HZ
    segmenter.feed(pcm[:second])
    assert segmenter.unfinished is None
    segmenter.feed(pcm[second : 2 * second])
    speech = segmenter.unfinished
    assert speech.start_s == pytest.approx(0.8, abs=0.04)
    assert speech.end_s == pytest.approx(2, abs=WINDOW_S)
    assert speech.pcm == pcm[round(speech.start_s * second) :][: len(speech.pcm)]
    assert segmenter.voiced_s == pytest.approx(2, abs=WINDOW_S)
    (whole,) = segmenter.feed(pcm[2 * second :])
    assert segmenter.unfinished is None
    assert (whole.start_s, whole.pcm[: len(speech.pcm)]) == (speech.start_s, speech.pcm)


def test_what_is_skipped_is_in_no_stretch() -> None:
    """After a skip the next stretch begins behind it, even within a word, and holds the samples of its own time."""
    script = levels((2, 0.9), (2, 0.9), (1, 0))
    pcm = np.arange(len(script) * WINDOW, dtype=np.int64).astype("<i2").tobytes()
    segmenter = SpeechSegmenter(ScriptedDetector(script))
    second = 2 * SAMPLE_RATE_HZ
    assert segmenter.feed(pcm[: 2 * second]) == []
    segmenter.skip()
    assert segmenter.unfinished is None
    (speech,) = segmenter.feed(pcm[2 * second :])
    assert speech.start_s == pytest.approx(2, abs=WINDOW_S)
    assert speech.pcm == pcm[round(speech.start_s * second) :][: len(speech.pcm)]
