"""What one running tts service holds; made in create_app, opened in its lifespan."""

from dataclasses import dataclass

from starlette.requests import Request

from viva.service.admission import Admission
from viva_tts.bridge import Bridge
from viva_tts.engine import Engine
from viva_tts.metrics import TTSMetrics
from viva_tts.settings import TTSSettings
from viva_tts.speech import Speech, Wanted
from viva_tts.stages import Voicing
from viva_tts.voices import VoiceBook


@dataclass(frozen=True, slots=True)
class TTSService:
    """The parts that the routes use."""

    settings: TTSSettings
    engine: Engine
    why: str
    """Why this engine was taken."""
    voicing: Voicing
    admission: Admission
    metrics: TTSMetrics
    makers: Bridge
    """For the engine."""
    encoders: Bridge
    """Apart from the engine's, so that no first byte waits for another's sentence."""

    @property
    def voices(self) -> VoiceBook:
        """The voices of the engine, which it knows once it is started."""
        return VoiceBook(self.engine.voices, self.engine.default_voice)

    def speech(self, wanted: Wanted) -> Speech:
        """The speech that is asked for, not begun. Raises InvalidRequest when there is nothing to say."""
        return Speech(wanted, self.voicing, self.encoders, self.metrics)


async def service_of(request: Request) -> TTSService:
    """The service that a request came to; async, since FastAPI runs a plain function in a thread."""
    return request.app.state.tts
