"""A stack of fakes whose spans are collected, and turns of every kind on it."""

from __future__ import annotations

import asyncio
import base64
import json
import time
import uuid
import wave
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import httpx
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain
from prometheus_client.samples import Sample

from viva.audio.encode import Encoder
from viva.client import VivaClient
from viva.stack.stack import Stack

from .collector import Collector, SeenSpan

SERVICES = ("orchestrator", "asr", "llm", "tts")
PATIENCE_S = 90.0
# Long against what a busy machine adds between two clocks, short enough for a test.
ENVIRONMENT = {
    "VIVA_ASR_ENGINE": "fake",
    "VIVA_ASR_FAKE_LATENCY_MS": "150",
    "VIVA_LLM_BACKENDS": "fake",
    "VIVA_LLM_FAKE_FIRST_TOKEN_MS": "120",
    "VIVA_LLM_FAKE_TOKENS_PER_S": "200",
    "VIVA_LLM_FAKE_TEXT": "This is a fake answer. It cites the first passage [1].",
    "VIVA_TTS_ENGINE": "fake",
    "VIVA_TTS_FAKE_FIRST_BYTE_MS": "90",
    "VIVA_LOG_FORMAT": "json",
    "OTEL_BSP_SCHEDULE_DELAY": "100",
    "OTEL_TRACES_SAMPLER": "parentbased_always_on",
}


