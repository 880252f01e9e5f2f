"""LiveKit's plugin: its RealtimeSession by itself, and an AgentSession with a microphone and a speaker of ours.

Raw events of the server are facts too: the session hands them out as `openai_server_event_received`.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from livekit import rtc
from livekit.agents import Agent, AgentSession, llm
from livekit.agents.voice import io
from livekit.plugins.openai.realtime import RealtimeModel
from report import PLAYED_S, RATE_HZ, chunks, main, microphone, say, sound, told_to_go_on

Session = object


def frame_of(chunk: bytes) -> rtc.AudioFrame:
    return rtc.AudioFrame(chunk, RATE_HZ, 1, len(chunk) // 2)


def shown(context: llm.ChatContext) -> list[dict]:
    """The messages of a conversation: id, who, what."""
    messages = [item for item in context.items if item.type == "message"]
    return [{"id": item.id, "role": item.role, "text": item.text_content} for item in messages]


def note(event: dict) -> None:
    """Prints an event of the server, without its audio."""
    say("event", event={**event, "delta": None} if event["type"] == "response.output_audio.delta" else event)


@asynccontextmanager
async def connected(url: str, **options) -> AsyncIterator[llm.RealtimeSession]:
    """The session of the model, as an AgentSession uses it."""
    model = RealtimeModel(api_key="none", base_url=url, **options)
    session = model.session()
    session.on("openai_server_event_received", note)
    session.on("error", lambda event: say("error", message=str(event.error), recoverable=event.recoverable))
    session.on("session_reconnected", lambda _: say("reconnected"))
    try:
        yield session
    finally:
        await session.aclose()
        await model.aclose()


async def read(generation: llm.GenerationCreatedEvent) -> None:
    """An answer's text and audio, to its end."""
    async for message in generation.message_stream:

        async def text_of(stream=message.text_stream) -> str:
            return "".join([str(piece) async for piece in stream])

        async def sound_of(stream=message.audio_stream) -> bytes:
            return b"".join([bytes(frame.data) async for frame in stream])

        text, pcm = await asyncio.gather(text_of(), sound_of())
        modalities = await message.modalities
        say("answer", id=message.message_id, text=text, modalities=modalities, **sound(pcm))


async def say_context(session: llm.RealtimeSession) -> None:
    """What the plugin believes was said so far."""
    say("context", messages=shown(session.chat_ctx))


def asked(session: llm.RealtimeSession, question: str) -> llm.ChatContext:
    """The conversation with one more question."""
    context = session.chat_ctx.copy()
    context.add_message(role="user", content=question)
    return context


async def typed(url: str, questions: list[str], modality: str) -> None:
    """Questions, each put into the conversation, and `generate_reply`."""
    modalities = ["text"] if modality == "text" else ["text", "audio"]
    async with connected(url, turn_detection=None, modalities=modalities) as session:
        for question in questions:
            await session.update_chat_ctx(asked(session, question))
            await read(await session.generate_reply())
        await say_context(session)


async def replayed(url: str, history: list[dict], question: str) -> None:
    """A conversation that was held elsewhere, and a question that goes on with it."""
    async with connected(url, turn_detection=None) as session:
        context = llm.ChatContext([llm.ChatMessage(id=m["id"], role=m["role"], content=[m["text"]]) for m in history])
        await session.update_chat_ctx(context)
        await session.update_chat_ctx(asked(session, question))
        await read(await session.generate_reply())
        await say_context(session)


async def spoken(url: str, recording: str) -> None:
    """Push-to-talk: what was said is committed, then a reply is asked for."""
    async with connected(url, turn_detection=None) as session:
        session.on("input_audio_transcription_completed", heard)
        for chunk in chunks(recording):
            session.push_audio(frame_of(chunk))
        session.commit_audio()
        await read(await session.generate_reply())
        await say_context(session)


def heard(event: llm.InputTranscriptionCompleted) -> None:
    say("heard", text=event.transcript, final=event.is_final)


async def reconnected(url: str, first: str, second: str) -> None:
    """A question, a connection that is lost, and a question that goes on with the first."""
    async with connected(url, turn_detection=None) as session:
        back = asyncio.Event()
        session.on("session_reconnected", lambda _: back.set())
        await session.update_chat_ctx(asked(session, first))
        await read(await session.generate_reply())
        await say_context(session)
        context = asked(session, second)
        say("ready")
        await told_to_go_on()
        await back.wait()
        # What was replayed may not be confirmed yet: then its items are created a second time.
        await session.update_chat_ctx(context)
        await read(await session.generate_reply())
        await say_context(session)


