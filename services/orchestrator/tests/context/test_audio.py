"""The recording is given to models that hear, where it fits, at an address of ours."""

from __future__ import annotations

import httpx
import pytest
from pydantic import ValidationError

from viva_orchestrator.context.addresses import RecordingAddresses
from viva_orchestrator.context.settings import families
from viva_orchestrator.objects import ObjectStore
from viva_orchestrator.settings import Settings

from ..long_lectures import long_lecture

OURS = "http://viva-orchestrator:8080/v1/lectures/{lecture_id}/audio"
QWEN = "Qwen/Qwen2.5-Omni-3B"


@pytest.fixture
def hearing(model):
    """The model server, with a model that hears and lectures of eight minutes."""
    model.model = QWEN
    model.audio_s = 8 * 60
    return model


async def test_a_model_that_hears_gets_the_recording_and_the_numbers(start, hearing):
    """One message of the user after the transcript, whose passages are cited; the same in the next turn."""
    replica = await start(context_audio_url=OURS)
    lecture = long_lecture(8, {4: "the warden was called Ossipova"})
    done = await replica.ask("Was it Ossipova?", lecture)
    await replica.ask("Was it Ossipova?", lecture, done.session_id)
    assert done.receipt.context.kind == "audio"
    assert done.receipt.context.tokens > 8 * 60 * 25
    assert [citation.start for citation in done.citations] == [pytest.approx(240, abs=12)]
    first, second = hearing.prompts
    assert first[1]["content"][0] == {
        "type": "audio_url",
        "audio_url": {"url": OURS.format(lecture_id=lecture.lecture_id)},
    }
    assert [message["role"] for message in first] == ["system", "user", "assistant", "user"]
    assert first[:3] == second[:3]


@pytest.mark.parametrize(
    ("minutes", "changes", "name"),
    [
        (12, {}, QWEN),  # 18,000 tokens of sound
        (8, {"context_audio_url": ""}, QWEN),
        (8, {}, "meta-llama/Llama-3.1-8B-Instruct"),
        (8, {"context_audio_tokens_per_s": "qwen2.5-omni=40"}, QWEN),
    ],
)
async def test_else_the_transcript_does(start, hearing, minutes, changes, name):
    """When the recording does not fit, nobody hears, or it is not wanted."""
    hearing.model, hearing.audio_s = name, minutes * 60
    replica = await start(**({"context_audio_url": OURS} | changes))
    done = await replica.ask("Was it Ossipova?", long_lecture(minutes))
    assert done.receipt.context.kind == "transcript"
    assert hearing.refused == []


async def test_another_rate_lets_more_fit(start, hearing):
    """Twelve minutes fit at half the tokens for each second."""
    hearing.model, hearing.audio_s = "Qwen/Qwen3-Omni-30B-A3B-Instruct", 6 * 60  # as many tokens as at 12.5
    replica = await start(context_audio_url=OURS)
    assert (await replica.ask("Was it Ossipova?", long_lecture(12))).receipt.context.kind == "audio"


async def test_a_recording_that_is_refused_is_read_instead_in_the_same_turn(start, hearing):
    """A model server that cannot fetch or hear it costs one attempt a minute, not the answer."""
    hearing.hears = False
    replica = await start(context_audio_url=OURS)
    lecture = long_lecture(8, {4: "the warden was called Ossipova"})
    for _ in range(2):
        done = await replica.ask("Was it Ossipova?", lecture)
        assert done.receipt.context.kind == "transcript"
        assert done.citations


async def test_a_server_that_is_busy_is_given_the_next_recording(start, hearing):
    """Its being busy costs the turn the recording, not those of the next minute."""
    hearing.busy_hearing = True
    replica = await start(context_audio_url=OURS)
    lecture = long_lecture(8)
    assert (await replica.ask("Was it Ossipova?", lecture)).receipt.context.kind == "transcript"
    hearing.busy_hearing = False
    assert (await replica.ask("Was it Ossipova?", lecture)).receipt.context.kind == "audio"


async def test_a_growing_transcript_is_read(start, hearing):
    """What is recognised of it goes first in the prompt, and changes."""
    replica = await start(context_audio_url=OURS)
    done = await replica.ask("Was it Ossipova?", long_lecture(8, status="transcribing"))
    assert done.receipt.context.kind == "transcript"


async def test_only_our_own_lectures_have_addresses(tmp_path):
    """What is no id of ours never becomes part of an address."""
    addresses = RecordingAddresses(OURS, ObjectStore.open(str(tmp_path)))
    assert await addresses.of("lec_1/../../secret") is None


async def test_a_presigned_address_is_fetched_without_credentials_and_kept(bucket):
    """The same address from turn to turn; a folder has none."""
    objects = ObjectStore.open(bucket["object_store_url"], s3_endpoint=bucket["s3_endpoint"])
    lecture_id = f"lec_{7:032x}"
    await objects.put(f"lectures/{lecture_id}/audio.wav", b"RIFF")
    addresses = RecordingAddresses("presigned", objects)
    url = await addresses.of(lecture_id)
    async with httpx.AsyncClient() as client:
        assert (await client.get(url)).content == b"RIFF"
    assert await addresses.of(lecture_id) == url


async def test_a_folder_has_no_presigned_address(tmp_path):
    """Then the models read."""
    addresses = RecordingAddresses("presigned", ObjectStore.open(str(tmp_path)))
    assert await addresses.of(f"lec_{7:032x}") is None


@pytest.mark.parametrize(
    "url", ["ftp://x/{lecture_id}", "http://{lecture_id}/x", "http://x/audio", "signed", "/a/{lecture_id}"]
)
def test_an_address_that_cannot_be_one_stops_the_start(url):
    """The setting must name the lecture, in the path of an address."""
    with pytest.raises(ValidationError, match="lecture_id"):
        Settings(context_audio_url=url)


def test_families_are_read_and_checked():
    """Parts of names with tokens per second, in the order of the setting."""
    assert families("Qwen2.5-Omni=25, voxtral = 12.5") == (("qwen2.5-omni", 25.0), ("voxtral", 12.5))
    for wrong in ("qwen", "qwen=x", "=25", "qwen=0", "qwen=-1"):
        with pytest.raises(ValidationError, match=r"qwen2\.5-omni=25"):
            Settings(context_audio_tokens_per_s=wrong)
