"""The words of an utterance while it is spoken: recognised again and again, given out once they are agreed on."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

import structlog

from viva.errors import VivaError
from viva_asr.engine import Options
from viva_asr.metrics import AsrMetrics
from viva_asr.scheduler import Scheduler
from viva_asr.segmenter import Speech
from viva_asr.streaming.agreement import Agreement
from viva_asr.streaming.ending import Ending, ending_of
from viva_asr.streaming.sound import Sound
from viva_asr.transcript import Hypothesis

_FIRST_S = 0.12
"""The first attempt has this much speech. In less, recognisers hear anything."""
_LEAST_S = 0.2
"""As much speech is new in the next."""
_EAGER_S, _EAGER_ATTEMPTS = 0.06, 10
"""Or this much, until there is a first word, but not for ever: any two windows of the detector, so each piece of
100 ms that a microphone sends has an attempt, if the one before is over."""
_MOST_S = 2.0
_SHARE = 0.25
"""Of the time, at most, an utterance that has words is being recognised; a slow or busy engine is asked less often."""
_PAUSE_S = 0.2
"""A pause of this length is worth an attempt: how the sentence ends decides when the turn does."""
_MOST_WAITING = 3
"""Finished stretches that could not be recognised in time; past it the utterance has no more partials."""


class Partials:
    """Of one stream; at most one attempt is under way.

    `give` gets all words that will not be taken back, whenever there are more of them. `judge` gets how the sentence
    ends and up to where it was heard, in seconds of the stream.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        metrics: AsrMetrics,
        *,
        max_turn_s: float,
        give: Callable[[str], Awaitable[None]],
        judge: Callable[[Ending, float], None],
    ) -> None:
        self._scheduler = scheduler
        self._metrics = metrics
        self._max_turn_s = max_turn_s
        self._give = give
        self._judge = judge
        self.language: str | None = None
        self._task: asyncio.Task[None] | None = None
        self._took_s = 0.0
        self._begin()

    def _begin(self) -> None:
        self._agreement = Agreement()
        self._fixed: list[str] = []  # the words of the stretches that are finished
        self._waiting: deque[Speech] = deque()  # finished, but not recognised to their end
        self._heard_start_s = self._heard_to_s = 0.0  # of the stretch that goes on: what the last attempt had of it
        self._heard = ""
        self._attempts = 0
        self._confirmed = False
        self._rest_until_s = 0.0  # the engine failed, and is left alone up to here
        self._began_s: float | None = None  # where its first speech begins
        self._silent = True  # nothing of it was given out yet

    def end(self) -> None:
        """The utterance is over: what is under way is stopped, and the next words are the next one's."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            self._metrics.partials.labels("late").inc()
        self._task = None
        self._begin()

    def finish(self, speech: Speech, pad_s: float) -> None:
        """Take a stretch that goes on no longer."""
        self._note_begin(speech.start_s)
        heard_whole = 0 <= speech.end_s - self._heard_to_s <= pad_s + 1e-6
        if speech.start_s == self._heard_start_s and heard_whole and not self._waiting:
            self._fixed.append(self._heard)
        else:
            self._waiting.append(speech)
        self._heard, self._heard_start_s, self._heard_to_s = "", 0.0, 0.0

    def consider(self, sound: Sound) -> None:
        """Begin an attempt when one is worth it, none is under way, and a worker can be spared."""
        if self._task is not None and not self._task.done():
            return
        if len(self._waiting) > _MOST_WAITING or sound.heard_s < self._rest_until_s:
            return
        finished = bool(self._waiting)
        speech = self._waiting[0] if finished else sound.unfinished
        if speech is None or not (finished or self._worth(speech, sound)):
            return
        self._note_begin(speech.start_s)
        if speech.end_s - self._began_s > self._max_turn_s:
            return
        result = self._scheduler.offer_partial(speech, Options(language=self.language, partial=True))
        if result is None:
            self._metrics.partials.labels("skipped").inc()
            return
        voiced_s = sound.voiced_s
        self._task = asyncio.create_task(self._attempt(result, speech, sound, None if finished else voiced_s))

    def _note_begin(self, start_s: float) -> None:
        if self._began_s is None:
            self._began_s = start_s

    def _worth(self, speech: Speech, sound: Sound) -> bool:
        """Whether enough was said since the last attempt, or a pause asks for one."""
        again = speech.start_s == self._heard_start_s and self._heard_to_s > 0
        pause_s = sound.heard_s - sound.voiced_s
        if not again:
            return sound.voiced_s - speech.start_s - sound.pad_s >= _FIRST_S or pause_s >= _PAUSE_S
        new_s = sound.voiced_s - self._heard_to_s
        if new_s > 0:
            return new_s >= self._interval_s or pause_s >= _PAUSE_S
        return pause_s >= _PAUSE_S and not self._confirmed and not self._agreement.complete

    @property
    def _interval_s(self) -> float:
        if self._silent and self._attempts < _EAGER_ATTEMPTS:
            return _EAGER_S
        return min(max(self._took_s / _SHARE, _LEAST_S), _MOST_S)

    async def _attempt(
        self, result: "asyncio.Future[Hypothesis]", speech: Speech, sound: Sound, voiced_s: float | None
    ) -> None:
        """Wait for the words of `speech`; `voiced_s` None says that it is finished."""
        began = time.monotonic()
        try:
            hypothesis = await result
        except asyncio.CancelledError:
            if asyncio.current_task().cancelling():
                raise
            self._metrics.partials.labels("skipped").inc()  # pushed out by a final
            return
        except VivaError as error:
            self._metrics.partials.labels("failed").inc()
            structlog.get_logger().warning("partial failed", code=error.code, reason=error.message)
            self._rest_until_s = sound.heard_s + _MOST_S
            return
        self._took_s = time.monotonic() - began
        self._attempts += 1
        self._note(" ".join(segment.text for segment in hypothesis.segments), speech, voiced_s)
        words = " ".join([*self._fixed, self._heard]).strip()
        heard_to_s = speech.end_s if voiced_s is None else voiced_s
        spoken_s = heard_to_s - self._began_s - sound.pad_s
        grown = self._agreement.feed(words, spoken_s=spoken_s, settled=self._confirmed)
        self._metrics.partials.labels("given" if grown else "same").inc()
        if voiced_s is not None:
            self._judge(ending_of(words, self.language), voiced_s)
        if grown:
            await self._give_out(sound)

    def _note(self, text: str, speech: Speech, voiced_s: float | None) -> None:
        self._confirmed = voiced_s is not None and voiced_s == self._heard_to_s
        if voiced_s is None:
            self._waiting.popleft()
            self._fixed.append(text)
            if self._heard_start_s == speech.start_s:  # an attempt that ended after the stretch did
                self._heard, self._heard_start_s, self._heard_to_s = "", 0.0, 0.0
            return
        self._heard, self._heard_start_s, self._heard_to_s = text, speech.start_s, voiced_s

    async def _give_out(self, sound: Sound) -> None:
        if self._silent:
            self._silent = False
            self._metrics.first_partial.observe(max(0.0, sound.heard_s - self._began_s - sound.pad_s))
        await self._give(self._agreement.text)
