"""Words while they are spoken: when they are asked for, and what is given out."""

import asyncio
from dataclasses import dataclass

import pytest

from viva.errors import StageUnavailable
from viva.service.metrics import ServiceMetrics
from viva_asr.engine import Options
from viva_asr.metrics import AsrMetrics
from viva_asr.segmenter import Speech
from viva_asr.streaming.ending import Ending
from viva_asr.streaming.partials import Partials
from viva_asr.transcript import Hypothesis, Segment


@dataclass
class Heard:
    """As much of a Sound as Partials look at: one stretch that has been heard up to here."""

    heard_s: float = 1.0
    voiced_s: float = 1.0
    start_s: float = 0.8
    pad_s = 0.2

    @property
    def unfinished(self) -> Speech | None:
        return Speech(self.start_s, bytes(round(32_000 * (self.heard_s - self.start_s))))

    def goes_on(self, seconds: float) -> "Heard":
        """Somebody speaks for so long."""
        self.heard_s = self.voiced_s = self.heard_s + seconds
        return self

    def pauses(self, seconds: float) -> "Heard":
        """Nobody does."""
        self.heard_s += seconds
        return self


class Recogniser:
    """A scheduler that takes what it is offered until told otherwise, and is answered for by the test."""

    def __init__(self) -> None:
        self.offered: list[Speech] = []
        self.spare = True
        self._results: list[asyncio.Future] = []

    def offer_partial(self, speech: Speech, options: Options) -> asyncio.Future | None:
        assert options.partial
        if not self.spare:
            return None
        self.offered.append(speech)
        self._results.append(asyncio.get_running_loop().create_future())
        return self._results[-1]

    @property
    def result(self) -> asyncio.Future:
        return self._results[-1]

    async def say(self, text: str) -> None:
        """Answer the last question, and let the answer arrive."""
        self.result.set_result(Hypothesis((Segment(0.0, 1.0, text),) if text else ()))
        await settle()


class Listening:
    """Partials, and what came out of them."""

    def __init__(self) -> None:
        self.recogniser = Recogniser()
        self.metrics = AsrMetrics(ServiceMetrics())
        self.given: list[str] = []
        self.judged: list[tuple[Ending, float]] = []
        self.partials = Partials(
            self.recogniser,
            self.metrics,
            max_turn_s=20,
            give=self._give,
            judge=lambda *judgement: self.judged.append(judgement),
        )

    async def _give(self, text: str) -> None:
        self.given.append(text)

    def consider(self, heard: Heard) -> int:
        """Look at what was heard; return how many attempts there have been."""
        self.partials.consider(heard)
        return len(self.recogniser.offered)

    def count(self, outcome: str) -> float:
        return self.metrics.partials.labels(outcome)._value.get()


@pytest.fixture
async def listening() -> Listening:
    return Listening()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_words_are_given_once_two_attempts_agree(listening: Listening) -> None:
    """What the second attempt confirms is given out, but for the last word."""
    heard = Heard()
    assert listening.consider(heard.goes_on(0.3)) == 1
    await listening.recogniser.say("Who made")
    assert listening.given == []
    assert listening.consider(heard.goes_on(0.3)) == 2
    await listening.recogniser.say("Who made the")
    assert listening.given == ["Who made"]
    assert (listening.count("same"), listening.count("given")) == (1, 1)


async def test_one_attempt_at_a_time(listening: Listening) -> None:
    """However much is said, a stream never has a second attempt under way."""
    heard = Heard()
    for _ in range(20):
        listening.consider(heard.goes_on(0.5))
    assert len(listening.recogniser.offered) == 1


async def test_each_piece_is_tried_until_there_is_a_word(listening: Listening) -> None:
    """The first attempt waits for an eighth of a second, then each piece has one; once there are words, each fifth."""
    heard = Heard()
    assert listening.consider(heard.goes_on(0.1)) == 0
    for attempts in (1, 2):
        assert listening.consider(heard.goes_on(0.096)) == attempts  # three windows: what completes in 100 ms, mostly
        await listening.recogniser.say("Who made")
    assert listening.consider(heard.goes_on(0.05)) == 2
    assert listening.given == []
    assert listening.consider(heard.goes_on(0.3)) == 3
    await listening.recogniser.say("Who made")
    assert listening.given == ["Who made"]
    assert listening.consider(heard.goes_on(0.15)) == 3
    assert listening.consider(heard.goes_on(0.1)) == 4


async def test_somebody_who_is_not_understood_is_asked_about_less_often(listening: Listening) -> None:
    """Ten attempts without a word, and the next have to wait as if there were words."""
    heard = Heard()
    for _ in range(10):
        listening.consider(heard.goes_on(0.15))
        await listening.recogniser.say("")
    assert listening.consider(heard.goes_on(0.15)) == 10
    assert listening.consider(heard.goes_on(0.1)) == 11


