"""What the recogniser makes of a text that is spoken to it, kept in a folder so that it is done once."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from benchmarks.asr_service import AsrService
from viva.passages import Passage, Segment, number_passages
from viva.samples import Rendering, cached


class RecognisedSpeech:
    """Speaks texts with one voice and has them recognised; `service` is asked for only when something is new."""

    def __init__(self, folder: Path, voice: str, engine: str, service: Callable[[], AsrService]) -> None:
        self._folder = folder
        self._voice = voice
        self._engine = engine
        self._service = service

    def lecture(self, text: str) -> tuple[Rendering, list[Passage]]:
        """When each line is spoken, and the passages as the orchestrator numbers them."""
        recording, rendering = cached(text, self._folder, voice=self._voice)
        segments = [Segment(s["start"], s["end"], s["text"]) for s in self._transcript(recording)["segments"]]
        return rendering, number_passages(segments)

    def question(self, text: str) -> str:
        """The question as it is heard."""
        recording, _ = cached(text, self._folder, voice=self._voice)
        return self._transcript(recording)["text"]

    def _transcript(self, recording: Path) -> dict:
        key = hashlib.sha256(recording.read_bytes()).hexdigest()[:16]
        kept = self._folder / f"{key}-{self._engine}.json"
        if not kept.exists():
            kept.write_text(json.dumps(self._service().transcribe(recording)))
        return json.loads(kept.read_text())
