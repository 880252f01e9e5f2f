"""Typed questions over the WebSocket: the events of an answer, their order, and the fields that clients rely on."""

from __future__ import annotations

import base64

import pytest

ORDER = [
    "session.created",
    "conversation.item.added",
    "conversation.item.done",
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
]
END = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
    "response.done",
]
ANSWER = "It was Jack Kilby. He showed it in 1958."


async def test_the_events_of_an_answer_come_in_the_order_of_the_protocol(caller):
    """The item is announced before its deltas, and everything that was opened is closed before response.done."""
    await caller.asks()

    types = caller.types()
    assert types[: len(ORDER)] == ORDER
    assert types[-len(END) :] == END
    deltas = {"response.output_audio_transcript.delta", "response.output_audio.delta"}
    assert set(types[len(ORDER) : -len(END)]) == deltas


async def test_every_event_has_an_id_of_its_own(caller):
    """Without one pipecat's parser raises."""
    await caller.asks()

    ids = [event["event_id"] for event in caller.seen]
    assert len(set(ids)) == len(ids)


async def test_the_deltas_are_the_answer(caller, servers):
    """Put together, the transcript's deltas are the transcript, and the audio's are what the voice made."""
    response = await caller.asks()

    transcript = "".join(event["delta"] for event in caller.all("response.output_audio_transcript.delta"))
    audio = b"".join(base64.b64decode(event["delta"]) for event in caller.all("response.output_audio.delta"))
    assert transcript == ANSWER
    assert response["output"][0]["content"][0]["transcript"] == transcript
    made = [f"<{text}>" for text in servers.spoken]
    assert audio.decode() == "".join(clause[: len(clause) & ~1] for clause in made)  # whole samples


async def test_audio_comes_in_pieces_of_half_a_second(caller, servers):
    """An event over a megabyte would make pipecat close the connection."""
    servers.ms_per_letter = 200
    await caller.asks()

    pieces = [len(base64.b64decode(event["delta"])) for event in caller.all("response.output_audio.delta")]
    assert max(pieces) == 500 * 48
    assert sum(pieces) == 48 * 200 * len("".join(ANSWER.split()))


async def test_metadata_comes_back(caller):
    """By it LiveKit finds the response that it asked for."""
    response = await caller.asks(metadata={"client_event_id": "mine"})

    assert caller.all("response.created")[0]["response"]["metadata"] == {"client_event_id": "mine"}
    assert response["metadata"] == {"client_event_id": "mine"}


async def test_items_say_what_they_come_after(caller):
    """LiveKit puts its history in order by it."""
    await caller.asks()
    await caller.asks("and when")

    added = caller.all("conversation.item.added")
    ids = [event["item"]["id"] for event in added]
    assert [event["previous_item_id"] for event in added] == [None, *ids[:-1]]


async def test_the_citations_are_annotations_of_the_part(caller):
    """With the seconds of the recording, on the part wherever it is shown whole."""
    response = await caller.asks()

    [part] = response["output"][0]["content"]
    assert part["annotations"][0] == {
        "type": "lecture_citation",
        "lecture_id": "lec_1",
        "start": 0.0,
        "end": 6.0,
        "text": "jack kill be made it",
    }
    assert caller.all("response.content_part.done")[0]["part"]["annotations"] == part["annotations"]


async def test_response_done_has_tokens_and_the_receipt(caller):
    """pipecat reads every field of the usage, also where nothing was counted; the receipt is ours."""
    response = await caller.asks()

    assert (response["usage"]["input_tokens"], response["usage"]["output_tokens"]) == (7, 5)
    assert response["usage"]["input_token_details"]["cached_tokens_details"]["audio_tokens"] == 0
    assert response["viva"]["history_saved"] is True
    assert response["viva"]["receipt"]["total_ms"] > 0


async def test_an_answer_in_writing_is_not_spoken(caller, servers):
    """output_modalities ["text"] gives text events and no audio."""
    response = await caller.asks(output_modalities=["text"])

    assert response["output"][0]["content"][0]["text"] == ANSWER
    assert "".join(event["delta"] for event in caller.all("response.output_text.delta")) == ANSWER
    assert caller.all("response.output_text.done")[0]["text"] == ANSWER
    assert servers.spoken == []


async def test_telephone_audio_has_a_byte_for_each_sample(caller, servers):
    """audio/pcmu at 8 kHz: a sixth of what the voice makes."""
    servers.ms_per_letter = 10
    await caller.asks(audio={"output": {"format": {"type": "audio/pcmu"}}})

    law = b"".join(base64.b64decode(event["delta"]) for event in caller.all("response.output_audio.delta"))
    assert abs(len(law) - 8 * 10 * len("".join(ANSWER.split()))) < 80


