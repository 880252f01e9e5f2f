"""Turns: what a client sees of one question, and what happens when a stage fails, leaves or hangs."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from viva import events
from viva.errors import Conflict, InvalidRequest, NotFound, Overloaded, StageUnavailable
from viva_orchestrator.lectures.model import Transcript
from viva_orchestrator.question import Question

from .running_turns import SEGMENTS, ask, of_type, spoken_question, turns_on


async def test_a_question_is_transcribed_answered_and_spoken(turns, servers):
    """Transcript, text, audio by clause in order, and a done with the citations' seconds."""
    found = await ask(turns, text=None, audio=spoken_question())
    assert found[0] == events.Transcript("who made the first circuit")
    assert "".join(delta.text for delta in of_type(found, events.AnswerDelta)) == (
        "It was Jack Kilby. He showed it in 1958."
    )
    audio = of_type(found, events.Audio)
    assert [clip.seq for clip in audio] == list(range(len(audio)))
    assert [clip.text for clip in audio] == ["It was Jack Kilby.", "He showed it in 1958."]
    done = found[-1]
    assert [(c.start, c.end) for c in done.citations] == [(0.0, 6.0), (6.5, 12.0)]
    assert done.usage == events.Usage(7, 5)
    assert done.degraded is None
    receipt = done.receipt
    assert 0 < receipt.llm_first_token_ms <= receipt.first_sentence_ms <= receipt.first_audio_ms <= receipt.total_ms
    assert receipt.asr_ms is not None
    assert len(of_type(found, events.Done)) + len(of_type(found, events.Error)) == 1


async def test_speech_begins_before_the_model_has_finished(turns, servers):
    """The first clause is heard while the model still holds the rest back."""
    servers.deltas = ["It was Jack Kilby, of course. ", "And that is all."]
    servers.pause.clear()
    async with aclosing(turns.run(Question(text="Who?", lecture_id="lec_1"), transport="test")) as turn:
        async for event in turn:
            if isinstance(event, events.Audio):
                assert event.text == "It was Jack Kilby,"
                assert not servers.pause.is_set()
                servers.pause.set()
                break
        rest = [event async for event in turn]
    assert isinstance(rest[-1], events.Done)


async def test_the_pair_is_in_the_history_when_done_is_seen(turns, parts, servers):
    """And the next question's prompt has it, with the citation marks, after a lecture that is byte-identical."""
    first = await ask(turns)
    session = await parts.sessions.read(first[-1].session_id)
    assert [(turn.question, turn.answer) for turn in session.turns] == [("Who made it?", first[-1].answer)]
    await ask(turns, text="And in which year?", session_id=session.session_id)
    prompts = servers.prompts
    assert prompts[0][0] == prompts[1][0]
    assert [message["content"] for message in prompts[1][1:]] == [
        "Who made it?",
        "It was Jack Kilby [1]. He showed it in 1958 [2].",
        "And in which year?",
    ]


async def test_the_request_id_goes_through_all_stages(turns, servers):
    """Every stage is called with the id that the logs of this request have."""
    import structlog

    with structlog.contextvars.bound_contextvars(request_id="id-7"):
        await ask(turns, text=None, audio=spoken_question())
    assert servers.request_ids == {"id-7"}


@pytest.mark.parametrize(
    ("question", "kind", "code"),
    [
        ({"lecture_id": "lec_2"}, NotFound, "not_found"),
        ({"session_id": "ses_" + "0" * 32}, NotFound, "session_not_found"),
        ({"session_id": "../../etc"}, NotFound, "session_not_found"),
        ({"lecture_id": None}, InvalidRequest, "lecture_required"),
        ({"text": None, "audio": b"RIFF....not audio"}, InvalidRequest, None),
        ({"text": None, "audio": spoken_question(61)}, InvalidRequest, "audio_too_long"),
    ],
)
async def test_what_fails_before_the_first_event_raises(turns, servers, question, kind, code):
    """The route makes an HTTP status of it; the model is not asked."""
    with pytest.raises(kind) as caught:
        await ask(turns, **question)
    assert code is None or caught.value.code == code
    assert servers.prompts == []


async def test_a_question_without_speech_is_refused(turns, servers):
    """Silence is not answered."""
    servers.words = ""
    with pytest.raises(InvalidRequest) as caught:
        await ask(turns, text=None, audio=spoken_question())
    assert caught.value.code == "no_speech"


async def test_asr_down_is_one_error(turns, servers):
    """There is no answer without the question."""
    servers.status["asr"] = 500
    with pytest.raises(StageUnavailable) as caught:
        await ask(turns, text=None, audio=spoken_question())
    assert caught.value.code == "asr_unavailable"