async def test_a_busy_recogniser_is_left_alone(listening: Listening) -> None:
    """When no worker can be spared nothing is queued: the attempt is skipped, counted, and made later."""
    heard = Heard()
    listening.recogniser.spare = False
    assert listening.consider(heard.goes_on(0.5)) == 0
    assert listening.count("skipped") == 1
    listening.recogniser.spare = True
    assert listening.consider(heard.goes_on(0.1)) == 1
    assert listening.recogniser.offered[0].end_s == pytest.approx(heard.heard_s)


async def test_a_pause_settles_the_last_word(listening: Listening) -> None:
    """In a pause the whole of what was said is heard, judged, heard once more, and then left in peace."""
    heard = Heard()
    listening.consider(heard.goes_on(0.5))
    await listening.recogniser.say("Who made the")
    assert listening.consider(heard.goes_on(0.1).pauses(0.25)) == 2
    await listening.recogniser.say("Who made the wave?")
    assert listening.judged[-1] == (Ending.FINISHED, heard.voiced_s)
    assert listening.consider(heard.pauses(0.1)) == 3
    await listening.recogniser.say("Who made the wave?")
    assert listening.given[-1] == "Who made the wave"
    assert listening.consider(heard.pauses(0.1)) == 3


async def test_the_end_stops_the_attempt(listening: Listening) -> None:
    """When the turn is over the recogniser is told to stop, and the next utterance begins with no words."""
    heard = Heard()
    listening.consider(heard.goes_on(0.5))
    await settle()
    listening.partials.end()
    await settle()
    assert listening.recogniser.result.cancelled()
    assert listening.count("late") == 1
    for _ in range(2):
        listening.consider(heard.goes_on(0.5))
        await listening.recogniser.say("And where was")
    assert listening.given == ["And", "And where"]


async def test_a_finished_stretch_keeps_its_words(listening: Listening) -> None:
    """Words of a stretch that was heard to its end are not recognised again; the next stretch goes on behind them."""
    heard = Heard()
    listening.consider(heard.goes_on(0.5))
    await listening.recogniser.say("First of all")
    listening.consider(heard.pauses(0.3))
    await listening.recogniser.say("First of all.")
    listening.partials.finish(Speech(0.8, bytes(round(32_000 * (heard.voiced_s + 0.19 - 0.8)))), 0.2)
    later = Heard(3.0, 3.0, start_s=2.8)
    for _ in range(2):
        listening.consider(later.goes_on(0.5))
        await listening.recogniser.say("who made it")
    assert [speech.start_s for speech in listening.recogniser.offered] == [0.8, 0.8, 2.8, 2.8]
    assert listening.given[-1] == "First of all who made"


async def test_a_finished_stretch_that_was_not_heard_out_is_recognised(listening: Listening) -> None:
    """A stretch that ended while nobody had time for it comes before the one that goes on."""
    listening.recogniser.spare = False
    heard = Heard()
    listening.consider(heard.goes_on(0.5))
    listening.partials.finish(whole := Speech(0.8, bytes(32_000)), 0.2)
    listening.recogniser.spare = True
    listening.consider(heard)
    assert listening.recogniser.offered == [whole]


async def test_too_many_unheard_stretches_end_the_partials(listening: Listening) -> None:
    """An utterance of which too much was missed has no more partials, rather than ones with holes."""
    for second in range(4):
        listening.partials.finish(Speech(second, bytes(16_000)), 0.2)
    assert listening.consider(Heard(10, 10)) == 0
    listening.partials.end()
    assert listening.consider(Heard(10, 10)) == 1


async def test_a_long_utterance_has_no_more_partials(listening: Listening) -> None:
    """Past the longest turn nothing is attempted any more: its end is forced elsewhere, or nobody commits it."""
    heard = Heard()
    listening.consider(heard.goes_on(0.5))
    await listening.recogniser.say("So")
    assert listening.consider(heard.goes_on(30)) == 1


async def test_a_failure_is_counted_and_not_repeated_at_once(listening: Listening) -> None:
    """When the engine fails, it is left alone for two seconds, and then the utterance goes on."""
    heard = Heard()
    listening.consider(heard.goes_on(0.5))
    listening.recogniser.result.set_exception(StageUnavailable("asr", "Broken."))
    await settle()
    assert listening.count("failed") == 1
    assert listening.consider(heard.goes_on(1.5)) == 1
    assert listening.consider(heard.goes_on(0.5)) == 2
    await listening.recogniser.say("Who")
    assert listening.count("same") == 1


async def test_being_pushed_out_is_no_failure(listening: Listening) -> None:
    """An attempt that had to make way is counted as skipped, and the next one is made."""
    heard = Heard()
    listening.consider(heard.goes_on(0.5))
    await settle()
    listening.recogniser.result.cancel()
    await settle()
    assert listening.count("skipped") == 1
    assert listening.consider(heard.goes_on(0.3)) == 2
