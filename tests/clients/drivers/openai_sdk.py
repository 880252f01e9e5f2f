"""Talks with the official SDK: `client.realtime.connect`. Every event of the server is a fact."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from openai import AsyncOpenAI
from report import main, microphone, say, sound, told_to_go_on

Query = dict[str, str]


class Talk:
    """A connection whose events are printed as they come; audio as its amount and loudness."""

    def __init__(self, connection) -> None:
        self.connection = connection
        self.session_id = ""
        self.audio: dict[str, bytes] = {}  # of each item
        self._seen: asyncio.Queue[dict] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for event in self.connection:
            self._note(event.to_dict(mode="json"))

    def _note(self, event: dict) -> None:
        if event["type"] == "session.created":
            self.session_id = event["session"]["id"]
        if event["type"] == "response.output_audio.delta":
            pcm = base64.b64decode(event.pop("delta"))
            self.audio[event["item_id"]] = self.audio.get(event["item_id"], b"") + pcm
            event |= sound(pcm)
        say("event", event=event)
        self._seen.put_nowait(event)

    async def until(self, kind: str) -> dict:
        """The next event of that type."""
        while True:
            getting = asyncio.ensure_future(self._seen.get())
            await asyncio.wait([getting, self._reading], return_when=asyncio.FIRST_COMPLETED)
            if not getting.done():
                getting.cancel()
                await self._reading  # raises what ended it
                raise EOFError(f"the connection was closed before {kind}")
            if getting.result()["type"] == kind:
                return getting.result()

    async def ask(self, question: str) -> dict:
        """A typed question, and the response when it is done."""
        content = [{"type": "input_text", "text": question}]
        await self.connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
        await self.connection.response.create()
        return (await self.until("response.done"))["response"]

    async def detect_turns(self, detection: dict | None) -> None:
        """Sets who says where a turn ends: the server in some way, or (None) the client."""
        audio = {"input": {"format": {"type": "audio/pcm", "rate": 24000}, "turn_detection": detection}}
        await self.connection.session.update(session={"type": "realtime", "audio": audio})
        await self.until("session.updated")

    async def speak(self, recording: str, silence_s: float) -> None:
        """A recording, then silence, into the microphone."""
        async for chunk in microphone(recording, silence_s=silence_s):
            await self.connection.input_audio_buffer.append(audio=base64.b64encode(chunk).decode())

    def close(self) -> None:
        """Stops reading."""
        self._reading.cancel()


@asynccontextmanager
async def talking(url: str, query: Query, *, resuming: bool = False) -> AsyncIterator[Talk]:
    """A connection that is set up; with `resuming` it is made again by the SDK, and carries on with its session."""
    talk: Talk | None = None

    def reconnecting(event):
        say("reconnecting", close_code=event.close_code)
        return {"extra_query": {"session_id": talk.session_id}}

    client = AsyncOpenAI(api_key="none", base_url=f"{url}/v1")
    hook = reconnecting if resuming else None
    async with client.realtime.connect(
        model="gpt-realtime", extra_query=query, on_reconnecting=hook, max_retries=20
    ) as connection:
        talk = Talk(connection)
        try:
            await talk.until("session.created")
            yield talk
        finally:
            talk.close()


async def typed(url: str, query: Query, questions: list[str], modality: str) -> None:
    """Questions one after another."""
    async with talking(url, query) as talk:
        await talk.connection.session.update(session={"type": "realtime", "output_modalities": [modality]})
        for question in questions:
            await talk.ask(question)


async def spoken(url: str, query: Query, recording: str, detection: dict | None) -> None:
    """A question out loud."""
    async with talking(url, query) as talk:
        await talk.detect_turns(detection)
        await talk.speak(recording, silence_s=0.0 if detection is None else 2.0)
        if detection is None:
            await talk.connection.input_audio_buffer.commit()
            await talk.connection.response.create()
        await talk.until("response.done")


async def interrupted(url: str, query: Query, question: str, recording: str, heard_ms: int) -> None:
    """A typed question, and a spoken one while the answer to it is being played."""
    async with talking(url, query) as talk:
        await talk.detect_turns({"type": "server_vad", "silence_duration_ms": 500})
        content = [{"type": "input_text", "text": question}]
        await talk.connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
        await talk.connection.response.create()
        item_id = (await talk.until("response.output_item.added"))["item"]["id"]
        while len(talk.audio.get(item_id, b"")) < heard_ms * 48:
            await talk.until("response.output_audio.delta")
        speaking = asyncio.create_task(talk.speak(recording, silence_s=2.0))
        await talk.until("input_audio_buffer.speech_started")
        await talk.connection.conversation.item.truncate(item_id=item_id, content_index=0, audio_end_ms=heard_ms)
        await speaking
        # The answer that was interrupted is done by now, or later; that to the new question is the one after this.
        await talk.until("conversation.item.input_audio_transcription.completed")
        await talk.until("response.done")


async def cut_short(url: str, query: Query, question: str, heard_ms: int) -> None:
    """An answer that has come completely, of which only the beginning is heard."""
    async with talking(url, query) as talk:
        response = await talk.ask(question)
        item_id = response["output"][0]["id"]
        await talk.connection.conversation.item.truncate(item_id=item_id, content_index=0, audio_end_ms=heard_ms)
        await talk.until("conversation.item.truncated")
        await talk.connection.conversation.item.retrieve(item_id=item_id)
        await talk.until("conversation.item.retrieved")


async def replayed(url: str, query: Query, history: list[dict], question: str) -> None:
    """A conversation that was held elsewhere, some of its items twice; then a question that goes on with it."""
    async with talking(url, query) as talk:
        previous = "root"
        for item in [*history, history[-1]]:
            await talk.connection.conversation.item.create(item=item, previous_item_id=previous)
            previous = item["id"]
        await talk.ask(question)


async def reconnected(url: str, query: Query, first: str, second: str) -> None:
    """A question, a connection that is lost and made again, and a question that goes on with the first."""
    async with talking(url, query, resuming=True) as talk:
        await talk.ask(first)
        say("ready")
        await told_to_go_on()
        await talk.until("session.created")
        await talk.ask(second)


if __name__ == "__main__":
    main(
        {
            "typed": typed,
            "spoken": spoken,
            "interrupted": interrupted,
            "cut_short": cut_short,
            "replayed": replayed,
            "reconnected": reconnected,
        }
    )