@pytest.mark.parametrize("stage", ["asr", "tts"])
async def test_one_failure_of_a_replica_is_not_noticed(turns, servers, stage):
    """asr and tts are asked once more; nothing is lost, nothing said twice."""
    servers.fail_times[stage] = 1
    found = await ask(turns, text=None, audio=spoken_question())
    assert found[-1].degraded is None
    assert [clip.text for clip in of_type(found, events.Audio)] == [
        "It was Jack Kilby.",
        "He showed it in 1958.",
    ]


async def test_a_stand_in_model_is_named(turns, servers):
    """What the llm stage says of its fallback reaches the client."""
    servers.degraded = "llm:extractive"
    assert (await ask(turns))[-1].degraded == "llm:extractive"


async def test_llm_down_is_one_error_and_nothing_is_stored(turns, parts, servers):
    """After the transcript an error is an event."""
    session = await parts.sessions.open("lec_1")
    servers.status["llm"] = 500
    found = await ask(turns, session_id=session.session_id)
    assert [event.type for event in found] == ["transcript", "error"]
    assert (found[-1].code, found[-1].retryable) == ("llm_unavailable", True)
    assert (await parts.sessions.read(session.session_id)).turns == ()


async def test_an_answer_without_its_finish_mark_is_an_error(turns, parts, servers):
    """A cut answer is never done and never stored."""
    servers.finish = False
    session = await parts.sessions.open("lec_1")
    found = await ask(turns, session_id=session.session_id)
    assert found[-1].code == "llm_interrupted"
    assert (await parts.sessions.read(session.session_id)).turns == ()


async def test_a_client_that_leaves_stops_the_work(turns, parts, servers):
    """Closing the turn cancels the model's request, frees the place and stores nothing."""
    session = await parts.sessions.open("lec_1")
    servers.pause.clear()
    turn = turns.run(Question(text="Who?", session_id=session.session_id), transport="test")
    await anext(turn)
    await servers.paused.wait()
    assert turns.active == 1
    await turn.aclose()
    await asyncio.wait_for(servers.left.wait(), 30)
    assert turns.active == 0
    assert (await parts.sessions.read(session.session_id)).turns == ()


async def test_a_model_that_hangs_ends_at_the_deadline(servers, redis_client, tmp_path):
    """Every turn ends."""
    servers.pause.clear()
    async with turns_on(servers, redis_client, tmp_path, turn_deadline_s=1) as (turns, _, _):
        found = await ask(turns)
    assert found[-1].code == "deadline_exceeded"


async def test_a_reader_that_stops_reading_frees_the_place(servers, redis_client, tmp_path):
    """The turn ends at its deadline though nobody reads; the error replaces what was not read."""
    servers.deltas, servers.pace_s = ["word "] * 500, 0.001
    async with turns_on(servers, redis_client, tmp_path, turn_deadline_s=1) as (turns, _, _):
        turn = turns.run(Question(text="Who?", lecture_id="lec_1", audio_format=None), transport="test")
        await anext(turn)
        async with asyncio.timeout(30):
            while turns.active:  # noqa: ASYNC110 - a turn that nobody reads tells no event
                await asyncio.sleep(0.05)
        found = [event async for event in turn]
    assert len(found) <= 64
    assert found[-1].code == "deadline_exceeded"


async def test_past_capacity_the_excess_is_told_at_once(servers, redis_client, tmp_path):
    """503 with a time to come back; the admitted turn is answered."""
    servers.pause.clear()
    async with turns_on(servers, redis_client, tmp_path, max_active_turns=1) as (turns, _, metrics):
        turn = turns.run(Question(text="Who?", lecture_id="lec_1"), transport="test")
        await anext(turn)
        with pytest.raises(Overloaded) as caught:
            await ask(turns)
        assert caught.value.retry_after_s
        servers.pause.set()
        assert isinstance([event async for event in turn][-1], events.Done)
    page = metrics.render()[0].decode()
    assert 'viva_turns_total{degraded="",outcome="shed",transport="test"} 1.0' in page
    assert 'viva_turns_total{degraded="",outcome="done",transport="test"} 1.0' in page


async def test_an_answer_waits_only_until_its_first_words(turns, servers):
    """What is said after them is nobody's wait any more; where nothing is to be said, the first words shown count."""
    servers.pause.clear()
    silent = Question(text="Who?", lecture_id="lec_1", audio_format=None)
    async with aclosing(turns.run(silent, transport="test")) as turn:
        async for event in turn:
            if isinstance(event, events.AnswerDelta):
                assert (turns.active, turns.room.waiting) == (1, 0)
                break
            assert turns.room.waiting == 1


async def test_whoever_leaves_waits_no_more(turns, servers):
    """The place is free when the turn has been cancelled, though no words were heard."""
    servers.pause.clear()
    async with aclosing(turns.run(Question(text="Who?", lecture_id="lec_1"), transport="test")) as turn:
        await anext(turn)
        assert turns.room.waiting == 1
    assert turns.room.waiting == 0


