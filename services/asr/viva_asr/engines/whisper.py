"""Whisper by faster-whisper (CTranslate2): int8 on the CPU, float16 on a GPU, clips of up to 28 s in batches."""

import asyncio
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import ctranslate2
import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel
from faster_whisper.transcribe import Segment as WhisperSegment

from viva.errors import EngineUnavailable
from viva.service.cores import usable_cores
from viva_asr.engine import Options
from viva_asr.languages import LANGUAGES
from viva_asr.segmenter import Cutting, Speech
from viva_asr.settings import AsrSettings
from viva_asr.transcript import Hypothesis, Segment, Word
from viva_asr.vad import SAMPLE_RATE_HZ

_CLIP_S = 28.0
"""The encoder always takes 30 s, so sentences are joined to nearly that."""
_SURE_OF_LANGUAGE = 0.6
_NO_SPEECH = 0.6
_UNLIKELY = -1.0
_FRAMES_PER_S = 100
_MODEL_FILES = ("model.bin", "config.json", "tokenizer.json")


class WhisperEngine:
    """One loaded model; one worker for batches, and one more that interactive clips need not share."""

    name = "whisper"

    def __init__(self, settings: AsrSettings) -> None:
        self._folder = _checked(settings.find_whisper_model(), settings)
        self.model = self._folder.name
        self.languages: frozenset[str] | None = None
        self.cutting = Cutting(max_s=settings.max_segment_s, join_s=_CLIP_S)
        self._device, self._compute_type = _device(settings)
        on_gpu = self._device == "cuda"
        self._batch_size = settings.whisper_batch_size or (16 if on_gpu else 4)
        self._beam_size = settings.whisper_beam_size or (5 if on_gpu else 1)
        self._cores = usable_cores()
        self.workers: list[WhisperWorker] = []

    @property
    def partials(self) -> bool:
        """On a CPU each would cost an encoder's 30 s, and the questions their cores."""
        return self._device == "cuda"

    @property
    def device(self) -> str:
        """Where it runs and with which numbers, as in "cpu int8"."""
        return f"{self._device} {self._compute_type}"

    async def start(self) -> None:
        """Load the model and run it once. Raises EngineUnavailable when its files do not fit together."""
        loop = asyncio.get_running_loop()
        try:
            model = await loop.run_in_executor(None, self._load)
        except (RuntimeError, ValueError, OSError) as error:
            raise EngineUnavailable(
                f"The Whisper model in {self._folder.name!r} cannot be loaded on {self.device}; "
                "fetch it anew with `make models`, or set VIVA_ASR_WHISPER_DEVICE=cpu."
            ) from error
        self.languages = frozenset(model.supported_languages) & frozenset(LANGUAGES)
        self.workers = [
            WhisperWorker(model, 1, self._beam_size, reserved=True),
            WhisperWorker(model, self._batch_size, self._beam_size, reserved=False),
        ]
        silence = Speech(0.0, bytes(2 * SAMPLE_RATE_HZ))
        await self.workers[0].transcribe([silence], Options(language="en"))

    async def close(self) -> None:
        """Wait for the batches that are running; what waited has been cancelled before."""
        for worker in self.workers:
            await asyncio.to_thread(worker.close)

    def _load(self) -> WhisperModel:
        return WhisperModel(
            str(self._folder),  # a folder, so the hub is never asked
            device=self._device,
            compute_type=self._compute_type,
            cpu_threads=self._cores,
            num_workers=2,  # they share the weights
        )


