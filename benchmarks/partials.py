"""Words while they are spoken: from the start of speech to the first partial, and what that costs the final text.

    python -m benchmarks.partials [--streams 1 30 100] [--seconds 20] [--engine moonshine] [--json OUT.json]

People ask questions at the speed of speech over the asr service's stream, in frames of 100 ms as microphones send them,
and each has the turn that the service finds transcribed over HTTP, as the orchestrator does. The same is done once more
with partials off: what differs in the time of the final text is their price. The time to the first partial counts from
the first sound of the question, which falls anywhere into a frame. A word is wrong that the final text does not have in
the same place.
"""

import argparse
import array
import asyncio
import itertools
import json
import os
import random
import statistics
import tempfile
import time
import wave
from dataclasses import asdict, dataclass, field
from pathlib import Path

import aiohttp

from benchmarks.asr_service import AsrService, running
from benchmarks.cpu_time import cpu_time
from benchmarks.machine import this_machine
from benchmarks.question_set import load_all
from viva.audio import wav_bytes
from viva.samples import SAMPLE_RATE_HZ, VOICES, render

FRAME_S = 0.1
SILENCE_S = 1.5  # after each question; a turn ends after 0.5
LONGEST_S = 30.0
SILENT_BELOW = 60  # of 32,767: flite's silence is softer, its softest consonants are over 100


@dataclass(frozen=True, slots=True)
class Asked:
    """A spoken question, and where in it the first sound is; before that it is silent."""

    pcm: bytes
    speech_at_s: float


@dataclass(slots=True)
class Seen:
    """What the speakers saw, in milliseconds."""

    streams: int
    partials: bool
    utterances: int = 0
    first_partial_ms: list[float] = field(default_factory=list)
    texts: int = 0
    first_words: int = 0
    wrong_first_words: int = 0
    words: int = 0
    wrong_words: int = 0
    final_ms: list[float] = field(default_factory=list)
    failed: int = 0
    cpu_share: float = 0.0  # of one core, of the service and its children
    own_cpu_share: float = 0.0
    others_share: float = 0.0  # of the machine

    def row(self) -> str:
        """One line of the table."""
        heard = per_utterance = wrong = ""
        if self.partials:
            heard = f"{len(self.first_partial_ms)} of {self.utterances}"
            per_utterance = f"{self.texts / max(1, self.utterances):.1f}"
            wrong = f"{self.wrong_first_words} of {self.first_words}, {self.wrong_words} of {self.words}"
        return (
            f"| {self.streams} | {'on' if self.partials else 'off'} | {heard} | {_cuts(self.first_partial_ms)} | "
            f"{_longest(self.first_partial_ms)} | {per_utterance} | {wrong} | {_cuts(self.final_ms)} | "
            f"{self.cpu_share:.2f} | {self.own_cpu_share:.2f} | {self.others_share:.0%} | {self.failed} |"
        )


def _longest(values: list[float]) -> str:
    return f"{max(values):.0f} ms" if values else ""


def _wrong(given: str, final: str) -> int:
    """How many of the words given out the final text does not have in the same place."""
    pairs = itertools.zip_longest(_plain_words(given), _plain_words(final)[: len(given.split())])
    return sum(word != other for word, other in pairs)


def _plain_words(text: str) -> list[str]:
    return [word.strip(".,;:!?").lower() for word in text.split()]


def _cuts(values: list[float]) -> str:
    if not values:
        return ""
    if len(values) == 1:
        return f"{values[0]:.0f} ms"
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return f"{cuts[49]:.0f} / {cuts[94]:.0f} ms"


def questions(count: int) -> list[Asked]:
    """Questions of the lectures, in flite's two voices."""
    texts = [question.ask for lecture in load_all() for question in lecture.answerable[:4]][:count]
    asked = []
    with tempfile.TemporaryDirectory(prefix="viva-bench-") as folder:
        path = Path(folder) / "question.wav"
        for number, text in enumerate(texts):
            render(text, path, voice=VOICES[number % len(VOICES)])
            with wave.open(str(path)) as file:
                pcm = file.readframes(file.getnframes())
            asked.append(Asked(pcm, _first_sound(pcm) / SAMPLE_RATE_HZ))
    return asked


def _first_sound(pcm: bytes) -> int:
    """The first sample that is more than silence."""
    return next(at for at, value in enumerate(array.array("h", pcm)) if abs(value) >= SILENT_BELOW)


