"""flite: small, quick voices from the system's package, in one process per sentence, which takes about 30 ms."""

import shutil
import tempfile
import unicodedata
import wave
from collections.abc import AsyncGenerator
from typing import IO

import structlog

from viva.errors import EngineUnavailable, StageUnavailable
from viva_tts.bridge import Bridge
from viva_tts.engine import Gender, Pcm, Voice
from viva_tts.settings import TTSSettings

_GENDERS: dict[str, Gender] = {"slt": "female", "rms": "male", "awb": "male", "kal": "male", "kal16": "male"}
# It knows the words of the time of day and no others.
_NOT_FOR_TEXT = "awb_time"
# flite reads ASCII; it makes noise of anything else, quotation marks and dashes first of all.
_ASCII = str.maketrans(
    {
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        "–": "-",
        "—": ", ",
        "…": "...",
        "°": " degrees ",
        "€": " euros ",
        "£": " pounds ",
        "×": " times ",
        "÷": " divided by ",
        "±": " plus or minus ",
        "≤": " at most ",
        "≥": " at least ",
        "µ": "micro",
        "ß": "ss",
        "Æ": "Ae",
        "Ø": "O",
        "Ł": "L",
        "ł": "l",
        "æ": "ae",
        "ø": "o",
        "œ": "oe",
    }
)


class FliteEngine:
    """Runs the flite program."""

    name = "flite"

    def __init__(self, settings: TTSSettings, bridge: Bridge) -> None:
        self._path = settings.flite_path
        self._bridge = bridge
        self.model = "flite"
        self.voices: list[Voice] = []
        self.default_voice = settings.voice or "slt"

    async def start(self) -> None:
        """Asks flite which voices it has."""
        if shutil.which(self._path) is None:
            raise EngineUnavailable(
                f"The tts engine 'flite' needs the program {self._path!r}, which is not installed: "
                "`apt-get install flite` on Debian and Ubuntu, `brew install flite` on macOS."
            )
        listed = await self._bridge.program([self._path, "-lv"])
        _, _, names = listed.stdout.decode("ascii", "replace").partition(":")
        self.voices = [
            Voice(name, "en-US" if name != "awb" else "en-GB", _GENDERS.get(name, "unknown"), "flite")
            for name in names.split()
            if name != _NOT_FOR_TEXT
        ]
        if not self.voices:
            raise EngineUnavailable(f"The program {self._path!r} lists no voices; is it flite?")

    async def close(self) -> None:
        """Nothing is kept open."""

    async def synthesize(self, text: str, voice: str, speed: float, due: float = 0.0) -> AsyncGenerator[Pcm]:
        """The whole sentence at once."""
        words = readable(text)
        if not any(map(str.isalnum, words)):
            return
        # flite opens its input and output by name, which a socket or a pipe does not allow; files without names do,
        # and need no cleaning up, whatever happens. The text is not put on the command line, which others can read.
        with tempfile.TemporaryFile() as text_file, tempfile.TemporaryFile() as sound_file:
            text_file.write(words.encode("ascii"))
            text_file.flush()
            status = await self._speak(voice, speed, text_file, sound_file, due)
            pcm = _samples(sound_file)
        if status != 0 or pcm is None:
            structlog.get_logger().warning("flite failed", exit_status=status, voice=voice)
            raise StageUnavailable("tts", "flite could not speak the sentence; the logs have its exit status.")
        yield pcm

    async def _speak(self, voice: str, speed: float, text_file: IO[bytes], sound_file: IO[bytes], due: float) -> int:
        stretch = f"duration_stretch={1 / speed:.4f}"
        sound = f"/dev/fd/{sound_file.fileno()}"
        arguments = [self._path, "-voice", voice, "--setf", stretch, "-f", "/dev/stdin", "-o", sound]
        return (await self._bridge.program(arguments, text_file, [sound_file.fileno()], due)).status


def readable(text: str) -> str:
    """The text in the characters that flite reads: accents go, letters of other scripts are left out."""
    plain = unicodedata.normalize("NFKD", text.translate(_ASCII))
    return plain.encode("ascii", "ignore").decode()


def _samples(file: IO[bytes]) -> Pcm | None:
    file.seek(0)
    try:
        with wave.open(file, "rb") as sound:
            return Pcm(sound.readframes(sound.getnframes()), sound.getframerate())
    except (wave.Error, EOFError):
        return None
