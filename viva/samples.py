"""Sample recordings, spoken by flite from texts of one sentence a line, with the exact seconds of every line."""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import wave
from array import array
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from viva.errors import EngineUnavailable, InvalidRequest, VivaError

SAMPLE_RATE_HZ = 16_000
VOICES = ("rms", "slt")  # the two of flite's own voices that speak at 16 kHz and that recognisers understand

LINE_PAUSE_S = 0.4  # over the 250 ms at which speech detection cuts, as between a lecturer's sentences
PARAGRAPH_PAUSE_S = 0.8
EDGE_PAUSE_S = 0.3

_SILENT_BELOW = 60  # of 32,767: flite's own padding stays under 20, its softest consonants are over 100
_KEPT_AROUND_SPEECH_S = 0.02
_LONGEST_LINE_S = 20.0  # of computing, not of speech: a line takes flite about 30 ms
_REVISION = "1"  # raised when the same text begins to sound different: what is cached is made anew


@dataclass(frozen=True, slots=True)
class TextLine:
    """A sentence of a text."""

    number: int  # in the file, from 1, blank lines counted: what an editor shows
    text: str
    opens_paragraph: bool


@dataclass(frozen=True, slots=True)
class SpokenLine:
    """A sentence as it is heard in a rendering."""

    number: int  # as in TextLine
    start: float  # seconds of the recording
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Rendering:
    """What was written, and when each line is heard in it."""

    voice: str
    duration_s: float
    lines: tuple[SpokenLine, ...]


def read_lines(text: str) -> list[TextLine]:
    """The sentences of `text`, one a line; a blank line starts a paragraph."""
    lines: list[TextLine] = []
    after_blank = False
    for number, raw in enumerate(text.splitlines(), start=1):
        if sentence := raw.strip():
            lines.append(TextLine(number, sentence, opens_paragraph=after_blank and bool(lines)))
        after_blank = not sentence
    return lines


def render(text: str, path: Path, *, voice: str = VOICES[0]) -> Rendering:
    """Speaks `text` into `path` as a 16 kHz mono WAV; takes about a second per minute of speech.

    Raises EngineUnavailable where flite is missing or fails, InvalidRequest for a text without words or an
    unknown voice.
    """
    lines = read_lines(text)
    if not lines:
        raise InvalidRequest("There is nothing to speak: the text has no words.", param="text")
    if voice not in VOICES:
        raise InvalidRequest(f"No sample voice {voice!r}: choose {' or '.join(VOICES)}.", param="voice")
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:  # each thread only waits for its own flite
        clips = list(pool.map(lambda line: _speak(line.text, voice), lines))
    samples, spoken = _join(lines, clips)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(samples.tobytes())
    return Rendering(voice, len(samples) / SAMPLE_RATE_HZ, tuple(spoken))


def cached(text: str, folder: Path, *, voice: str = VOICES[0]) -> tuple[Path, Rendering]:
    """As `render`, into a file of `folder` named after its content, unless it is there already."""
    key = "\n".join((_REVISION, voice, text))
    stem = hashlib.sha256(key.encode()).hexdigest()[:16]
    audio, times = folder / f"{stem}.wav", folder / f"{stem}.json"
    if audio.exists() and times.exists():
        return audio, _read_times(times)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:  # another may render too: whole files or none
        rendering = render(text, Path(scratch, audio.name), voice=voice)
        Path(scratch, times.name).write_text(_times_json(rendering))
        Path(scratch, audio.name).replace(audio)
        Path(scratch, times.name).replace(times)
    return audio, rendering


def _speak(sentence: str, voice: str) -> array:
    """The samples of one sentence, with flite's silence around it cut off."""
    flite = shutil.which("flite")
    if flite is None:
        raise EngineUnavailable(
            "The samples are spoken by flite, which is not installed: "
            "apt-get install flite (Debian, Ubuntu) or brew install flite (macOS)."
        )
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        command = [flite, "-voice", voice, "-t", sentence, "-o", file.name]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_LONGEST_LINE_S)
            samples = _read_samples(file.name)
        except (subprocess.SubprocessError, OSError, EOFError, wave.Error) as error:
            raise EngineUnavailable(f"flite could not speak {sentence!r}.") from error
    return _without_silence(samples)


def _read_samples(path: str) -> array:
    with wave.open(path) as file:
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (SAMPLE_RATE_HZ, 1, 2):
            raise EngineUnavailable(f"flite did not write 16-bit mono at {SAMPLE_RATE_HZ} Hz.")
        samples = array("h", file.readframes(file.getnframes()))
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def _without_silence(samples: array) -> array:
    loud = (at for at, value in enumerate(samples) if abs(value) >= _SILENT_BELOW)
    first = next(loud, None)
    if first is None:
        return array("h")
    last = next(at for at in range(len(samples) - 1, -1, -1) if abs(samples[at]) >= _SILENT_BELOW)
    kept = round(_KEPT_AROUND_SPEECH_S * SAMPLE_RATE_HZ)
    return samples[max(0, first - kept) : last + 1 + kept]


def _join(lines: Sequence[TextLine], clips: Sequence[array]) -> tuple[array, list[SpokenLine]]:
    samples = _silence(EDGE_PAUSE_S)
    spoken: list[SpokenLine] = []
    for line, clip in zip(lines, clips, strict=True):
        if spoken:
            samples.extend(_silence(PARAGRAPH_PAUSE_S if line.opens_paragraph else LINE_PAUSE_S))
        start = len(samples) / SAMPLE_RATE_HZ
        samples.extend(clip)
        spoken.append(SpokenLine(line.number, start, len(samples) / SAMPLE_RATE_HZ, line.text))
    samples.extend(_silence(EDGE_PAUSE_S))
    return samples, spoken


def _silence(seconds: float) -> array:
    return array("h", bytes(2 * round(seconds * SAMPLE_RATE_HZ)))


def _times_json(rendering: Rendering) -> str:
    return json.dumps(asdict(rendering), indent=1) + "\n"


def _read_times(path: Path) -> Rendering:
    times = json.loads(path.read_text())
    lines = tuple(SpokenLine(**line) for line in times["lines"])
    return Rendering(times["voice"], times["duration_s"], lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m viva.samples TEXT OUT.wav [--times OUT.json] [--voice slt]`; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m viva.samples", description=__doc__)
    parser.add_argument("text", type=Path, help="a text file, one sentence a line")
    parser.add_argument("out", type=Path, help="the WAV file to write")
    parser.add_argument("--times", type=Path, help="a JSON file to write the seconds of every line to")
    parser.add_argument("--voice", choices=VOICES, default=VOICES[0])
    options = parser.parse_args(arguments)
    try:
        rendering = render(options.text.read_text(), options.out, voice=options.voice)
        if options.times:
            options.times.write_text(_times_json(rendering))
    except (VivaError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.out}: {len(rendering.lines)} lines, {rendering.duration_s:.1f} s by {rendering.voice}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
