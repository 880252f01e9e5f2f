"""A pipecat Pipeline around OpenAIRealtimeLLMService, the current one or 1.7's. What leaves the service is a fact."""

import asyncio

from pipecat.frames.frames import (
    BotStoppedSpeakingFrame,
    EndFrame,
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMRunFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.openai.realtime.events import (
    AudioConfiguration,
    AudioInput,
    InputAudioTranscription,
    SessionProperties,
    TurnDetection,
)
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.workers.runner import WorkerRunner
from report import PLAYED_S, RATE_HZ, main, microphone, say, sound, told_to_go_on

SHOWN = (
    ErrorFrame,
    InterimTranscriptionFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)


class Tap(FrameProcessor):
    """Prints the frames that pass in one direction, and lets a scenario wait for them."""

    def __init__(self, direction: FrameDirection) -> None:
        super().__init__()
        self._direction = direction
        self._passed: asyncio.Queue[Frame] = asyncio.Queue()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, SHOWN) and direction is self._direction:
            details = sound(frame.audio) if isinstance(frame, TTSAudioRawFrame) else {}
            details |= {name: getattr(frame, name) for name in ("text", "error") if hasattr(frame, name)}
            say("frame", type=type(frame).__name__, **details)
            self._passed.put_nowait(frame)
        await self.push_frame(frame, direction)

    async def until(self, kind: type[Frame]) -> None:
        """Returns when such a frame has passed."""
        while not isinstance(await self._passed.get(), kind):
            pass

    def forget(self) -> None:
        """Lets a scenario wait for frames that come from now on."""
        self._passed = asyncio.Queue()

    async def until_played(self) -> None:
        """Returns when the answer has passed, and says, as a transport does, that it has been played to its end."""
        await self.until(LLMFullResponseEndFrame)
        await self.push_frame(BotStoppedSpeakingFrame(), FrameDirection.UPSTREAM)


class Bot:
    """The pipeline of pipecat's own examples, with taps on both sides of the service."""

    def __init__(self, url: str, model: str, detection: bool, messages: list[dict]) -> None:
        properties = SessionProperties(
            instructions="Answer briefly.",
            audio=AudioConfiguration(
                input=AudioInput(
                    transcription=InputAudioTranscription(),
                    turn_detection=TurnDetection(silence_duration_ms=500) if detection else False,
                )
            ),
        )
        self.service = OpenAIRealtimeLLMService(
            api_key="none",
            base_url=url,
            settings=OpenAIRealtimeLLMService.Settings(model=model, session_properties=properties),
        )
        self.service.add_event_handler("on_conversation_item_created", self._item_created)
        self.context = LLMContext(messages)
        sides = LLMContextAggregatorPair(self.context)
        self.up, self.down = Tap(FrameDirection.UPSTREAM), Tap(FrameDirection.DOWNSTREAM)
        steps = [sides.user(), self.up, self.service, self.down, sides.assistant()]
        parameters = PipelineParams(audio_in_sample_rate=RATE_HZ, audio_out_sample_rate=RATE_HZ)
        self.worker = PipelineWorker(Pipeline(steps), params=parameters)

    async def _item_created(self, _service, item_id, item) -> None:
        say("item", id=item_id, role=item.role)

    async def run(self) -> None:
        """Until `end`."""
        await WorkerRunner(handle_sigint=False).run(self.worker)

    async def begin(self) -> None:
        """Has the service answer the context that it was made with, as the examples do when somebody connects."""
        await self.worker.queue_frames([LLMRunFrame()])

    async def speak(self, recording: str, silence_s: float) -> None:
        """A recording, then silence, into the pipeline."""
        async for chunk in microphone(recording, silence_s=silence_s):
            await self.worker.queue_frame(InputAudioRawFrame(audio=chunk, sample_rate=RATE_HZ, num_channels=1))

    async def end(self) -> None:
        """Ends the pipeline."""
        await self.worker.queue_frame(EndFrame())


async def held(bot: Bot, *steps) -> None:
    """Runs the pipeline while the steps are taken."""
    running = asyncio.create_task(bot.run())
    for step in steps:
        await step()
    await bot.end()
    await running
    say("context", messages=bot.context.get_messages())


async def typed(url: str, model: str, messages: list[dict]) -> None:
    """The context has a conversation, perhaps an old one; its last question is answered."""
    bot = Bot(url, model, True, messages)
    await held(bot, bot.begin, lambda: bot.down.until(LLMFullResponseEndFrame))


async def spoken(url: str, model: str, recording: str, detection: bool) -> None:
    """A question out loud. Without detection the pipeline says when somebody speaks."""
    bot = Bot(url, model, detection, [])

    async def ask() -> None:
        if not detection:
            await bot.worker.queue_frame(UserStartedSpeakingFrame())
        await bot.speak(recording, silence_s=2.0 if detection else 0.0)
        if not detection:
            await bot.worker.queue_frame(UserStoppedSpeakingFrame())

    await held(bot, ask, lambda: bot.down.until(LLMFullResponseEndFrame))


async def interrupted(url: str, model: str, messages: list[dict], recording: str) -> None:
    """A spoken question while the answer to the first is being played."""
    bot = Bot(url, model, True, messages)

    async def understood() -> None:
        await bot.up.until(TranscriptionFrame)
        bot.down.forget()  # what is left of the answer that was interrupted

    await held(
        bot,
        bot.begin,
        lambda: bot.down.until(TTSAudioRawFrame),
        lambda: asyncio.sleep(PLAYED_S),
        lambda: bot.speak(recording, silence_s=2.0),
        understood,
        lambda: bot.down.until(TTSAudioRawFrame),
        lambda: bot.down.until(LLMFullResponseEndFrame),
    )


async def reconnected(url: str, model: str, messages: list[dict], recording: str) -> None:
    """A question, a server that goes away and comes back, and a spoken question that goes on with the first."""
    bot = Bot(url, model, True, messages)

    async def lose_and_return() -> None:
        say("ready")
        await told_to_go_on()
        await bot.service.reset_conversation()

    await held(
        bot,
        bot.begin,
        bot.down.until_played,
        lose_and_return,
        lambda: bot.speak(recording, silence_s=2.0),
        lambda: bot.up.until(TranscriptionFrame),
        lambda: bot.down.until(LLMFullResponseEndFrame),
    )


if __name__ == "__main__":
    main({"typed": typed, "spoken": spoken, "interrupted": interrupted, "reconnected": reconnected})