@dataclass
class Asked:
    """What was asked of the stack, and the ids that came up."""

    stack: Stack
    collector: Collector
    lecture_id: str = ""
    receipts: dict[str, list[dict]] = field(default_factory=dict)  # by transport
    turns: list[str] = field(default_factory=list)
    typed: set[str] = field(default_factory=set)  # those of the turns that nobody spoke
    ids: set[str] = field(default_factory=set)
    _pages: dict[tuple[str, bool], list[Sample]] = field(default_factory=dict)

    def url(self, service: str = "orchestrator") -> str:
        return self.stack[service].part.url

    def upload(self, recording: Path) -> None:
        with VivaClient(self.url()) as client:
            *_, last = client.follow(client.upload(recording).lecture_id)
        assert last.status == "ready"
        self.lecture_id = last.lecture_id
        self.ids.add(last.lecture_id)

    def ask(self, path: str, recording: Path | None, **headers: str) -> None:
        """One question over HTTP, typed where there is no recording."""
        fields = {"lecture_id": self.lecture_id, "audio_format": "opus"}
        about = (
            {"data": fields, "files": {"audio": recording.read_bytes()}}
            if recording
            else {"json": {**fields, "question": "Who made it?"}}
        )
        response = httpx.post(self.url() + path, headers=headers, timeout=PATIENCE_S, **about)
        lines = [line.removeprefix("data: ") for line in response.text.splitlines() if "{" in line]
        done = json.loads(lines[-1])
        assert done["type"] == "done", done
        self._note({"/invoke": "json_lines", "/chat": "sse"}[path], done, done["receipt"])
        self.typed |= set() if recording else {done["turn_id"]}
        self.ids.add(response.headers["X-Request-ID"])

    async def talk(self, recording: Path) -> None:
        """One question over the Realtime WebSocket, committed by hand."""
        async with aiohttp.ClientSession() as session, asyncio.timeout(PATIENCE_S):
            url = f"{self.url()}/v1/realtime?lecture_id={self.lecture_id}"
            async with session.ws_connect(url) as socket:
                audio = base64.b64encode(_samples(recording)).decode()
                for event in (
                    {"type": "session.update", "session": {"audio": {"input": {"turn_detection": None}}}},
                    {"type": "input_audio_buffer.append", "audio": audio},
                    {"type": "input_audio_buffer.commit"},
                    {"type": "response.create"},
                ):
                    await socket.send_str(json.dumps(event))
                while (event := await socket.receive_json())["type"] != "response.done":
                    assert event["type"] != "error", event
        told = event["response"]["viva"]
        self.ids |= {event["response"]["id"], event["response"]["conversation_id"].removeprefix("conv_")}
        self._note("realtime", told, told["receipt"])

    def refused(self) -> None:
        """What goes wrong, with ids in every place that one can stand in."""
        unknown = f"lec_{uuid.uuid4().hex}"
        session = f"ses_{uuid.uuid4().hex}"
        self.ids |= {unknown, session}
        client = httpx.Client(base_url=self.url(), timeout=PATIENCE_S)
        with client:
            assert client.get(f"/v1/lectures/{unknown}").status_code == 404
            assert client.get(f"/{unknown}/{session}").status_code == 404
            assert client.get(f"/v1/sessions/{session}").status_code == 404
            for question in ({"lecture_id": unknown}, {"session_id": session, "lecture_id": self.lecture_id}):
                assert client.post("/invoke", json={"question": "Who?", **question}).status_code == 404
            assert client.request("PROPFIND", "/invoke").status_code == 405

    def spans(self, trace_id: str) -> list[SeenSpan]:
        """The spans of one trace, whose root is here."""
        found = self.collector.wait_for(
            lambda spans: any(span.trace_id == trace_id and not span.parent_id for span in spans)
        )
        return [span for span in found if span.trace_id == trace_id]

    def turn(self, turn_id: str) -> list[SeenSpan]:
        """The whole trace of a turn, the root first."""

        expected = {f"viva-{service}" for service in SERVICES if service != "asr" or turn_id not in self.typed}

        def whole(spans: list[SeenSpan]) -> bool:
            roots = [span for span in spans if span.attributes.get("viva.turn_id") == turn_id]
            return bool(roots) and expected <= {span.service for span in spans if span.trace_id == roots[0].trace_id}

        spans = self.collector.wait_for(whole)
        (root,) = [span for span in spans if span.attributes.get("viva.turn_id") == turn_id]
        return [root, *(span for span in self.spans(root.trace_id) if span is not root)]

    def settle(self) -> None:
        """Waits until the last turn is counted, a moment after its client has its end; later pages are all the same."""
        deadline = time.monotonic() + PATIENCE_S
        while self.metric("viva_turns_total", outcome="done") < len(self.turns):
            assert time.monotonic() < deadline, "a turn was not counted"
            self._pages.clear()

    def samples(self, service: str = "orchestrator", *, exemplars: bool = False) -> list[Sample]:
        """The samples on a service's page of metrics."""
        key = (service, exemplars)
        if key not in self._pages:
            accept = "application/openmetrics-text; version=1.0.0" if exemplars else "text/plain"
            response = httpx.get(self.url(service) + "/metrics", headers={"Accept": accept}, timeout=PATIENCE_S)
            assert response.headers["content-type"].startswith(accept.partition(";")[0])
            families = (openmetrics if exemplars else plain)(response.text)
            self._pages[key] = [sample for family in families for sample in family.samples]
        return self._pages[key]

    def metric(self, name: str, service: str = "orchestrator", **labels: str) -> float:
        """The sum of the samples with this name and these labels."""
        found = [s.value for s in self.samples(service) if s.name == name and labels.items() <= s.labels.items()]
        assert found, (name, labels)
        return sum(found)

    def log(self, service: str) -> list[dict]:
        """The lines that a service has logged."""
        lines = self.stack[service].last_lines(10_000)
        return [json.loads(line) for line in lines if line.startswith("{")]

    def _note(self, transport: str, told: dict, receipt: dict) -> None:
        self.receipts.setdefault(transport, []).append(receipt)
        self.turns.append(told["turn_id"])
        self.ids |= {told["turn_id"], told["session_id"]} if "session_id" in told else {told["turn_id"]}


def _samples(recording: Path) -> bytes:
    with wave.open(str(recording)) as file:
        encoder = Encoder("pcm", file.getframerate(), 24_000)
        return encoder.feed(file.readframes(file.getnframes())) + encoder.flush()