async def test_a_turn_that_could_not_begin_takes_no_place(turns):
    """A mistake of ours before the first stage is asked does not close the room."""

    def broken(_turn):
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError):
        await anext(turns.run(Question(text="Who?", lecture_id="lec_1"), transport="test", begun=broken))
    assert turns.room.waiting == 0


async def test_what_was_refused_while_it_was_awaited_counts_once(servers, redis_client, tmp_path):
    """Whoever refused to hear the question has counted that; it is no failure of the turn that waited for it."""
    hearing = asyncio.get_running_loop().create_future()
    async with turns_on(servers, redis_client, tmp_path) as (turns, _, metrics):
        turn = asyncio.ensure_future(ask(turns, text=None, hearing=hearing))
        while not turns.active:  # noqa: ASYNC110 - a turn that begins tells nobody
            await asyncio.sleep(0)
        hearing.set_exception(Overloaded("full"))
        with pytest.raises(Overloaded):
            await turn
    assert 'transport="test"' not in metrics.render()[0].decode()


async def test_an_answer_that_no_model_gave_says_nothing_of_how_long_others_wait(turns, parts):
    """It is there in milliseconds, whatever the stages have to do."""
    learned = []
    turns.room.heard = lambda wait, took_s: learned.append(took_s)
    parts.lectures.known = Transcript("lec_1", None, "transcribing", 300.0, 0.0, ())
    await ask(turns)
    assert (learned, turns.room.waiting) == ([], 0)
    parts.lectures.known = Transcript("lec_1", None, "ready", 12.0, 12.0, SEGMENTS)
    await ask(turns)
    assert len(learned) == 1


async def test_a_lecture_still_being_transcribed_is_answered_and_said(turns, parts):
    """From what is there; the answer ends with how much that is, the history has it without."""
    parts.lectures.known = Transcript("lec_1", None, "transcribing", 300.0, 125.0, SEGMENTS)
    done = (await ask(turns))[-1]
    assert done.degraded == "lecture:partial"
    assert done.answer.endswith("from the first 2 minutes; the rest of the lecture is still being transcribed.")
    session = await parts.sessions.read(done.session_id)
    assert "transcribed" not in session.turns[0].raw_answer


async def test_nothing_transcribed_yet_is_said_without_asking_the_model(turns, parts, servers):
    """A model with an empty lecture would make something up."""
    parts.lectures.known = Transcript("lec_1", None, "transcribing", 300.0, 0.0, ())
    done = (await ask(turns))[-1]
    assert "not heard anything" in done.answer
    assert servers.prompts == []


async def test_a_lecture_that_failed_midway_says_so(turns, parts):
    """What was transcribed is answered from; nothing more is promised."""
    parts.lectures.known = Transcript("lec_1", None, "failed", 300.0, 125.0, SEGMENTS)
    assert (await ask(turns))[-1].answer.endswith("the rest of the lecture could not be transcribed.")


async def test_a_failed_lecture_cannot_be_asked(turns, parts):
    """It says so, with a code."""
    parts.lectures.known = Transcript("lec_1", None, "failed", 300.0, 0.0, ())
    with pytest.raises(Conflict) as caught:
        await ask(turns)
    assert caught.value.code == "lecture_failed"


async def test_without_redis_questions_are_answered_and_not_remembered(servers, own_redis_server, tmp_path):
    """Redis gone: `history_saved` is false and nothing else is missing."""
    from viva_orchestrator.state import connect

    async with (
        connect(own_redis_server.url) as client,
        turns_on(servers, client, tmp_path) as (turns, parts, _),
    ):
        session = await parts.sessions.open("lec_1")
        own_redis_server.stop()
        done = (await ask(turns, session_id=session.session_id))[-1]
        assert (done.history_saved, done.degraded) == (False, None)
        own_redis_server.start()
        done = (await ask(turns, session_id=session.session_id))[-1]
        assert done.history_saved


async def test_made_up_passage_numbers_are_not_cited(turns, servers):
    """A mark that names no passage leaves the text and nothing else."""
    servers.deltas = ["Kilby [99] did it [2]."]
    done = (await ask(turns))[-1]
    assert [citation.start for citation in done.citations] == [6.5]
    assert done.answer == "Kilby did it."


async def test_an_unexpected_failure_tells_no_secrets(turns, servers):
    """An unexpected exception inside a turn becomes one error event without its text."""

    async def broken(*_args, **_options):
        raise RuntimeError("password=hunter2")
        yield

    turns._parts.stages.answer = broken
    found = await ask(turns)
    assert found[-1].code == "internal_error"
    assert "hunter2" not in found[-1].message
