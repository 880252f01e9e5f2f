"""Google's web voice. It needs the internet, has no promise of service, and hears every text that is spoken.

The gTTS package does not check the server's certificate; what comes back is therefore decoded in a child process with
limits, like any stranger's audio.
"""

import tempfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path

from gtts import gTTS, gTTSError

from viva.audio import AudioLimits, Decoder
from viva.errors import AudioRejected, AudioTooLong, Overloaded, StageUnavailable, VivaError
from viva_tts.bridge import Bridge
from viva_tts.engine import Pcm, Voice
from viva_tts.settings import TTSSettings
from viva_tts.tempo import Tempo

RATE_HZ = 24_000
_LIMITS = AudioLimits(max_duration_s=120)
_NO_INTERNET = (
    "The tts engine 'gtts' is Google's web voice, which cannot be reached from here; "
    "try again, or choose an engine that needs no internet with VIVA_TTS_ENGINE."
)
_REFUSED = "Google's web voice refused the text; try again, or choose another engine with VIVA_TTS_ENGINE."


class GttsEngine:
    """Fetches mp3s in threads, at most a hundred characters each, and decodes them."""

    name = "gtts"

    def __init__(self, settings: TTSSettings, bridge: Bridge) -> None:
        self._settings = settings
        self._bridge = bridge
        self._decoder = Decoder()
        self.model = f"translate.google.{settings.gtts_tld}"
        self.voices = [Voice(settings.gtts_lang, settings.gtts_lang, "female", "Google's web voice")]
        self.default_voice = settings.gtts_lang

    async def start(self) -> None:
        """Starts the decoder."""
        await self._decoder.start()

    async def close(self) -> None:
        """Stops the decoder."""
        await self._decoder.close()

    async def synthesize(self, text: str, voice: str, speed: float, due: float = 0.0) -> AsyncGenerator[Pcm]:
        """Google knows one pace, so that others are made from it."""
        tempo = Tempo(speed, RATE_HZ)
        async with aclosing(self._bridge.iterate(self._mp3s(text, voice), due)) as parts:
            async for mp3 in parts:
                async with aclosing(self._decoded(mp3, due)) as blocks:
                    async for block in blocks:
                        if paced := tempo.feed(block):
                            yield Pcm(paced, RATE_HZ)
        if rest := tempo.flush():
            yield Pcm(rest, RATE_HZ)

    def _mp3s(self, text: str, language: str) -> Iterator[bytes]:
        tld, timeout_s = self._settings.gtts_tld, self._settings.sentence_timeout_s
        speech = gTTS(text, tld=tld, lang=language, lang_check=False, timeout=timeout_s)
        try:
            yield from speech.stream()
        except gTTSError as error:
            raise mapped(error) from error
        except AssertionError:  # gTTS's word for a text in which it finds nothing to say
            return

    async def _decoded(self, mp3: bytes, due: float) -> AsyncGenerator[bytes]:
        with tempfile.TemporaryDirectory(prefix="viva-gtts-") as folder:
            path = Path(folder, "part.mp3")
            await self._bridge.run(path.write_bytes, mp3, due=due)
            try:
                async with aclosing(self._decoder.decode(path, _LIMITS, sample_rate_hz=RATE_HZ)) as blocks:
                    async for block in blocks:
                        yield block
            except (AudioRejected, AudioTooLong) as error:
                raise StageUnavailable("tts", "Google's web voice sent something that is not speech.") from error


def mapped(error: gTTSError) -> VivaError:
    """Our error for one of gTTS's, told apart by the response it carries rather than by its text."""
    if error.rsp is None:
        return StageUnavailable("tts", _NO_INTERNET)
    if error.rsp.status_code == 429:
        return Overloaded("Google's web voice is asked too often from here; try again later.", retry_after_s=30)
    return StageUnavailable("tts", _REFUSED)
