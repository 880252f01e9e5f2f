"""Silero's speech detector, fed block by block."""

import importlib.util
from pathlib import Path

import numpy as np

from viva.errors import EngineUnavailable

SAMPLE_RATE_HZ = 16_000
WINDOW = 512
"""Samples that one probability stands for (32 ms)."""
_CONTEXT = 64
_STATE = (1, 1, 128)
_MODEL = "assets/silero_vad_v6.onnx"


def _model_path() -> Path:
    """Find the detector inside the faster-whisper wheel, without importing that package and all it pulls in."""
    spec = importlib.util.find_spec("faster_whisper")
    if spec is None or spec.origin is None:
        raise EngineUnavailable("faster-whisper is not installed; the speech detector is part of it.")
    path = Path(spec.origin).parent / _MODEL
    if not path.is_file():
        raise EngineUnavailable(f"This faster-whisper carries no {_MODEL}; install the version that is pinned.")
    return path


class VadModel:
    """The loaded network; stateless, so one serves every stream at once."""

    def __init__(self) -> None:
        import onnxruntime  # here, so that importing this module stays cheap

        options = onnxruntime.SessionOptions()
        # One thread: the windows depend on each other, so more would only take cores from the recogniser.
        options.inter_op_num_threads = options.intra_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(_model_path()), providers=["CPUExecutionProvider"], sess_options=options
        )

    def run(self, windows: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Take float32 windows [n, 576] and the state before them; return n probabilities and the state after."""
        probabilities, h, c = self._session.run(None, {"input": windows, "h": h, "c": c})
        return probabilities.reshape(-1), h, c


class SpeechDetector:
    """Turns a stream of samples into one speech probability per 32 ms window."""

    def __init__(self, model: VadModel) -> None:
        self._model = model
        self._h = np.zeros(_STATE, dtype=np.float32)
        self._c = np.zeros(_STATE, dtype=np.float32)
        self._context = np.zeros(_CONTEXT, dtype=np.float32)
        self._tail = np.zeros(0, dtype=np.float32)

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """Take int16 samples at 16 kHz; return the probabilities (0..1) of the windows that they complete."""
        audio = np.concatenate([self._tail, samples.astype(np.float32) / 32768])
        whole = len(audio) - len(audio) % WINDOW
        self._tail = audio[whole:]
        if not whole:
            return np.zeros(0, dtype=np.float32)
        return self._run(audio[:whole].reshape(-1, WINDOW))

    def flush(self) -> np.ndarray:
        """Return the probability of the last, unfinished window, if there is one."""
        if not len(self._tail):
            return np.zeros(0, dtype=np.float32)
        window = np.pad(self._tail, (0, WINDOW - len(self._tail)))
        self._tail = self._tail[:0]
        return self._run(window.reshape(1, WINDOW))

    def _run(self, windows: np.ndarray) -> np.ndarray:
        # Each window is heard with the last 4 ms of the one before it.
        contexts = np.vstack([self._context, windows[:-1, -_CONTEXT:]])
        self._context = windows[-1, -_CONTEXT:].copy()
        probabilities, self._h, self._c = self._model.run(np.hstack([contexts, windows]), self._h, self._c)
        return probabilities
