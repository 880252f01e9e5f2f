"""A model that hears: the recording itself goes to vLLM by `audio_url`, fetched from the orchestrator."""

from collections.abc import Iterator

import numpy as np
import pytest

from viva.stack.ports import LOOPBACK, free_ports

from .server import vllm_part
from .viva_stack import Viva, running_viva

SECONDS = 20
TOKENS_PER_S = 25


@pytest.fixture(scope="module")
def hearing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viva]:
    """One replica of a tiny Qwen2-Audio, which may fetch from this machine alone."""
    flags = ("--load-format=dummy", f"--allowed-media-domains={LOOPBACK}")
    server = vllm_part("vllm-audio", "audio", "tiny-qwen2-audio", free_ports(1)[0], *flags)
    with running_viva(
        tmp_path_factory.mktemp("audio"),
        "tiny-qwen2-audio",
        [server],
        VIVA_CONTEXT_AUDIO_URL="ORCHESTRATOR/v1/lectures/{lecture_id}/audio",
        VIVA_LLM_AUDIO_URL_PREFIXES="ORCHESTRATOR/v1/lectures/",
    ) as viva:
        yield viva


def test_the_second_turn_on_a_recording_finds_it_in_the_media_and_prefix_caches(hearing: Viva):
    """The sound is fetched and encoded once; its tokens are in the prompt of both turns."""
    noise = np.random.default_rng(1).normal(0, 3000, SECONDS * 16_000).astype("<i2").tobytes()
    lecture_id = hearing.lectures.add(SECONDS / 60, noise)
    before = hearing.counters()
    first = hearing.ask(lecture_id)
    (after_one,) = hearing.since(before)
    second = hearing.ask(lecture_id, "And then?", first.session_id)
    (after_two,) = hearing.since(before)
    assert [done.receipt.context.kind for done in (first, second)] == ["audio", "audio"]
    assert [done.degraded for done in (first, second)] == [None, None]
    assert first.usage.prompt_tokens > SECONDS * TOKENS_PER_S
    assert after_one.media_hits == 0
    again = after_two - after_one
    assert (again.media_queries, again.media_hits) == (1, 1)
    assert again.hits > SECONDS * TOKENS_PER_S
