"""What every engine must do, whichever it is."""

import wave
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from fastapi import FastAPI, Request

from viva_asr.app import create_app
from viva_asr.engine import ENGINES, Choice, Engine, Options, make_engine
from viva_asr.segmenter import Speech
from viva_asr.settings import AsrSettings

from ..loopback import listening

pytestmark = pytest.mark.asyncio(loop_scope="module")

SENTENCE = "the students read the third chapter of the book"


PAUSE = bytes(2 * 3200)
"""The 0.2 s that the segmenter keeps on either side."""


def speech_in(path: Path) -> Speech:
    with wave.open(str(path)) as file:
        return Speech(3.0, PAUSE + file.readframes(file.getnframes()) + PAUSE)


def chat_server() -> FastAPI:
    """A chat model that says what it is given to hear, in the way that such models do."""
    app = FastAPI()

    @app.post("/v1/chat/completions")
    async def complete(request: Request) -> dict:
        body = await request.json()
        audio, text = body["messages"][0]["content"]
        assert audio["type"] == "input_audio"
        assert audio["input_audio"]["format"] == "wav"
        assert text["type"] == "text"
        message = {"role": "assistant", "content": f'The transcription of the audio is: "{SENTENCE}"'}
        return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}

    return app


@pytest_asyncio.fixture(params=sorted(ENGINES), scope="module", loop_scope="module")
async def engine(request: pytest.FixtureRequest, tiny_whisper: Path) -> AsyncIterator[Engine]:
    """Each engine, started: servers are real ones on loopback, the Whisper model is a tiny one."""
    name = request.param
    settings: dict = {"engine": name, "workers": 1, "fake_text": SENTENCE, "whisper_model": tiny_whisper}
    async with AsyncExitStack() as stack:
        if name == "openai":
            app = create_app(AsrSettings(engine="fake", fake_text=SENTENCE))
            settings["openai_url"] = await stack.enter_async_context(listening(app)) + "/v1"
        elif name == "chat":
            settings["chat_url"] = await stack.enter_async_context(listening(chat_server())) + "/v1"
        made = make_engine(AsrSettings(**settings), Choice(name, "the test names it"))
        stack.push_async_callback(made.close)
        await made.start()
        yield made


async def test_it_names_itself_and_its_model(engine: Engine) -> None:
    """An engine says what /status reports."""
    assert engine.name in ENGINES
    assert engine.model


async def test_one_worker_is_reserved_for_questions(engine: Engine) -> None:
    """Every engine has a worker that long recordings cannot occupy, and at least one for them."""
    assert {worker.reserved for worker in engine.workers} == {True, False}


async def test_it_answers_each_stretch_of_a_batch(engine: Engine, speak) -> None:
    """There is one hypothesis per stretch, whose segments have text and lie inside it, in order."""
    speech = speech_in(speak(SENTENCE))
    for worker in engine.workers:
        batch = [speech] * worker.batch_size
        hypotheses = await worker.transcribe(batch, Options(language="en"))
        assert len(hypotheses) == len(batch)
        for hypothesis in hypotheses:
            assert hypothesis.segments
            assert_inside([(s.start_s, s.end_s) for s in hypothesis.segments], speech.duration_s)


async def test_it_hears_what_is_said(engine: Engine, speak) -> None:
    """The text is the sentence that was spoken; a model of random weights is let off."""
    hypothesis = (await engine.workers[0].transcribe([speech_in(speak(SENTENCE))], Options(language="en")))[0]
    text = " ".join(segment.text for segment in hypothesis.segments)
    assert normalised(text) == SENTENCE or engine.name == "whisper"


async def test_it_hears_speech_that_goes_on(engine: Engine, speak) -> None:
    """Asked about the beginning of a sentence again and again it answers; it says whether it should be asked."""
    speech = speech_in(speak(SENTENCE))
    assert isinstance(engine.partials, bool)
    for share in (0.2, 0.4):
        begun = Speech(speech.start_s, speech.pcm[: 2 * round(share * len(speech.pcm) / 2)])
        (hypothesis,) = await engine.workers[-1].transcribe([begun], Options(language="en", partial=True))
        assert_inside([(s.start_s, s.end_s) for s in hypothesis.segments], begun.duration_s)
    await engine.workers[-1].settle()


async def test_words_have_times_in_order(engine: Engine, speak) -> None:
    """Asked for words, an engine that can gives them in order and inside the stretch."""
    speech = speech_in(speak(SENTENCE))
    hypothesis = (await engine.workers[0].transcribe([speech], Options(language="en", words=True)))[0]
    words = [word for segment in hypothesis.segments for word in segment.words]
    assert bool(words) == (engine.name != "chat")
    assert_inside([(word.start_s, word.end_s) for word in words], speech.duration_s)


async def test_it_survives_a_stretch_without_speech(engine: Engine) -> None:
    """Silence, however short, gets an answer, and the next stretch is still recognised."""
    for pcm in (bytes(1600), bytes(32000)):
        assert len(await engine.workers[0].transcribe([Speech(0.0, pcm)], Options(language="en"))) == 1


def normalised(text: str) -> str:
    return text.lower().rstrip(".")


def assert_inside(times: Sequence[tuple[float, float]], duration_s: float) -> None:
    previous = 0.0
    for start_s, end_s in times:
        assert previous - 1e-6 <= start_s <= end_s <= duration_s + 1e-6
        assert type(start_s) is float
        previous = start_s
