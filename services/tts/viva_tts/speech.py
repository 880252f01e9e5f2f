"""One request's speech: what is to be said, how, and what became of it."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from viva.errors import InvalidRequest, VivaError
from viva.service.tracing import current_span
from viva.text.sentences import split_sentences
from viva.text.speakable import speakable
from viva_tts.bridge import Bridge
from viva_tts.engine import Pcm
from viva_tts.metrics import TTSMetrics
from viva_tts.stages import Voicing, ahead, encoded

MAX_CHARACTERS = 4096


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks for. `speed` is 0.25 to 4; `voice` is one of the engine's; `needed_in_s` is how long the
    listener has something else to hear, in seconds from now.
    """

    text: str
    voice: str
    speed: float
    audio_format: str
    rate_hz: int
    needed_in_s: float = 0.0


class Speech:
    """The audio of one request; read once, by iterating `stream`."""

    def __init__(self, wanted: Wanted, voicing: Voicing, encoders: Bridge, metrics: TTSMetrics) -> None:
        self.wanted = wanted
        self.audio_s = 0.0
        self._sentences = sentences_of(wanted.text)
        self._voicing = voicing
        self._encoders = encoders
        self._metrics = metrics

    async def stream(self) -> AsyncGenerator[bytes]:
        """The file, chunk by chunk, while later sentences are still being made.

        Raises InvalidRequest (text_unspeakable) when the voice can say none of it, and what the engine raises.
        """
        started = time.monotonic()
        began, outcome = False, "left"
        try:
            async with aclosing(self._bytes(started + self.wanted.needed_in_s)) as chunks:
                async for chunk in chunks:
                    if not began:
                        began = True
                        current_span().event("first_byte", engine=self._engine)
                        self._metrics.first_byte.labels(self._engine).observe(time.monotonic() - started)
                    yield chunk
            if not began:
                raise _unspeakable(self._engine)
            outcome = "ok"
        except InvalidRequest:
            outcome = "refused"
            raise
        except VivaError:
            outcome = "cut" if began else "failed"
            raise
        finally:
            self._metrics.speeches.labels(self._engine, self.wanted.audio_format, outcome).inc()

    @property
    def _engine(self) -> str:
        return self._voicing.engine.name

    def _bytes(self, due: float) -> AsyncGenerator[bytes]:
        wanted = self.wanted
        spoken = self._voicing.spoken(self._sentences, wanted.voice, wanted.speed, due)
        counted = self._counted(ahead(spoken))
        return encoded(counted, wanted.audio_format, wanted.rate_hz, self._encoders, due)

    async def _counted(self, pieces: AsyncGenerator[tuple[Pcm, bool]]) -> AsyncGenerator[tuple[Pcm, bool]]:
        async with aclosing(pieces):
            async for piece, last in pieces:
                self.audio_s += piece.duration_s
                self._metrics.audio.labels(self._engine).inc(piece.duration_s)
                yield piece, last


def sentences_of(text: str) -> list[str]:
    """The sentences of a text that can be read aloud. Raises InvalidRequest (text_too_long, text_empty)."""
    if len(text) > MAX_CHARACTERS:
        message = f"The text has {len(text):,} characters; {MAX_CHARACTERS:,} can be spoken at once."
        raise InvalidRequest(message, code="text_too_long", param="input")
    sentences = [piece for piece in split_sentences(speakable(text)) if any(map(str.isalnum, piece))]
    if not sentences:
        message = "Nothing in the text can be read aloud: it has no words once markup and signs are gone."
        raise InvalidRequest(message, code="text_empty", param="input")
    return sentences


def _unspeakable(engine: str) -> InvalidRequest:
    message = f"The voices of {engine} can say nothing of this text; it may be in another script or language."
    return InvalidRequest(message, code="text_unspeakable", param="input")
