"""POST /synthesize."""

from fastapi import APIRouter, Request, Response

from viva_tts.request_body import SynthesizeRequest, documented, needed_in_s, read
from viva_tts.response import respond
from viva_tts.routes.speech import ERRORS
from viva_tts.service import TTSService
from viva_tts.speech import Wanted

router = APIRouter(tags=["speech"])

PCM_RATE_HZ = 22_050
OPUS_RATE_HZ = 24_000  # Opus knows no 22.05 kHz; 24 kHz holds as much


@router.post(
    "/synthesize",
    summary="Speak a text as 22.05 kHz PCM or Opus",
    response_class=Response,
    responses={
        200: {
            "description": "Audio, chunked, while it is made. PCM is s16le; X-Sample-Rate and X-Channels say the rest",
            "content": {"audio/pcm": {}, "audio/ogg": {}},
        },
        **ERRORS,
    },
    openapi_extra=documented(SynthesizeRequest),
)
async def synthesize(request: Request) -> Response:
    """The same speech as `/v1/audio/speech`, for players that want samples."""
    service: TTSService = request.app.state.tts
    service.admission.require_room()
    asked = await read(request, SynthesizeRequest)
    rate_hz = PCM_RATE_HZ if asked.format == "pcm" else OPUS_RATE_HZ
    voice, needed_s = service.voices.resolve(asked.voice), needed_in_s(request)
    wanted = Wanted(asked.text, voice, asked.speed, asked.format, rate_hz, needed_s)
    headers = {"x-sample-rate": str(rate_hz), "x-channels": "1"}
    if asked.format == "pcm":
        headers["x-sample-format"] = "s16le"
    return await respond(request, service, wanted, headers)
