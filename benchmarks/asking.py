"""Asks questions of a stack over HTTP, as a client does, and notes when the first audio came."""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import orjson

from viva.client import VivaClient
from viva.samples import render
from viva.stack.plan import Place, plan
from viva.stack.ports import free_ports
from viva.stack.stack import Stack

READY_S = 120.0
Question = bytes | str  # a recording, or the words


@dataclass(slots=True)
class Seen:
    """What the callers saw; times in milliseconds from the end of the upload."""

    first_audio_ms: list[float] = field(default_factory=list)
    receipts: list[dict] = field(default_factory=list)
    failed: int = 0


async def ask(session: aiohttp.ClientSession, url: str, question: Question, lecture: str, fmt: str, seen: Seen) -> None:
    """One turn, spoken or typed, read to its end."""
    form = aiohttp.FormData({"lecture_id": lecture, "audio_format": fmt})
    if isinstance(question, str):
        form.add_field("question", question, content_type="text/plain")
    else:
        form.add_field("audio", question, filename="q.wav", content_type="audio/wav")
    began, first = time.monotonic(), None
    last = b""
    async with session.post(f"{url}/invoke", data=form) as response:
        async for line in response.content:
            if first is None and line.startswith(b'{"seq":0,'):
                first = (time.monotonic() - began) * 1000
            last = line
    done = orjson.loads(last or b"{}")
    if done.get("type") != "done" or first is None or done["degraded"]:
        seen.failed += 1
        print(f"failed: {last[:300]!r}", file=sys.stderr)
        await asyncio.sleep(1)  # what fails at once must not fill the time
        return
    seen.first_audio_ms.append(first)
    seen.receipts.append(done["receipt"])


@contextmanager
def running_stack(environ: dict[str, str]) -> Iterator[tuple[Stack, str, Path]]:
    """The stack in a folder that is gone afterwards: itself, its URL and the folder."""
    with tempfile.TemporaryDirectory(prefix="viva-bench-") as name:
        place = Place(Path(name), free_ports(1)[0])
        kept = {key: value for key, value in os.environ.items() if not key.startswith("VIVA_")}
        with Stack(plan(place, kept | environ), place.logs) as stack:
            stack.start(READY_S)
            yield stack, place.url, place.folder


def upload(url: str, recording: Path) -> str:
    """The id of a lecture that is ready."""
    with VivaClient(url) as client:
        lecture = client.upload(recording)
        while (found := client.lecture(lecture.lecture_id)).status != "ready":
            if found.status == "failed":
                raise SystemExit(f"the lecture failed: {found.error}")
            time.sleep(0.2)
        return found.lecture_id


def spoken(text: str, folder: Path) -> bytes:
    """A question as a WAV file."""
    render(text, folder / "question.wav")
    return (folder / "question.wav").read_bytes()


def receipt_p50(seen: Seen) -> dict[str, float]:
    """The median of each figure of the receipts, in milliseconds."""
    names = (
        "asr_ms",
        "recall_ms",
        "llm_first_token_ms",
        "first_sentence_ms",
        "tts_first_audio_ms",
        "first_audio_ms",
    )
    first = seen.receipts[0]
    return {
        name: statistics.median(receipt[name] for receipt in seen.receipts) for name in names if first[name] is not None
    }
