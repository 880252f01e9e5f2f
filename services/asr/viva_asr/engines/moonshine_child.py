"""The process that recognises with Moonshine."""

from collections.abc import Callable

import numpy as np

from viva_asr.engines.child_loop import serve
from viva_asr.vad import SAMPLE_RATE_HZ

_LEAST_SAMPLES = 1_600
"""The network fails on a few frames; less than 0.1 s holds no word."""
_SILENCE_AFTER = np.zeros(9_600, np.float32)
"""0.6 s. Cut off sooner, one sentence in twenty ends with a comma; the words are as right as without it or better."""
# The service has cut the speech out already, so the library's own detector is off.
_OPTIONS = {"vad_threshold": "0", "identify_speakers": "false", "return_audio_data": "false"}


class Recogniser:
    """One transcriber with the model that its wheel carries."""

    def __init__(self) -> None:
        from moonshine_voice.moonshine_api import ModelArch
        from moonshine_voice.transcriber import Transcriber
        from moonshine_voice.utils import get_model_path

        self._transcriber = Transcriber(get_model_path("tiny-en"), ModelArch.TINY, options=_OPTIONS)
        self.recognise(bytes(2 * SAMPLE_RATE_HZ))

    def recognise(self, pcm: bytes) -> str:
        """Return the words in s16le PCM at 16 kHz, with case and punctuation."""
        if len(pcm) < 2 * _LEAST_SAMPLES:
            return ""
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768
        samples = np.concatenate([samples, _SILENCE_AFTER])
        transcript = self._transcriber.transcribe_without_streaming(samples.tolist(), SAMPLE_RATE_HZ)
        return " ".join(text for line in transcript.lines if (text := line.text.strip()))


def load() -> Callable[[bytes], str]:
    """Load the model; the function recognises."""
    return Recogniser().recognise


if __name__ == "__main__":
    serve(load)
