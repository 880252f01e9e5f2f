"""The voices of a turn: what is heard when, and what happens when a voice fails."""

from __future__ import annotations

import asyncio
import base64
from contextlib import aclosing

import pytest

from viva import events
from viva_orchestrator.question import Question

from .running_turns import ask, of_type, until


async def test_a_clause_is_heard_while_it_is_being_spoken(turns, servers):
    """In pieces the first audio does not wait for the clause's end; the words come with its last piece."""
    servers.deltas, servers.ms_per_letter = ["It was Jack Kilby."], 100
    servers.speech_rest.clear()
    question = Question(text="Who?", lecture_id="lec_1", audio_format="pcm", in_pieces=True)
    async with aclosing(turns.run(question, transport="test")) as turn:
        found = [await until(turn, events.Audio)]
        assert not servers.speech_rest.is_set()
        servers.speech_rest.set()
        found += [event async for event in turn if isinstance(event, events.Audio)]
    assert [clip.seq for clip in found] == list(range(len(found)))
    assert [clip.text for clip in found] == [*[""] * (len(found) - 1), "It was Jack Kilby."]
    letters = len("ItwasJackKilby.")
    assert sum(len(base64.b64decode(clip.data)) for clip in found) == 48 * 100 * letters


@pytest.mark.parametrize(("in_pieces", "ms_per_letter"), [(True, 10), (False, 100)])
async def test_a_voice_that_breaks_off_unheard_begins_anew(turns, servers, in_pieces, ms_per_letter):
    """Where nothing was sent yet the second try gives the whole clause, and nothing twice."""
    servers.deltas, servers.ms_per_letter, servers.breaks_off = ["It was Jack Kilby."], ms_per_letter, 1
    found = await ask(turns, audio_format="pcm", in_pieces=in_pieces)
    letters = len("ItwasJackKilby.")
    length = sum(len(base64.b64decode(clip.data)) for clip in of_type(found, events.Audio))
    assert length == 48 * ms_per_letter * letters
    assert servers.spoken == ["It was Jack Kilby."] * 2
    assert found[-1].degraded is None


async def test_a_voice_that_breaks_off_while_it_is_heard_ends_the_clause(turns, servers):
    """A second try would not say the rest just so. The answer says that it is not all spoken; the next clause is."""
    servers.deltas, servers.ms_per_letter = ["It was Jack Kilby. ", "He showed it in 1958."], 100
    servers.breaks_off, servers.cut_after = 1, asyncio.Event()
    question = Question(text="Who?", lecture_id="lec_1", audio_format="pcm", in_pieces=True)
    found = []
    async with aclosing(turns.run(question, transport="test")) as turn:
        async for event in turn:
            found.append(event)
            if isinstance(event, events.Audio):
                servers.cut_after.set()
    assert servers.spoken == ["It was Jack Kilby.", "He showed it in 1958."]
    clips = of_type(found, events.Audio)
    assert [clip.text for clip in clips if clip.text] == ["It was Jack Kilby.", "He showed it in 1958."]
    first = next(at for at, clip in enumerate(clips) if clip.text) + 1
    letters = len("ItwasJackKilby.")
    assert sum(len(base64.b64decode(clip.data)) for clip in clips[:first]) == 48 * 100 * letters // 2
    assert found[-1].degraded == "tts:text_only"


async def test_tts_down_leaves_the_text(turns, servers):
    """The answer comes without audio and says so."""
    servers.status["tts"] = 503
    found = await ask(turns)
    assert found[-1].degraded == "tts:text_only"
    assert of_type(found, events.Audio) == []
    assert found[-1].answer == "It was Jack Kilby. He showed it in 1958."


async def test_a_clause_that_cannot_be_said_silences_no_other(turns, servers):
    """The rest is spoken, and nothing is called degraded: the voice works."""
    servers.deltas = ["This is an unspeakable thing to say. ", "But this one can be heard by everyone."]
    found = await ask(turns)
    assert [clip.text for clip in of_type(found, events.Audio)] == ["But this one can be heard by everyone."]
    assert found[-1].degraded is None


async def test_speech_resumes_after_an_outage(turns, servers):
    """A clause that was lost is said to be; the next ones are heard."""
    servers.deltas, servers.pace_s = ["This clause will be lost. ", "This one is heard again."], 0.3
    servers.fail_times["tts"] = 2  # the try and its second try
    found = await ask(turns)
    assert [clip.text for clip in of_type(found, events.Audio)] == ["This one is heard again."]
    assert found[-1].degraded == "tts:text_only"


async def test_speech_can_be_left_out(turns, servers):
    """With audio_format none the tts stage is not asked."""
    found = await ask(turns, audio_format=None)
    assert of_type(found, events.Audio) == []
    assert servers.spoken == []
    assert found[-1].degraded is None


async def test_the_tts_stage_is_told_when_a_clause_is_needed(turns, servers):
    """The first one now, the others when those before are over, which no voice says faster than so."""
    clauses = ["It was Jack Kilby of course.", "And that is all there is.", "To say of it today."]
    servers.deltas = [f"{clause} " for clause in clauses]
    await ask(turns, speed=2.0)
    first, second, third = (servers.needed_in_ms[clause] for clause in clauses)
    assert first == 0
    # 40 characters a second at twice the pace, less what was heard by then.
    assert 0 < second <= 1000 * len(clauses[0]) / 40
    assert second < third <= 1000 * len("".join(clauses[:2])) / 40


@pytest.mark.parametrize(
    "unheard", ["https://example.org/an/address/that/is/rather/long. ", "This is an unspeakable thing to say. "]
)
async def test_what_nobody_hears_gives_no_time(turns, servers, unheard):
    """An address is not read aloud, and the voice refuses the other: what comes next is needed now."""
    servers.deltas, servers.pace_s = [unheard, "But this one can be heard by everyone."], 0.3
    await ask(turns)
    assert servers.needed_in_ms["But this one can be heard by everyone."] == 0
