"""POST /v1/audio/speech."""

from fastapi import APIRouter, Request, Response

from viva.audio import CONTENT_TYPES
from viva_tts.request_body import SpeechRequest, documented, needed_in_s, read
from viva_tts.response import respond
from viva_tts.service import TTSService
from viva_tts.speech import Wanted

router = APIRouter(tags=["speech"])

RATE_HZ = 24_000  # OpenAI's `pcm`; the other formats follow, so that files of one voice can be joined

ERRORS = {
    400: {"description": "The text is empty, too long or unspeakable, or another field is wrong"},
    503: {"description": "The engine cannot speak now, or too much is under way (Retry-After)"},
    504: {"description": "The engine did not begin to speak in its time"},
}


@router.post(
    "/v1/audio/speech",
    summary="Speak a text, as OpenAI's speech API does",
    response_class=Response,
    responses={
        200: {
            "description": "Audio, chunked, while it is made; `X-Viva-Engine` and `X-Viva-Voice` say who speaks",
            "content": {kind: {} for kind in [*CONTENT_TYPES.values(), "text/event-stream"]},
        },
        **ERRORS,
    },
    openapi_extra=documented(SpeechRequest),
)
async def create_speech(request: Request) -> Response:
    """Any voice and model is taken: names that are not ours are spoken by the voice that is most like them.

    Once audio flows, a failure shows as a connection that breaks off, or as an `error` event.
    """
    service: TTSService = request.app.state.tts
    service.admission.require_room()
    asked = await read(request, SpeechRequest)
    voice = service.voices.resolve(asked.voice)
    needed_s = needed_in_s(request)
    wanted = Wanted(asked.input, voice, asked.speed, asked.response_format, RATE_HZ, needed_s)
    headers = {"x-sample-rate": str(RATE_HZ), "x-channels": "1"} if asked.response_format == "pcm" else {}
    return await respond(request, service, wanted, headers, sse=asked.stream_format == "sse")
