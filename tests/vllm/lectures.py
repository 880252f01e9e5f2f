"""Finished lectures, put where the orchestrator keeps them: nobody has to recognise hours of speech for these tests."""

import asyncio
import time
from itertools import cycle, islice
from pathlib import Path

from viva.audio.wav import wav_bytes
from viva.passages import Segment
from viva_orchestrator.lectures.archive import Archive, dump_segments, key_of
from viva_orchestrator.lectures.model import SAMPLE_RATE_HZ, Lecture, new_lecture_id
from viva_orchestrator.objects import ObjectStore

WORDS_PER_MINUTE = 150
WORDS_PER_SEGMENT = 14
_TEXTS = Path(__file__).parents[2] / "benchmarks" / "lectures"


def words_from(start: int, count: int) -> list[str]:
    """So many words of the repository's lectures, beginning at the word `start`."""
    words = [word for path in sorted(_TEXTS.glob("*.txt")) for word in path.read_text().split()]
    return list(islice(cycle(words), start, start + count))


def segments_of(words: list[str]) -> list[Segment]:
    """As a recogniser gives them."""
    length_s = 60 * WORDS_PER_SEGMENT / WORDS_PER_MINUTE
    parts = [words[place : place + WORDS_PER_SEGMENT] for place in range(0, len(words), WORDS_PER_SEGMENT)]
    return [Segment(n * length_s, (n + 1) * length_s - 0.2, " ".join(part)) for n, part in enumerate(parts)]


class Lectures:
    """Adds lectures to the object store in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._added = 0

    def add(self, minutes: float, pcm: bytes = b"") -> str:
        """The id of a new lecture, whose text begins where no other one's does; `pcm` is its recording."""
        lecture_id = new_lecture_id()
        self._added += 1
        segments = segments_of(words_from(97 * self._added, round(minutes * WORDS_PER_MINUTE)))
        asyncio.run(self._write(lecture_id, segments, minutes * 60, pcm))
        return lecture_id

    async def _write(self, lecture_id: str, segments: list[Segment], duration_s: float, pcm: bytes) -> None:
        objects = ObjectStore.open(str(self._folder))
        archive = Archive(objects)
        lecture = Lecture(lecture_id, f"Lecture {self._added}", time.time(), duration_s)
        await objects.put(key_of(lecture_id, "audio.wav"), wav_bytes(pcm, SAMPLE_RATE_HZ))
        await archive.write_transcript(lecture, dump_segments(segments))
        await archive.write_lecture(lecture)