class Speaker:
    """One person, who asks one question after another until told to stop."""

    def __init__(self, session: aiohttp.ClientSession, url: str, asked: list[Asked], seen: Seen) -> None:
        self._session = session
        self._url = url
        self._asked = asked
        self._seen = seen
        self._began = 0.0
        self._given: list[str] = []
        self._turn_over = asyncio.Event()

    async def speak(self, until: float) -> None:
        """Speak until this time of the loop's clock."""
        async with self._session.ws_connect(f"{self._url}/v1/audio/stream") as socket:
            await socket.send_json({"type": "start", "rate_hz": SAMPLE_RATE_HZ, "turn_detection": {}})
            listening = asyncio.create_task(self._listen(socket))
            await self._send(socket, bytes(2 * round(random.uniform(0.5, 3) * SAMPLE_RATE_HZ)))
            left: list[Asked] = []
            while time.monotonic() < until:
                if not left:
                    left = random.sample(self._asked, len(self._asked))  # none twice before each was asked
                asked = left.pop()
                self._seen.utterances += 1
                self._given = []
                self._turn_over.clear()
                before = round(random.uniform(0, FRAME_S) * SAMPLE_RATE_HZ)  # where in a frame it begins is chance
                self._began = time.monotonic() + before / SAMPLE_RATE_HZ + asked.speech_at_s
                await self._send(socket, bytes(2 * before) + asked.pcm)
                await self._send(socket, bytes(2 * round(SILENCE_S * SAMPLE_RATE_HZ)))
                await self._final(asked.pcm)
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _send(self, socket: aiohttp.ClientWebSocketResponse, pcm: bytes) -> None:
        """Send in real time: a frame goes out when its last sample has been said."""
        began, size = time.monotonic(), 2 * round(FRAME_S * SAMPLE_RATE_HZ)
        for number, at in enumerate(range(0, len(pcm), size)):
            await asyncio.sleep(began + (number + 1) * FRAME_S - time.monotonic())
            await socket.send_bytes(pcm[at : at + size])

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            heard = message.json()
            if heard["type"] == "error":
                self._seen.failed += 1
            elif heard["type"] == "speech_stopped":
                self._turn_over.set()
            elif heard["type"] == "partial":
                self._seen.texts += 1
                self._given.append(heard["text"])
                if len(self._given) == 1:
                    self._seen.first_partial_ms.append((time.monotonic() - self._began) * 1000)

    async def _final(self, pcm: bytes) -> None:
        try:
            async with asyncio.timeout(LONGEST_S):
                await self._turn_over.wait()
                began = time.monotonic()
                form = aiohttp.FormData({"model": "whisper-1"})
                form.add_field("file", wav_bytes(pcm, SAMPLE_RATE_HZ), filename="q.wav", content_type="audio/wav")
                headers = {"X-Viva-Priority": "interactive"}
                url = f"{self._url}/v1/audio/transcriptions"
                async with self._session.post(url, data=form, headers=headers) as answer:
                    answer.raise_for_status()
                    final = (await answer.json())["text"]
        except (TimeoutError, aiohttp.ClientError):
            self._seen.failed += 1
            return
        self._seen.final_ms.append((time.monotonic() - began) * 1000)
        if self._given:
            first, last = self._given[0], self._given[-1]
            self._seen.first_words += len(first.split())
            self._seen.wrong_first_words += _wrong(first, final)
            self._seen.words += len(last.split())
            self._seen.wrong_words += _wrong(last, final)


async def measure(service: AsrService, streams: int, seconds: float, asked: list[Asked], seen: Seen) -> None:
    """So many people speak for so long."""
    processes = {"service": [service.pid], "own": [os.getpid()]}
    before = cpu_time(processes)
    until = time.monotonic() + seconds
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
        for _ in range(streams):
            group.create_task(Speaker(session, service.url, asked, seen).speak(until))
    used = cpu_time(processes) - before
    seen.cpu_share, seen.own_cpu_share = used.named["service"] / used.at_s, used.named["own"] / used.at_s
    seen.others_share = used.share_of_others()


def main() -> None:
    """Measures and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 30, 100], help="how many people speak at once")
    parser.add_argument("--seconds", type=float, default=20, help="for how long, with partials and again without")
    parser.add_argument("--engine", default="moonshine", help="the recogniser")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    machine = this_machine()
    print(f"{machine}; {options.engine}\n")
    asked = questions(40)
    print("| Speakers | Partials | heard any | first partial p50 / p95 | longest | texts each | ", end="")
    print("wrong: first words, all | final text p50 / p95 | ", end="")
    print("service's CPU | generator's CPU | others' share | errors |")
    print("|---" * 12 + "|")
    found = []
    for streams in options.streams:
        for partials in ("on", "off"):
            with running(options.engine, VIVA_ASR_PARTIALS=partials) as service:
                seen = Seen(streams, partials == "on")
                asyncio.run(measure(service, streams, options.seconds, asked, seen))
            found.append(seen)
            print(seen.row(), flush=True)
    if options.json:
        figures = {"machine": asdict(machine), "seen": [asdict(seen) for seen in found]}
        options.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
