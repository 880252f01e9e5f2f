"""The events of one turn: the same on every transport, and exactly one `done` or `error` ends it.

Events are frozen dataclasses, which orjson writes without a validation step: a turn sends one per token.
"""

from dataclasses import dataclass
from typing import Literal

import orjson

AudioFormat = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was asked, as understood. `final` is false for a partial transcript of speech still going on."""

    text: str
    final: bool = True
    type: Literal["transcript"] = "transcript"


@dataclass(frozen=True, slots=True)
class AnswerDelta:
    """The next piece of the answer's text, without citation marks."""

    text: str
    type: Literal["answer.delta"] = "answer.delta"


@dataclass(frozen=True, slots=True)
class Audio:
    """One spoken sentence: `data` is base64 of a file in `format`, playable by itself; `seq` counts from 0."""

    seq: int
    format: AudioFormat
    data: str
    text: str
    type: Literal["audio"] = "audio"


@dataclass(frozen=True, slots=True)
class Citation:
    """Seconds of the recording that the answer rests on, and the words that were recognised there."""

    lecture_id: str
    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that the model server counted; 0 where the backend counts none."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ContextUse:
    """What the model was given of the lecture: its recording, its whole transcript, or the passages that matter.

    `tokens` is the length of the prompt as the model server counted it, else as it was planned. `limit` is the model's
    context in tokens, None where there is none. `passages` is how many of the lecture's passages were in the prompt.
    """

    kind: Literal["audio", "transcript", "passages"]
    tokens: int
    limit: int | None
    passages: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where the time of a turn went, in milliseconds of a monotonic clock.

    `asr_ms` is how long the transcription took, `recall_ms` history and lecture (it runs beside the
    transcription). The rest are moments since the turn began, which is when the whole question had arrived:
    the model's first token, the first complete clause, its first audio (`first_audio_ms`), and the end.
    `tts_first_audio_ms` is how long the first clause took to become audio. None where a stage did not run.
    `context` says what the model was given.
    """

    asr_ms: float | None = None
    recall_ms: float | None = None
    llm_first_token_ms: float | None = None
    first_sentence_ms: float | None = None
    tts_first_audio_ms: float | None = None
    first_audio_ms: float | None = None
    total_ms: float = 0.0
    context: ContextUse | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The turn is complete; the question and the answer are in the history if `history_saved`.

    `degraded` names what was replaced ("llm:extractive", "tts:text_only", "lecture:partial"), several joined by commas.
    """

    turn_id: str
    session_id: str
    question: str
    answer: str
    citations: tuple[Citation, ...]
    degraded: str | None
    usage: Usage
    receipt: Receipt
    history_saved: bool = True
    type: Literal["done"] = "done"


@dataclass(frozen=True, slots=True)
class Error:
    """The turn failed; nothing of it is in the history."""

    code: str
    message: str
    retryable: bool
    request_id: str | None = None
    type: Literal["error"] = "error"


Event = Transcript | AnswerDelta | Audio | Done | Error


def encode(event: Event) -> bytes:
    """The event as one JSON object, without a line end."""
    return orjson.dumps(event)


_TYPES: dict[str, type] = {
    "transcript": Transcript,
    "answer.delta": AnswerDelta,
    "audio": Audio,
    "done": Done,
    "error": Error,
}


def decode(line: bytes | str) -> Event | None:
    """The event in one JSON object, or None for a type this version does not know (newer servers may send more)."""
    data = orjson.loads(line)
    cls = _TYPES.get(data.get("type"))
    if cls is None:
        return None
    known = {name: value for name, value in data.items() if name in cls.__dataclass_fields__}
    if cls is Done:
        known["citations"] = tuple(_only(Citation, item) for item in known["citations"])
        known["usage"] = _only(Usage, known["usage"])
        known["receipt"] = _receipt(known["receipt"])
    return cls(**known)


def _receipt(data: dict) -> Receipt:
    context = data.get("context")
    return _only(Receipt, data | {"context": _only(ContextUse, context) if context else None})


def _only(cls: type, data: dict):
    return cls(**{name: value for name, value in data.items() if name in cls.__dataclass_fields__})