async def test_a_session_is_told_everything_of_it_that_is_in_force(replica):
    """session.created has the Viva session's id, the lecture and defaults that strict clients can read."""
    caller = await replica.call("/voice?lecture_id=lec_1")

    session = caller.seen[0]["session"]
    assert session["id"].startswith("ses_")
    assert session["lecture_id"] == "lec_1"
    assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}
    assert session["audio"]["input"]["turn_detection"]["type"] == "server_vad"


async def test_a_model_that_is_a_lecture_names_it(replica):
    """For clients that can set nothing but a model."""
    caller = await replica.call("/v1/realtime?model=lec_1")

    assert (await caller.asks())["status"] == "completed"


@pytest.mark.parametrize("event", [{"lecture_id": "lec_1", "session": {}}, {"session": {"lecture_id": "lec_1"}}])
async def test_the_lecture_can_be_chosen_afterwards(replica, event):
    """By an extra key of session.update; the session keeps it for the other transports."""
    caller = await replica.call("/v1/realtime")
    await caller.send("session.update", **event)
    session = (await caller.until("session.updated"))["session"]

    assert session["lecture_id"] == "lec_1"
    assert (await caller.asks())["status"] == "completed"
    assert (await replica.app.state.sessions.read(session["id"])).lecture_id == "lec_1"


async def test_without_a_lecture_the_response_fails(replica):
    """It says so in response.done: an error event would end pipecat's conversation."""
    caller = await replica.call("/v1/realtime")
    response = await caller.asks()

    assert response["status"] == "failed"
    assert response["status_details"]["error"]["code"] == "lecture_required"
    assert caller.all("error") == []


async def test_a_stage_that_is_down_fails_the_response_and_not_the_connection(caller, servers):
    """The next question is answered."""
    servers.status["llm"] = 500
    failed = await caller.asks()
    del servers.status["llm"]

    assert failed["status"] == "failed"
    assert failed["status_details"]["error"]["code"] == "llm_unavailable"
    assert failed["usage"]["total_tokens"] == 0
    assert (await caller.asks())["status"] == "completed"


async def test_an_answer_that_breaks_off_is_closed_and_not_remembered(caller, servers, replica):
    """Its item is incomplete, its response failed, and the history does not have it."""
    servers.finish = False
    response = await caller.asks()

    assert response["status"] == "failed"
    assert response["output"][0]["status"] == "incomplete"
    session = await replica.app.state.sessions.read(caller.seen[0]["session"]["id"])
    assert session.turns == ()


async def test_nothing_to_answer_fails_the_response(caller):
    """A response.create on an empty conversation."""
    await caller.send("response.create")
    response = (await caller.until("response.done"))["response"]

    assert response["status_details"]["error"]["code"] == "no_question"


async def test_one_response_at_a_time(caller, servers):
    """A second one is refused with a code that clients know, and the first goes on."""
    servers.pause.clear()
    await caller.says("who made the first circuit")
    await caller.send("response.create")
    await caller.until("response.output_audio_transcript.delta")
    await caller.send("response.create", event_id="mine")
    error = (await caller.until("error"))["error"]
    servers.pause.set()

    assert (error["code"], error["event_id"]) == ("conversation_already_has_active_response", "mine")
    assert (await caller.until("response.done"))["response"]["status"] == "completed"


async def test_a_response_outside_of_the_conversation_leaves_no_trace(caller, replica):
    """conversation "none": an answer, but no item and no history."""
    response = await caller.asks("who made the first circuit", conversation="none")

    assert response["status"] == "completed"
    assert len(caller.all("conversation.item.added")) == 1
    assert (await replica.app.state.sessions.read(caller.seen[0]["session"]["id"])).turns == ()


async def test_a_question_may_come_with_the_response(caller, servers):
    """As `input` of response.create."""
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "who was it"}]}
    await caller.send("response.create", response={"input": [item]})

    assert (await caller.until("response.done"))["response"]["status"] == "completed"
    assert servers.prompts[-1][-1]["content"].endswith("who was it")


async def test_a_voice_nobody_knows_is_taken(caller):
    """LiveKit asks for "marin"; the tts stage finds one of ours."""
    await caller.send("session.update", session={"audio": {"output": {"voice": "marin"}}, "model": "gpt-realtime"})
    session = (await caller.until("session.updated"))["session"]

    assert session["audio"]["output"]["voice"] == "marin"
    assert (await caller.asks())["status"] == "completed"
