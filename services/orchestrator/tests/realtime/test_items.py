"""The items of a conversation: made by clients, cut to what was heard, deleted, and what the model is given of them."""

from __future__ import annotations

import asyncio

import pytest

from viva_orchestrator.question import Question

from .conftest import PATIENCE_S

ANSWER = "It was Jack Kilby. He showed it in 1958."
FIRST_MS = 15 * 10
"""How long "It was Jack Kilby." sounds at 10 ms a letter."""


async def make(caller, role: str, text: str, **event) -> dict:
    """Creates an item; returns the event that says that it was added."""
    kind = "output_text" if role == "assistant" else "input_text"
    item = {
        "type": "message",
        "role": role,
        "content": [{"type": kind, "text": text}],
        **event.pop("item", {}),
    }
    await caller.send("conversation.item.create", item=item, **event)
    added = await caller.until("conversation.item.added")
    await caller.until("conversation.item.done")
    return added


async def retrieve(caller, item_id: str) -> dict:
    """The item as the server has it."""
    await caller.send("conversation.item.retrieve", item_id=item_id)
    return (await caller.until("conversation.item.retrieved"))["item"]


async def until_remembered(replica, caller, *turns: tuple[str, str, bool]) -> None:
    """Waits until this is the history: nobody who cancels an answer waits for Redis."""
    async with asyncio.timeout(PATIENCE_S):
        while await history(replica, caller) != list(turns):  # noqa: ASYNC110 - Redis has no event for it
            await asyncio.sleep(0.01)


async def history(replica, caller) -> list[tuple[str, str, bool]]:
    """Questions and answers of the session, and whether they were interrupted, as the other transports see them."""
    session = await replica.app.state.sessions.read(caller.seen[0]["session"]["id"])
    return [(turn.question, turn.answer, turn.interrupted) for turn in session.turns]


def said_before(servers) -> list[str]:
    """What the model was given of the conversation before the last question."""
    return [message["content"] for message in servers.prompts[-1] if message["role"] != "system"][:-1]


async def test_items_of_the_client_are_the_history(caller, servers):
    """As LiveKit and pipecat replay a conversation, under ids of their own, each behind the one before."""
    await make(caller, "system", "be brief", item={"id": "mine_0"})
    await make(caller, "user", "who made it", item={"id": "mine_1"}, previous_item_id="mine_0")
    added = await make(caller, "assistant", "Jack Kilby.", item={"id": "mine_2"}, previous_item_id="mine_1")
    await caller.asks("and when")

    assert (added["item"]["id"], added["previous_item_id"]) == ("mine_2", "mine_1")
    assert said_before(servers) == ["who made it", "Jack Kilby."]


async def test_items_go_where_the_client_puts_them(caller):
    """`root` is the beginning; an id that nobody knows is as good as the end."""
    await make(caller, "user", "second", item={"id": "b"})
    at_root = await make(caller, "user", "first", item={"id": "a"}, previous_item_id="root")
    between = await make(caller, "assistant", "between", item={"id": "ab"}, previous_item_id="a")
    behind = await make(caller, "user", "third", item={"id": "c"}, previous_item_id="unknown")

    previous = [event["previous_item_id"] for event in (at_root, between, behind)]
    assert previous == [None, "a", "b"]


async def test_creating_an_item_again_changes_nothing(caller):
    """A client that replays its history is answered, and the item stays what it was."""
    await make(caller, "user", "who made it", item={"id": "mine"})
    again = await make(caller, "user", "something else", item={"id": "mine"})

    assert again["item"]["content"][0]["text"] == "who made it"
    assert (await retrieve(caller, "mine"))["content"][0]["text"] == "who made it"


async def test_an_unknown_item_cannot_be_retrieved(caller):
    """pipecat waits for an error with this code and the id of its event."""
    await caller.send("conversation.item.retrieve", item_id="nobody", event_id="rci_nobody")
    error = (await caller.until("error"))["error"]

    assert (error["code"], error["event_id"]) == ("item_retrieve_invalid_item_id", "rci_nobody")


async def test_what_was_not_heard_is_cut_from_item_and_history(caller, servers, replica):
    """Playback stopped within the second sentence: its first words stay, everywhere, and the model sees no more."""
    servers.ms_per_letter = 10
    response = await caller.asks()
    item_id = response["output"][0]["id"]
    await caller.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=FIRST_MS + 85)
    truncated = await caller.until("conversation.item.truncated")

    assert (truncated["item_id"], truncated["audio_end_ms"]) == (item_id, FIRST_MS + 85)
    heard = "It was Jack Kilby. He showed"
    item = await retrieve(caller, item_id)
    assert item["content"][0]["transcript"] == heard
    assert len(item["content"][0]["annotations"]) == 1
    assert await history(replica, caller) == [("who made the first circuit", heard, True)]
    await caller.asks("and when")
    assert said_before(servers) == ["who made the first circuit", "It was Jack Kilby [1]. He showed"]


@pytest.mark.parametrize("end_ms", [10_000_000, -1])
async def test_an_odd_end_is_never_refused(caller, servers, end_ms):
    """An error would end pipecat's conversation: past the end is all of it, before the beginning is nothing."""
    servers.ms_per_letter = 10
    item_id = (await caller.asks())["output"][0]["id"]
    await caller.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=end_ms)
    await caller.until("conversation.item.truncated")

    transcript = (await retrieve(caller, item_id))["content"][0]["transcript"]
    assert transcript == (ANSWER if end_ms > 0 else "")
    assert caller.all("error") == []