class WhisperWorker:
    """Runs batches in a thread of its own: CTranslate2 leaves the interpreter lock to others while it computes."""

    def __init__(self, model: WhisperModel, batch_size: int, beam_size: int, *, reserved: bool) -> None:
        self.reserved = reserved
        self.batch_size = batch_size
        self._beam_size = beam_size
        # One thread and one pipeline each: a pipeline keeps a word's time between calls.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="whisper")
        self._pipeline = BatchedInferencePipeline(model)
        self._batch: Future[list[Hypothesis]] | None = None

    def close(self) -> None:
        """Wait until the thread is done."""
        self._executor.shutdown()

    async def transcribe(self, batch: Sequence[Speech], options: Options) -> list[Hypothesis]:
        """Recognise clips of at most 30 s together; a batch that has begun runs to its end, which is seconds."""
        self._batch = self._executor.submit(self._run, batch, options)
        return await asyncio.wrap_future(self._batch)

    async def settle(self) -> None:
        """Wait for a batch that a cancelled caller left behind."""
        if self._batch is not None and not self._batch.done():
            await asyncio.wait([asyncio.wrap_future(self._batch)])

    def _run(self, batch: Sequence[Speech], options: Options) -> list[Hypothesis]:
        audio = np.concatenate([np.frombuffer(speech.pcm, dtype="<i2") for speech in batch])
        starts = np.cumsum([0, *(len(speech.pcm) // 2 for speech in batch)]) / SAMPLE_RATE_HZ
        clips = [{"start": float(start), "end": float(end)} for start, end in pairwise(starts)]
        segments, info = self._pipeline.transcribe(
            audio.astype(np.float32) / 32768,
            language=options.language,
            initial_prompt=options.prompt,
            temperature=options.temperature,
            word_timestamps=options.words,
            without_timestamps=False,
            vad_filter=False,
            clip_timestamps=clips,
            batch_size=self.batch_size,
            beam_size=1 if options.partial else self._beam_size,
        )
        sure = info.language_probability >= _SURE_OF_LANGUAGE
        return _by_clip(segments, starts, info.language if sure else None)


def _by_clip(segments: Iterable[WhisperSegment], starts: np.ndarray, language: str | None) -> list[Hypothesis]:
    """Sort what the batch gave by the clip that it came from, with times relative to that clip."""
    clips: list[list[Segment]] = [[] for _ in starts[:-1]]
    frames = [int(start * _FRAMES_PER_S) for start in starts[:-1]]
    for segment in segments:
        clip = frames.index(segment.seek)
        if not _invented(segment):
            clips[clip].append(_segment(segment, float(starts[clip]), float(starts[clip + 1])))
    return [Hypothesis(tuple(found), language) for found in clips]


def _invented(segment: WhisperSegment) -> bool:
    return segment.no_speech_prob > _NO_SPEECH and segment.avg_logprob < _UNLIKELY


def _segment(segment: WhisperSegment, start_s: float, end_s: float) -> Segment:
    """Convert, keeping the times inside the clip: Whisper may point past its end."""

    def inside(time_s: float) -> float:
        return float(min(max(time_s, start_s), end_s) - start_s)  # numpy's floats do not become JSON

    words = tuple(
        Word(inside(word.start), inside(word.end), text, float(word.probability))
        for word in segment.words or ()
        if (text := word.word.strip())
    )
    return Segment(
        inside(segment.start),
        max(inside(segment.end), inside(segment.start)),
        segment.text.strip(),
        words,
        avg_logprob=segment.avg_logprob,
        no_speech_prob=segment.no_speech_prob,
        compression_ratio=segment.compression_ratio,
    )


def _checked(folder: Path | None, settings: AsrSettings) -> Path:
    if folder is None:
        raise EngineUnavailable(
            f"The asr engine 'whisper' found no model under {settings.models_dir}/whisper; run `make models`, "
            "or set VIVA_ASR_WHISPER_MODEL to a folder that has one."
        )
    missing = [name for name in _MODEL_FILES if not (folder / name).is_file()]
    if missing:
        raise EngineUnavailable(f"The Whisper model folder {folder} lacks {', '.join(missing)}; run `make models`.")
    return folder


def _device(settings: AsrSettings) -> tuple[str, str]:
    device = settings.whisper_device
    has_gpu = ctranslate2.get_cuda_device_count() > 0
    if device == "auto":
        device = "cuda" if has_gpu else "cpu"
    if device == "cuda" and not has_gpu:
        raise EngineUnavailable("VIVA_ASR_WHISPER_DEVICE is cuda, but CTranslate2 finds no GPU with its drivers here.")
    compute_type = settings.whisper_compute_type
    if compute_type == "auto":
        compute_type = "float16" if device == "cuda" else "int8"
    supported = ctranslate2.get_supported_compute_types(device)
    if compute_type not in (*supported, "default"):
        raise EngineUnavailable(
            f"VIVA_ASR_WHISPER_COMPUTE_TYPE is {compute_type!r}, which {device} cannot do here; "
            f"choose one of: {', '.join(sorted(supported))}."
        )
    return device, compute_type
