"""The spoken answer as one file: the sentences come one by one, each playable by itself."""

import base64
import io
import os
import wave
from pathlib import Path

from viva.errors import InvalidRequest, VivaError
from viva.events import Audio, AudioFormat

_FORMATS: dict[str, AudioFormat] = {
    ".mp3": "mp3",
    ".opus": "opus",
    ".ogg": "opus",
    ".aac": "aac",
    ".wav": "wav",
    ".pcm": "pcm",
}


def format_of(path: Path) -> AudioFormat:
    """The format to ask for, by the file's ending. Raises InvalidRequest for one that cannot be joined."""
    found = _FORMATS.get(path.suffix.lower())
    if found is None:
        raise InvalidRequest(
            f"An answer cannot be saved as {path.name!r}: the name has to end in {', '.join(_FORMATS)}.",
            param="save",
        )
    return found


class SaveFailed(VivaError):
    """The file cannot be written."""

    default_code = "save_failed"

    def __init__(self, path: Path) -> None:
        super().__init__(f"The answer cannot be saved as {path}: that place cannot be written to.")


def require_writable(path: Path) -> None:
    """Raises SaveFailed when a file at `path` could not be written, without writing one."""
    try:
        there = next(place for place in (path, *path.absolute().parents) if place.exists())
    except OSError as error:  # a folder that may not be looked into, a name that is too long
        raise SaveFailed(path) from error
    fits = there.is_file() if there == path else there.is_dir()
    if not fits or not os.access(there, os.W_OK):
        raise SaveFailed(path)


class Recording:
    """Collects the audio of one turn and writes it as one file.

    MP3 and AAC frames, Ogg streams and raw samples may simply follow each other. WAV files may not: their samples
    are put under one header.
    """

    def __init__(self) -> None:
        self._sentences: list[bytes] = []
        self._format: AudioFormat | None = None

    def __bool__(self) -> bool:
        return bool(self._sentences)

    def add(self, audio: Audio) -> None:
        """Takes the next sentence."""
        self._format = audio.format
        self._sentences.append(base64.b64decode(audio.data))

    def save(self, path: Path) -> Path:
        """Writes the file, making its folder if need be, and returns its path. Raises SaveFailed."""
        data = join_wav(self._sentences) if self._format == "wav" else b"".join(self._sentences)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except OSError as error:
            raise SaveFailed(path) from error
        return path


def join_wav(files: list[bytes]) -> bytes:
    """One WAV file with the samples of all; they have to be alike in rate, width and channels.

    A header's own count of samples is not believed: speech that is streamed has one that means "until the end".
    """
    joined = io.BytesIO()
    with wave.open(joined, "wb") as out:
        for number, data in enumerate(files):
            with wave.open(io.BytesIO(data)) as sentence:
                if number == 0:
                    out.setparams(sentence.getparams()._replace(nframes=0))
                out.writeframes(sentence.readframes(len(data)))
    return joined.getvalue()