class Microphone(io.AudioInput):
    """Gives what it is told to hear, and nothing in between."""

    def __init__(self) -> None:
        super().__init__(label="microphone")
        self._frames: asyncio.Queue[rtc.AudioFrame] = asyncio.Queue()

    async def __anext__(self) -> rtc.AudioFrame:
        return await self._frames.get()

    async def hear(self, recording: str) -> None:
        async for chunk in microphone(recording, silence_s=2.0):
            self._frames.put_nowait(frame_of(chunk))


class Speaker(io.AudioOutput):
    """Plays in real time, to nobody, and knows how far it got."""

    def __init__(self) -> None:
        super().__init__(label="speaker", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=RATE_HZ)
        self.playing = asyncio.Event()
        self._began = self._pushed_s = 0.0
        self._ending: asyncio.Task[None] | None = None

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if not self._pushed_s:
            self._began = time.time()
            self.on_playback_started(created_at=self._began)
            self.playing.set()
        self._pushed_s += frame.duration

    def flush(self) -> None:
        super().flush()
        if self._pushed_s and self._ending is None:
            self._ending = asyncio.create_task(self._play_out())

    async def _play_out(self) -> None:
        await asyncio.sleep(max(0.0, self._began + self._pushed_s - time.time()))
        self._finish(self._pushed_s, interrupted=False)

    def clear_buffer(self) -> None:
        if self._pushed_s:
            if self._ending:
                self._ending.cancel()
            self._finish(min(self._pushed_s, time.time() - self._began), interrupted=True)

    def _finish(self, position_s: float, *, interrupted: bool) -> None:
        self._pushed_s, self._ending = 0.0, None
        self.playing.clear()
        say("played", seconds=position_s, interrupted=interrupted)
        self.on_playback_finished(playback_position=position_s, interrupted=interrupted)


@asynccontextmanager
async def agent(url: str) -> AsyncIterator[tuple[AgentSession, Microphone, Speaker]]:
    """A voice agent as LiveKit's documents show it, without a room: the server detects turns."""
    model = RealtimeModel(api_key="none", base_url=url)
    # There is no echo to be cancelled here, and no need to be deaf until the canceller has warmed up.
    turns = {"turn_detection": "realtime_llm"}
    session = AgentSession(llm=model, vad=None, turn_handling=turns, aec_warmup_duration=None)
    ears, mouth = Microphone(), Speaker()
    session.input.audio, session.output.audio = ears, mouth
    session.on("user_input_transcribed", lambda event: say("heard", text=event.transcript, final=event.is_final))
    session.on("error", lambda event: say("error", message=str(event.error), recoverable=event.error.recoverable))
    await session.start(Agent(instructions="Answer briefly."))
    try:
        yield session, ears, mouth
    finally:
        await session.aclose()
        await model.aclose()


class Answers:
    """The agent's answers as they become part of its history, which is when they have been said or cut off."""

    def __init__(self, session: AgentSession) -> None:
        self._said: asyncio.Queue[llm.ChatMessage] = asyncio.Queue()
        session.on("conversation_item_added", lambda event: self._note(event.item))

    def _note(self, item: llm.ChatItem) -> None:
        if item.type == "message":
            say("item", id=item.id, role=item.role, text=item.text_content, interrupted=item.interrupted)
            if item.role == "assistant":
                self._said.put_nowait(item)

    async def next(self) -> llm.ChatMessage:
        return await self._said.get()


async def conversed(url: str, recordings: list[str]) -> None:
    """An agent that is spoken to, and has said its answer to the end before it is spoken to again."""
    async with agent(url) as (session, ears, _):
        answers = Answers(session)
        for recording in recordings:
            await ears.hear(recording)
            await answers.next()


async def interrupted(url: str, question: str, recording: str) -> None:
    """An agent that is spoken to while it speaks."""
    async with agent(url) as (session, ears, mouth):
        answers = Answers(session)
        session.generate_reply(user_input=question)
        await mouth.playing.wait()
        await asyncio.sleep(PLAYED_S)
        await ears.hear(recording)
        await answers.next()
        await answers.next()


Scenario = Callable[..., Awaitable[None]]
SCENARIOS: dict[str, Scenario] = {
    "typed": typed,
    "spoken": spoken,
    "replayed": replayed,
    "reconnected": reconnected,
    "conversed": conversed,
    "interrupted": interrupted,
}

if __name__ == "__main__":
    main(SCENARIOS)
