"""What blocks in a stream: samples in, turns and stretches of speech out. Runs in a thread, one call at a time."""

from collections import deque
from dataclasses import replace

import numpy as np

from viva.audio.encode import Encoder
from viva_asr.segmenter import Cutting, Speech, SpeechSegmenter
from viva_asr.streaming.ending import Ending
from viva_asr.streaming.frames import TurnDetection
from viva_asr.streaming.turns import WINDOW_MS, Started, Stopped, TurnDetector
from viva_asr.vad import SAMPLE_RATE_HZ, SpeechDetector, VadModel

_BLOCK_S = 0.1
"""As much is looked at together; what one block begins and ends is told in this order."""
_PAUSE_S = 0.6
"""Speech is cut for its partials in longer pauses than recordings are: what is cut is not heard in one piece."""
_LONGEST_S = 15.0
"""A stretch that goes on is recognised again and again, so it has to stay short."""


class _Overheard:
    """Keeps the probabilities that a detector gives to the segmenter, for the turn detector."""

    def __init__(self, detector: SpeechDetector) -> None:
        self._detector = detector
        self.levels: list[float] = []

    def feed(self, samples: np.ndarray) -> np.ndarray:
        levels = self._detector.feed(samples)
        self.levels += levels.tolist()
        return levels

    def flush(self) -> np.ndarray:
        return self._detector.flush()


Found = Started | Stopped | Speech


class Sound:
    """One stream's audio: its resampler, its speech detector, the turn and the stretch that go on.

    `detection` None: turns are not looked for, stretches of speech are.
    """

    def __init__(
        self,
        vad: VadModel,
        rate_hz: int,
        cutting: Cutting,
        detection: TurnDetection | None,
        *,
        max_turn_s: float,
        speaking: bool = False,
    ) -> None:
        self._block = 2 * round(_BLOCK_S * rate_hz)
        self._to_16k = Encoder("pcm", rate_hz, SAMPLE_RATE_HZ)
        self._levels = _Overheard(SpeechDetector(vad))
        self._max_turn_s = max_turn_s
        cutting = replace(cutting, join_s=0.0, silence_s=_PAUSE_S, max_s=min(cutting.max_s, _LONGEST_S))
        self.pad_s = cutting.pad_s
        self._segmenter = SpeechSegmenter(self._levels, cutting)
        self._windows = 0
        # Filled by the loop while a thread empties it.
        self._judgements: deque[tuple[Ending, int]] = deque()
        self._turns = self._detector(detection, speaking=speaking)

    @property
    def heard_s(self) -> float:
        """How much was heard since the stream began, in seconds."""
        return self._windows * WINDOW_MS / 1000

    @property
    def voiced_s(self) -> float:
        """Where the last voice of the stretch that goes on was heard, in seconds of the stream."""
        return self._segmenter.voiced_s

    @property
    def unfinished(self) -> Speech | None:
        """The stretch of speech that goes on, if it belongs to an utterance."""
        return self._segmenter.unfinished if self.wanted else None

    @property
    def silent_until_ms(self) -> int:
        """Nothing before will belong to a turn, in milliseconds of the stream; 0: nothing can be said about it."""
        return self._turns.silent_until_ms if self._turns is not None else 0

    @property
    def wanted(self) -> bool:
        """Whether what is said now belongs to an utterance: in a turn, or always when turns are not looked for."""
        return self._turns is None or self._turns.speaking

    def configure(self, detection: TurnDetection | None) -> None:
        """Look for turns in another way from here on; a turn that goes on goes on."""
        self._turns = self._detector(detection, speaking=self._turns is not None and self._turns.speaking)

    def judge(self, ending: Ending, voiced_s: float) -> None:
        """Note how the words up to there end; it counts from the next block on."""
        self._judgements.append((ending, round(voiced_s * 1000 / WINDOW_MS)))

    def forget(self) -> None:
        """The utterance ends here: what follows belongs to the next."""
        if self._turns is not None:
            self._turns.forget()
        self._segmenter.skip()

    def feed(self, pcm: bytes) -> list[Found]:
        """Take s16le mono; return the turns that began or ended and the stretches of speech that were finished."""
        found: list[Found] = []
        for at in range(0, len(pcm), self._block):
            found += self._listen(self._to_16k.feed(pcm[at : at + self._block]))
        return found

    def _listen(self, pcm: bytes) -> list[Found]:
        while self._judgements:
            judgement = self._judgements.popleft()
            if self._turns is not None:
                self._turns.judge(*judgement)
        wanted = self.wanted
        stretches = self._segmenter.feed(pcm)
        levels, self._levels.levels = self._levels.levels, []
        self._windows += len(levels)
        turns = self._turns.feed(levels) if self._turns is not None else []
        if any(isinstance(turn, Stopped) for turn in turns):
            self._segmenter.skip()
        return [*(stretches if wanted else []), *turns]

    def _detector(self, detection: TurnDetection | None, *, speaking: bool) -> TurnDetector | None:
        if detection is None:
            return None
        return TurnDetector(detection, max_turn_s=self._max_turn_s, seen=self._windows, speaking=speaking)