async def test_an_item_that_is_not_there_can_be_truncated(caller):
    """The client is told what it wants to hear."""
    await caller.send("conversation.item.truncate", item_id="nobody", content_index=0, audio_end_ms=5)

    assert (await caller.until("conversation.item.truncated"))["item_id"] == "nobody"


async def test_an_answer_that_was_never_heard_is_not_in_the_history(caller, servers, replica):
    """Cut at its beginning it is gone, for the model and for the other transports."""
    servers.ms_per_letter = 10
    item_id = (await caller.asks())["output"][0]["id"]
    await caller.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=0)
    await caller.until("conversation.item.truncated")
    await caller.asks("and when")

    assert said_before(servers) == []
    assert await history(replica, caller) == [("and when", ANSWER, False)]


async def test_a_cancelled_answer_is_remembered_as_far_as_it_was_spoken(caller, servers, replica):
    """The sentence that was sent as audio is in the history, the words behind it are not."""
    servers.deltas = ["It was Jack Kilby [1]. He showed ", "it in 1958 [2]."]
    servers.ms_per_letter = 10
    servers.pause.clear()
    await caller.says("who made the first circuit")
    await caller.send("response.create")
    await caller.until("response.output_audio.delta")
    await caller.send("response.cancel")
    item = (await caller.until("response.done"))["response"]["output"][0]
    servers.pause.set()

    assert (item["status"], item["content"][0]["transcript"]) == ("incomplete", "It was Jack Kilby.")
    await until_remembered(replica, caller, ("who made the first circuit", "It was Jack Kilby.", True))
    await caller.asks("and when")
    assert said_before(servers) == ["who made the first circuit", "It was Jack Kilby [1]."]


async def test_an_interrupted_answer_is_cut_to_what_was_heard(caller, servers, replica):
    """The truncate comes after the cancel, as pipecat and LiveKit send it."""
    servers.deltas = ["It was Jack Kilby [1]. He showed ", "it in 1958 [2]."]
    servers.ms_per_letter = 10
    servers.pause.clear()
    await caller.says("who made the first circuit")
    await caller.send("response.create")
    await caller.until("response.output_audio.delta")
    await caller.send("response.cancel")
    item_id = (await caller.until("response.done"))["response"]["output"][0]["id"]
    await caller.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=60)
    await caller.until("conversation.item.truncated")
    assert (await retrieve(caller, item_id))["content"][0]["transcript"] == "It was"

    assert await history(replica, caller) == [("who made the first circuit", "It was", True)]


async def test_an_answer_may_be_truncated_before_it_is_complete(caller, servers, replica):
    """The client stopped playing while the server still spoke: all that comes after is not heard either."""
    servers.deltas = ["It was Jack Kilby [1]. He showed ", "it in 1958 [2]."]
    servers.ms_per_letter = 10
    servers.pause.clear()
    await caller.says("who made the first circuit")
    await caller.send("response.create")
    item_id = (await caller.until("response.output_audio.delta"))["item_id"]
    await caller.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=60)
    await caller.until("conversation.item.truncated")
    servers.pause.set()
    await caller.until("response.done")

    assert (await retrieve(caller, item_id))["content"][0]["transcript"] == "It was"
    await caller.asks("and when")
    assert said_before(servers) == ["who made the first circuit", "It was"]
    assert (await history(replica, caller))[0] == ("who made the first circuit", "It was", True)


async def test_an_answer_that_was_only_written_cannot_be_cut_by_ear(caller, servers, replica):
    """Without sound there is nothing to tell what was heard."""
    item_id = (await caller.asks(output_modalities=["text"]))["output"][0]["id"]
    await caller.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=0)
    await caller.until("conversation.item.truncated")

    assert (await retrieve(caller, item_id))["content"][0]["text"] == ANSWER
    assert (await history(replica, caller))[0][1] == ANSWER


async def test_a_deleted_item_is_gone_everywhere(caller, servers, replica):
    """From the conversation, the history and what the model is given; deleting it again is answered, too."""
    item_id = (await caller.asks())["output"][0]["id"]
    for _ in range(2):
        await caller.send("conversation.item.delete", item_id=item_id)
        assert (await caller.until("conversation.item.deleted"))["item_id"] == item_id
    await caller.asks("and when")

    assert said_before(servers) == []
    assert [question for question, _, _ in await history(replica, caller)] == ["and when"]


async def test_questions_of_other_transports_are_part_of_the_conversation(caller, servers, replica):
    """A turn of the same session over /invoke is known to the next answer."""
    await caller.asks("who made it")
    question = Question("where was that", session_id=caller.seen[0]["session"]["id"], audio_format=None)
    async for _ in replica.app.state.turns.run(question, transport="json_lines"):
        pass
    await caller.asks("and when")

    assert said_before(servers)[::2] == ["who made it", "where was that"]


async def test_calls_of_functions_are_kept_and_shown(caller):
    """They are not used: answers are held to the lecture."""
    item = {"id": "call", "type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}
    await caller.send("conversation.item.create", item=item)
    await caller.until("conversation.item.done")
    shown = await retrieve(caller, "call")

    assert {name: shown[name] for name in item} == item
