"""gtts: its errors become sentences. Speaking, against a false Google, is in the contract."""

import pytest
import requests
import responses

from viva.errors import Overloaded, StageUnavailable
from viva_tts.bridge import Bridge
from viva_tts.engines.gtts import GttsEngine
from viva_tts.settings import TTSSettings

GOOGLE = "https://translate.google.com/_/TranslateWebserverUi/data/batchexecute"


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        ({"body": requests.ConnectionError()}, StageUnavailable, "cannot be reached from here"),
        ({"body": requests.Timeout()}, StageUnavailable, "cannot be reached from here"),
        ({"status": 429}, Overloaded, "too often"),
        ({"status": 500}, StageUnavailable, "refused"),
        ({"status": 403}, StageUnavailable, "refused"),
        ({"body": '"jQ1olc",null'}, StageUnavailable, "refused"),
        ({"body": '"jQ1olc","[\\"bm90IGFuIG1wMw==\\"]"'}, StageUnavailable, "not speech"),
    ],
)
async def test_googles_failures_are_told_in_a_sentence(answer, error, words):
    """No connection, too many requests, refusals and nonsense each have their error."""
    engine = GttsEngine(TTSSettings(), Bridge(1))
    with responses.RequestsMock() as google:
        google.add(responses.POST, GOOGLE, **answer)
        with pytest.raises(error, match=words):
            await anext(engine.synthesize("Hello.", "en", 1.0))
    await engine.close()
