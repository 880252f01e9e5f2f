"""Piper: the real voices, on the CPU. piper-tts is GPL-3.0: an optional dependency that nothing else imports."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path

import numpy as np
import structlog
from piper import PiperVoice, SynthesisConfig

from viva.errors import EngineUnavailable, StageUnavailable
from viva_tts.bridge import Bridge
from viva_tts.engine import Pcm, Voice
from viva_tts.piper_voices import find_voices
from viva_tts.settings import TTSSettings

_WARM_UP = "Ready."


class PiperEngine:
    """Runs Piper's ONNX voices in threads, a sentence at a time."""

    name = "piper"

    def __init__(self, settings: TTSSettings, bridge: Bridge) -> None:
        self._settings = settings
        self._bridge = bridge
        self._speakers: dict[str, tuple[PiperVoice, int | None]] = {}
        self.model = ""
        self.voices: list[Voice] = []
        self.default_voice = settings.voice

    async def start(self) -> None:
        """Loads the voices, and speaks one word: the first inference takes far longer than the next."""
        paths = find_voices(self._settings)
        if not paths:
            raise EngineUnavailable(_where_voices_go(self._settings))
        for path in paths:
            self._add(path.stem, await self._bridge.run(_load, path))
        self.model = ", ".join(path.stem for path in paths)
        self.default_voice = self.default_voice or self.voices[0].id
        async with aclosing(self.synthesize(_WARM_UP, self.voices[0].id, 1.0)) as warm:
            async for _ in warm:
                pass

    async def close(self) -> None:
        """Lets the models go."""
        self._speakers.clear()

    async def synthesize(self, text: str, voice: str, speed: float, due: float = 0.0) -> AsyncGenerator[Pcm]:
        """Piper cuts the text itself where a sentence ends, and each of its pieces comes when it is made."""
        model, speaker = self._speakers[voice]
        # Double square brackets are Piper's way to write phonemes, which is not for strangers.
        words = text.replace("[[", "[").replace("]]", "]")
        pieces = self._bridge.iterate(_speak(model, words, speaker, speed), due)
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    yield piece
        except (
            RuntimeError,
            ValueError,
        ) as error:  # onnxruntime's and espeak's errors are these or their children
            structlog.get_logger().warning("piper failed", error=type(error).__name__)
            raise StageUnavailable("tts", "Piper could not speak the sentence; the logs say why.") from error

    def _add(self, name: str, model: PiperVoice) -> None:
        language = model.config.espeak_voice
        names = {speaker: key for key, speaker in model.config.speaker_id_map.items()}
        if model.config.num_speakers <= 1:
            self._speakers[name] = (model, None)
            self.voices.append(Voice(name, language, description="piper"))
            return
        for speaker in range(model.config.num_speakers):
            voice = f"{name}:{names.get(speaker, speaker)}"
            self._speakers[voice] = (model, speaker)
            self.voices.append(Voice(voice, language, description="piper"))


def _load(path: Path) -> PiperVoice:
    try:
        return PiperVoice.load(path)
    except Exception as error:  # onnxruntime raises classes of its own for a damaged file; any of them stops the start
        raise EngineUnavailable(
            f"The Piper voice {path.name} cannot be loaded ({type(error).__name__}); fetch it again with `viva models`."
        ) from error


def _speak(model: PiperVoice, text: str, speaker: int | None, speed: float) -> Iterator[Pcm]:
    config = SynthesisConfig(speaker_id=speaker, length_scale=model.config.length_scale / speed)
    for chunk in model.synthesize(text, config):
        yield Pcm(chunk.audio_int16_array.astype(np.dtype("<i2"), copy=False).tobytes(), chunk.sample_rate)


def _where_voices_go(settings: TTSSettings) -> str:
    if settings.piper_voice:
        return (
            f"VIVA_TTS_PIPER_VOICE names {settings.piper_voice!r}, but there is no such .onnx file with its .onnx.json "
            f"beside it, here or in {settings.models_dir}."
        )
    return (
        f"The tts engine 'piper' needs a voice, and there is none in {settings.models_dir}: run `viva models`, or set "
        "VIVA_TTS_PIPER_VOICE to an .onnx file with its .onnx.json beside it."
    )
