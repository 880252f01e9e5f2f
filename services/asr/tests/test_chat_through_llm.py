"""Transcription by a model that hears, asked through the real llm service as a team would run it."""

import base64
import io
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import orjson
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from viva_asr.app import create_app
from viva_asr.settings import AsrSettings
from viva_llm.app import create_app as create_llm
from viva_llm.settings import LLMSettings

from .loopback import listening

RATE_HZ = 16_000
MAX_SEGMENT_S = 12
SENTENCES = ("the students read the third chapter", "the night was quiet and cold", "they came back in the morning")


class HearingModel:
    """A model server that answers each recording with a sentence, and remembers how long it was."""

    def __init__(self) -> None:
        self.heard_s: list[float] = []
        self.app = FastAPI()
        self.app.get("/v1/models")(self.models)
        self.app.post("/v1/chat/completions")(self.complete)

    async def models(self) -> dict:
        """The list from which the router learns the model."""
        return {"object": "list", "data": [{"id": "Qwen/Qwen2.5-Omni-3B", "object": "model"}]}

    async def complete(self, request: Request) -> StreamingResponse:
        """Streams, as the router always asks."""
        audio, _ = (await request.json())["messages"][0]["content"]
        with wave.open(io.BytesIO(base64.b64decode(audio["input_audio"]["data"]))) as file:
            self.heard_s.append(file.getnframes() / file.getframerate())
        said = f"The transcription of the audio is: {SENTENCES[0]}"

        async def stream() -> AsyncIterator[bytes]:
            for delta, reason in (({"content": said}, None), ({}, "stop")):
                choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
                yield b"data: " + orjson.dumps({"choices": choices}) + b"\n\n"
            yield b"data: [DONE]\n\n"

        return StreamingResponse(stream(), media_type="text/event-stream")


def recording_of(speech: Path, path: Path, seconds: int) -> Path:
    """The same speech again and again, for so long."""
    with wave.open(str(speech)) as file:
        once = file.readframes(file.getnframes()) + bytes(2 * RATE_HZ)
    size = seconds * RATE_HZ * 2
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframesraw((once * (size // len(once) + 1))[:size])
    return path


async def test_without_a_model_the_default_alias_hears(speak, tmp_path: Path) -> None:
    """Whatever the aliases of the llm stage are called, a chat engine that names no model is answered; one that names
    what is not there is told which settings to look at."""
    model = HearingModel()
    recording = speak(SENTENCES[0]).read_bytes()
    async with listening(model.app) as model_url:
        routes = tmp_path / "routes.yaml"
        routes.write_text(f"backends: {{omni: {{url: '{model_url}/v1'}}}}\naliases: {{hears: [{{backend: omni}}]}}\n")
        async with listening(create_llm(LLMSettings(routes_file=routes))) as llm_url:
            for chat_model, status in (("", 200), ("default", 503)):
                settings = AsrSettings(engine="chat", chat_url=f"{llm_url}/v1", chat_model=chat_model)
                async with listening(create_app(settings)) as url, httpx.AsyncClient(timeout=60) as client:
                    files = {"file": ("a.wav", recording)}
                    answer = await client.post(f"{url}/v1/audio/transcriptions", files=files)
                assert answer.status_code == status, answer.text
    assert "VIVA_ASR_CHAT_MODEL" in answer.json()["error"]["message"]


@pytest.mark.parametrize("seconds", [30, 300])
async def test_a_long_recording_is_heard_to_its_end_in_short_stretches(speak, tmp_path: Path, seconds: int) -> None:
    """Five minutes reach the model as thirty seconds do: in stretches that it can hear, none left out."""
    model = HearingModel()
    recording = recording_of(speak(*SENTENCES), tmp_path / "long.wav", seconds)
    async with listening(model.app) as model_url:
        llm = create_llm(LLMSettings(backends=f"openai:{model_url}/v1, extractive"))
        async with listening(llm) as llm_url:
            asr = create_app(AsrSettings(engine="chat", chat_url=f"{llm_url}/v1", max_segment_s=MAX_SEGMENT_S))
            async with listening(asr) as url, httpx.AsyncClient(base_url=url, timeout=120) as client:
                answer = await client.post(
                    "/v1/audio/transcriptions",
                    files={"file": ("lecture.wav", recording.read_bytes())},
                    data={"response_format": "verbose_json"},
                )
    assert answer.status_code == 200, answer.text
    segments = answer.json()["segments"]
    assert {segment["text"].strip() for segment in segments} == {SENTENCES[0]}
    assert len(segments) == len(model.heard_s)
    assert max(model.heard_s) <= MAX_SEGMENT_S + 1
    # Speech stands everywhere in it, so no stretch of it is without a segment.
    ends = [0.0, *(segment["end"] for segment in segments)]
    starts = [*(segment["start"] for segment in segments), float(seconds)]
    assert max(start - end for end, start in zip(ends, starts, strict=True)) < 4
