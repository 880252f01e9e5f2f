"""A voice bot of pipecat-ai, one pipeline for each WebSocket, as its documentation builds it.

    PYTHON pipecat_bot.py PORT STAGES_URL

What was chosen, always the quicker where there is a choice:

- FastAPIWebsocketTransport with the protobuf serializer, its own, in uvicorn with uvloop and httptools.
- Its OpenAI services for the three stages, each with the base URL of the stages and nothing else set: whole sentences
  to the voice, PCM of 24 kHz back, all defaults.
- Push-to-talk: the client says when it begins and ends to speak, which becomes what a VAD would say; no VAD and no
  turn model runs. The turn ends with the transcript (`SpeechTimeoutUserTurnStopStrategy` without its 0.6 s for second
  thoughts; `ExternalUserTurnStrategies` would wait for 0.5 s after the transcript).
- Neither RTVI nor turn tracking nor metrics, which are on by default or usual: the client gets audio only. Logging from
  warnings on.
- One WorkerRunner for a connection, as in its examples.
"""

import sys

import uvicorn
from fastapi import FastAPI, WebSocket
from loguru import logger
from pipecat.frames.frames import (
    Frame,
    InputTransportMessageFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.serializers.protobuf import ProtobufFrameSerializer
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.openai.stt import OpenAISTTService
from pipecat.services.openai.tts import OpenAITTSService
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.turns.user_start import VADUserTurnStartStrategy
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

LOOPBACK = "127.0.0.1"
IN_HZ, OUT_HZ = 16_000, 24_000


class PushToTalk(FrameProcessor):
    """What the client says of its button, in place of a VAD."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Passes every other frame on."""
        await super().process_frame(frame, direction)
        match frame:
            case InputTransportMessageFrame(message={"type": "started"}):
                await self.push_frame(VADUserStartedSpeakingFrame())
            case InputTransportMessageFrame(message={"type": "stopped"}):
                await self.push_frame(VADUserStoppedSpeakingFrame())
            case _:
                await self.push_frame(frame, direction)


async def converse(websocket: WebSocket, stages_url: str) -> None:
    """One conversation, until its client leaves."""
    transport = FastAPIWebsocketTransport(
        websocket=websocket,
        params=FastAPIWebsocketParams(
            audio_in_enabled=True, audio_out_enabled=True, serializer=ProtobufFrameSerializer()
        ),
    )
    server = {"api_key": "none", "base_url": f"{stages_url}/v1"}
    context = LLMContext([{"role": "system", "content": "Answer briefly: your words are spoken."}])
    strategies = UserTurnStrategies(
        start=[VADUserTurnStartStrategy()], stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.0)]
    )
    # Nothing is heard in the pauses of a button: that is no microphone that was muted.
    sides = LLMContextAggregatorPair(
        context, user_params=LLMUserAggregatorParams(user_turn_strategies=strategies, audio_idle_timeout=0)
    )
    steps = [
        transport.input(),
        PushToTalk(),
        OpenAISTTService(**server),
        sides.user(),
        OpenAILLMService(**server),
        OpenAITTSService(**server),
        transport.output(),
        sides.assistant(),
    ]
    worker = PipelineWorker(
        Pipeline(steps),
        params=PipelineParams(audio_in_sample_rate=IN_HZ, audio_out_sample_rate=OUT_HZ),
        enable_rtvi=False,
        enable_turn_tracking=False,
    )

    @transport.event_handler("on_client_disconnected")
    async def left(_transport: object, _websocket: WebSocket) -> None:
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()


def bot(stages_url: str) -> FastAPI:
    """The application."""
    app = FastAPI()

    @app.get("/readyz")
    async def ready() -> dict:
        return {}

    @app.websocket("/ws")
    async def connected(websocket: WebSocket) -> None:
        await websocket.accept()
        await converse(websocket, stages_url)

    return app


if __name__ == "__main__":
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    uvicorn.run(bot(sys.argv[2]), host=LOOPBACK, port=int(sys.argv[1]), log_level="warning")
