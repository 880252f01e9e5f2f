"""The configuration of a conversation: what the client asked for, merged, and what of it is in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from viva_orchestrator.realtime.listening import InputFormat, TurnDetection
from viva_orchestrator.realtime.session_fields import ECHOED, known_fields

MODEL = "viva"
_FORMATS = ("audio/pcm", "audio/pcmu", "audio/pcma")
_EAGERNESS = ("low", "medium", "high", "auto")
_DEFAULTS: Mapping[str, Any] = {
    "output_modalities": ["audio"],
    "instructions": "",
    "tools": [],
    "tool_choice": "auto",
    "max_output_tokens": "inf",
    "tracing": None,
    "audio": {
        "input": {"transcription": {"model": MODEL}, "turn_detection": {"type": "server_vad"}},
        "output": {},
    },
}


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a client asked for, as it asked; the properties are what is in force.

    Nothing is refused: what is unknown or out of range is as if it had not been asked for.
    """

    asked: Mapping[str, Any]
    default_voice: str = "alloy"

    @classmethod
    def default(cls, voice: str) -> Configuration:
        """Audio in and out, with turns found by the server."""
        return cls(_DEFAULTS, voice)

    def updated(self, session: Mapping[str, Any]) -> Configuration:
        """The same with a session.update merged into it; of `audio` to any depth. null replaces what was there."""
        new = known_fields(session)
        audio = _merged(_dict(self.asked.get("audio")), new.get("audio", {}))
        return Configuration({**self.asked, **new, "audio": audio}, self.default_voice)

    @property
    def speaks(self) -> bool:
        """Whether answers come as audio, rather than as text alone."""
        return self.asked.get("output_modalities") != ["text"]

    @property
    def voice(self) -> str:
        """The voice asked for; the tts stage finds one of its own for a name that it does not know."""
        voice = self._audio("output").get("voice")
        if isinstance(voice, dict):
            voice = voice.get("id")
        return voice[:100] if isinstance(voice, str) and voice else self.default_voice

    @property
    def speed(self) -> float:
        """How fast to speak, 0.25 to 1.5."""
        speed = self._audio("output").get("speed")
        return min(max(float(speed), 0.25), 1.5) if _is_number(speed) else 1.0

    @property
    def input_format(self) -> InputFormat:
        """How the client sends its audio."""
        return _format(self._audio("input").get("format"))

    @property
    def output_format(self) -> InputFormat:
        """How the client wants the answers' audio."""
        return _format(self._audio("output").get("format"))

    @property
    def language(self) -> str | None:
        """What is spoken, where the client says so."""
        language = _dict(self._audio("input").get("transcription")).get("language")
        return language[:20] if isinstance(language, str) and language else None

    @property
    def transcribes(self) -> bool:
        """Whether the client wants to be told what was understood."""
        return isinstance(self._audio("input").get("transcription"), dict)

    @property
    def detection(self) -> TurnDetection | None:
        """How turns are found; None is push-to-talk."""
        asked = self._audio("input").get("turn_detection")
        if not isinstance(asked, dict) or asked.get("type") in ("none", None):
            return None
        known = TurnDetection()
        return TurnDetection(
            type="semantic_vad" if asked["type"] == "semantic_vad" else "server_vad",
            threshold=_number(asked.get("threshold"), known.threshold, 0.0, 1.0),
            prefix_padding_ms=int(_number(asked.get("prefix_padding_ms"), known.prefix_padding_ms, 0, 5000)),
            silence_duration_ms=int(_number(asked.get("silence_duration_ms"), known.silence_duration_ms, 50, 10_000)),
            eagerness=asked["eagerness"] if asked.get("eagerness") in _EAGERNESS else known.eagerness,
            create_response=asked.get("create_response") is not False,
            interrupt_response=asked.get("interrupt_response") is not False,
        )

    def effective(self) -> dict[str, Any]:
        """The session as it is told to clients, but for its ids: only values that strict clients can read."""
        modality = "audio" if self.speaks else "text"
        choice = self.asked.get("tool_choice")
        told = {name: self.asked[name] for name in ECHOED if self.asked.get(name) is not None}
        return {
            "tracing": None,
            **told,
            "model": self.model,
            "output_modalities": [modality],
            "tool_choice": choice if choice in ("none", "required") else "auto",
            "audio": {
                "input": {
                    "format": _shown(self.input_format),
                    "transcription": self._transcription(),
                    "noise_reduction": self._noise_reduction(),
                    "turn_detection": self._turn_detection(),
                },
                "output": {"format": _shown(self.output_format), "voice": self.voice, "speed": self.speed},
            },
        }

    @property
    def model(self) -> str:
        """The model's name as the client gave it: any name means ours."""
        model = self.asked.get("model")
        return model[:200] if isinstance(model, str) and model else MODEL

    def _audio(self, side: str) -> dict[str, Any]:
        return _dict(_dict(self.asked.get("audio")).get(side))

    def _transcription(self) -> dict[str, str] | None:
        if not self.transcribes:
            return None
        asked = self._audio("input")["transcription"]
        return {"model": MODEL} | {
            name: asked[name] for name in ("model", "language", "prompt") if isinstance(asked.get(name), str)
        }

    def _noise_reduction(self) -> dict[str, str] | None:
        kind = _dict(self._audio("input").get("noise_reduction")).get("type")
        return {"type": kind} if kind in ("near_field", "far_field") else None

    def _turn_detection(self) -> dict[str, Any] | None:
        if (detection := self.detection) is None:
            return None
        told: dict[str, Any] = {"type": detection.type}
        if detection.type == "semantic_vad":
            told["eagerness"] = detection.eagerness
        else:
            told |= {name: getattr(detection, name) for name in _SERVER_VAD}
        return told | {name: getattr(detection, name) for name in ("create_response", "interrupt_response")}


_SERVER_VAD = ("threshold", "prefix_padding_ms", "silence_duration_ms")


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(old)
    for name, value in new.items():
        before = both.get(name)
        both[name] = _merged(before, value) if isinstance(value, dict) and isinstance(before, dict) else value
    return both


def _format(asked: Any) -> InputFormat:
    kind = _dict(asked).get("type")
    if kind not in _FORMATS:
        return InputFormat()
    return InputFormat(kind, 24_000 if kind == "audio/pcm" else 8000)


def _shown(audio_format: InputFormat) -> dict[str, Any]:
    kind = audio_format.type
    return {"type": kind, "rate": audio_format.rate_hz} if kind == "audio/pcm" else {"type": kind}


def _number(value: Any, default: float, least: float, most: float) -> float:
    return min(max(value, least), most) if _is_number(value) else default


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
