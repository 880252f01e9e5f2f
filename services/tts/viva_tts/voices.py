"""Which of our voices speaks for a name that a client knows: asked for by OpenAI's names, nobody is refused."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from viva_tts.engine import Gender, Voice

# How OpenAI's voices sound to most people; alloy is heard as either.
OPENAI_VOICES: Mapping[str, Gender] = MappingProxyType(
    {
        "alloy": "unknown",
        "ash": "male",
        "ballad": "male",
        "cedar": "male",
        "coral": "female",
        "echo": "male",
        "fable": "male",
        "marin": "female",
        "nova": "female",
        "onyx": "male",
        "sage": "female",
        "shimmer": "female",
        "verse": "male",
    }
)


class VoiceBook:
    """The voices of the engine, and which of them answers to which name."""

    def __init__(self, voices: Sequence[Voice], default: str) -> None:
        self.voices = list(voices)
        known = {voice.id: voice for voice in voices}
        self.default = known.get(default, voices[0])
        self._known = {voice.id.casefold(): voice.id for voice in voices}

    def resolve(self, asked: str) -> str:
        """The id of the voice that speaks for `asked`: itself, one that sounds like it, or the default."""
        name = asked.strip().casefold()
        if name in self._known:
            return self._known[name]
        gender = OPENAI_VOICES.get(name, "unknown")
        if gender in ("unknown", self.default.gender):
            return self.default.id
        return next((voice.id for voice in self.voices if voice.gender == gender), self.default.id)

    def aliases(self) -> dict[str, str]:
        """OpenAI's names to the voices that speak for them."""
        return {name: self.resolve(name) for name in OPENAI_VOICES}
