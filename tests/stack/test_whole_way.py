"""The way of one question through the real services: upload, transcribe, ask out loud, go on, look back, end."""

import base64
import re

import pytest

from viva.audio import AudioLimits, Decoder
from viva.client import Lecture, VivaClient
from viva.errors import NotFound
from viva.events import AnswerDelta, Audio, Done, Transcript


def answer_of(events: list) -> Done:
    assert isinstance(events[-1], Done), events[-1]
    return events[-1]


@pytest.fixture(scope="session")
def conversation(url, lecture, spoken) -> tuple[str, list, list]:
    """A session with a spoken question and its spoken follow-up: the session's id and the events of both turns."""
    with VivaClient(url) as client:
        session = client.open_session(lecture.lecture_id)
        first = list(client.ask(session, lecture.lecture_id, spoken.question))
        second = list(client.ask(session, lecture.lecture_id, spoken.follow_up))
    return session, first, second


def test_an_uploaded_lecture_becomes_ready_with_its_words_and_times(lecture):
    """The transcript has the lecture's words, in order, within its length."""
    assert lecture.is_ready
    assert lecture.progress == 1.0
    assert 20 < lecture.duration_s < 120
    assert "kilby" in " ".join(segment.text for segment in lecture.segments).lower()
    times = [time for segment in lecture.segments for time in (segment.start, segment.end)]
    assert times == sorted(times)
    assert times[-1] <= lecture.duration_s + 0.5


def test_a_spoken_question_is_heard_answered_cited_and_spoken(conversation, lecture):
    """Transcript first, text and audio between, one `done` last; the citation holds the answer, within the lecture."""
    _, events, _ = conversation
    done = answer_of(events)
    assert isinstance(events[0], Transcript)
    assert "first integrated circuit" in events[0].text
    assert sum(isinstance(event, Done) for event in events) == 1
    assert "".join(event.text for event in events if isinstance(event, AnswerDelta)).strip() == done.answer
    assert "kilby" in done.answer.lower()
    assert any("kilby" in citation.text.lower() for citation in done.citations)
    assert all(0 <= citation.start < citation.end <= lecture.duration_s + 0.5 for citation in done.citations)
    assert done.degraded is None
    assert done.history_saved


async def test_the_answers_audio_is_playable_sound(conversation, tmp_path):
    """Each audio event is a file of its own that decodes to sound, and they are numbered from 0."""
    _, events, _ = conversation
    sentences = [event for event in events if isinstance(event, Audio)]
    assert [event.seq for event in sentences] == list(range(len(sentences)))
    assert sentences
    decoder = Decoder()
    await decoder.start()
    try:
        for event in sentences:
            path = tmp_path / f"{event.seq}.{event.format}"
            path.write_bytes(base64.b64decode(event.data))
            assert (await decoder.inspect(path, AudioLimits(max_duration_s=60))).duration_s > 0.3
    finally:
        await decoder.close()


def test_a_follow_up_is_understood_from_the_history(conversation):
    """ "And what year was that?" finds the year of what the first question was about, however it is written down."""
    _, _, events = conversation
    assert re.search(r"fifty[ -]eight|\b1958\b", answer_of(events).answer.lower())


def test_the_receipt_says_where_the_time_went(conversation):
    """Every stage of a spoken turn has its time, and the moments are in order."""
    _, events, _ = conversation
    receipt = answer_of(events).receipt
    moments = [receipt.asr_ms, receipt.llm_first_token_ms, receipt.first_sentence_ms, receipt.first_audio_ms]
    assert None not in moments
    assert moments == sorted(moments)
    assert receipt.total_ms >= receipt.first_audio_ms


def test_the_history_has_both_pairs_in_order(conversation, client: VivaClient):
    """What a client has seen `done` for is in the session, once, as it was said."""
    session, first, second = conversation
    kept = client.session(session).turns
    assert [turn["turn_id"] for turn in kept] == [answer_of(first).turn_id, answer_of(second).turn_id]
    assert [turn["answer"] for turn in kept] == [answer_of(first).answer, answer_of(second).answer]


def test_what_the_lecture_does_not_cover_is_not_invented(client: VivaClient, lecture: Lecture):
    """A question about something else is answered without a citation."""
    done = answer_of(list(client.ask(None, lecture.lecture_id, "How do penguins raise their chicks?")))
    assert done.citations == ()
    assert done.answer


def test_an_ended_session_is_archived_and_gone(client: VivaClient, lecture: Lecture):
    """Ending says where the archive is, counts the turns, and the session is not found afterwards."""
    session = client.open_session(lecture.lecture_id)
    answer_of(list(client.ask(session, None, "Who made the first integrated circuit?")))
    ended = client.end_session(session)
    assert ended["turns"] == 1
    assert session in ended["object_key"]
    with pytest.raises(NotFound):
        client.session(session)


def test_a_typed_question_without_a_session_opens_one(client: VivaClient, lecture: Lecture):
    """`done` names the new session, which has the turn."""
    done = answer_of(list(client.ask(None, lecture.lecture_id, "Who made the first integrated circuit?")))
    assert [turn["turn_id"] for turn in client.session(done.session_id).turns] == [done.turn_id]


def test_status_names_the_embedded_engines(client: VivaClient):
    """Without models and servers the embedded engines run, and each says why."""
    stages = client.status()["stages"]
    assert {name: stage["engine"] for name, stage in stages.items()} == {
        "asr": "moonshine",
        "llm": "extractive",
        "tts": "flite",
    }
    assert all(stage["why"] for stage in stages.values())
