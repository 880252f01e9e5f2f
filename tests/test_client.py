"""The client against a server made of a function: what it sends, and what it makes of the answers."""

import json
from collections.abc import Callable, Iterable, Iterator

import httpx
import pytest

from viva import errors
from viva.client import ServerUnreachable, VivaClient
from viva.events import AnswerDelta, Done, Error

DONE = {
    "type": "done",
    "turn_id": "t1",
    "session_id": "s1",
    "question": "Why?",
    "answer": "Because.",
    "citations": [{"lecture_id": "l1", "start": 1.0, "end": 2.0, "text": "because"}],
    "degraded": None,
    "usage": {"prompt_tokens": 1, "completion_tokens": 2},
    "receipt": {"total_ms": 12.5},
}


def client_of(handler: Callable[[httpx.Request], httpx.Response]) -> VivaClient:
    return VivaClient("http://viva.test", transport=httpx.MockTransport(handler), reconnect_after_s=0.0)


def answering(*events: dict | str, chop: int = 7) -> Callable[[httpx.Request], httpx.Response]:
    """Answers with the events as JSON lines, in chunks that end anywhere."""
    text = "".join(
        (event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)) + "\n" for event in events
    )
    body = text.encode()
    chunks: Iterable[bytes] = [body[at : at + chop] for at in range(0, len(body), chop)]
    return lambda _request: httpx.Response(200, content=iter(chunks))


def test_a_turn_is_decoded_into_events_up_to_its_end():
    """Lines cut anywhere, and a line separator inside a text, come out as the events that were sent."""
    said = {"type": "answer.delta", "text": "one\u2028two é"}
    with client_of(answering(said, DONE, {"type": "answer.delta", "text": "after the end"})) as client:
        events = list(client.ask("s1", "l1", "Why?"))
    assert events[0] == AnswerDelta("one\u2028two é")
    assert isinstance(events[1], Done)
    assert events[1].citations[0].text == "because"
    assert len(events) == 2


def test_events_of_a_newer_server_are_passed_over():
    """An event type that this version does not know does not disturb the others."""
    with client_of(answering({"type": "mood", "value": 3}, DONE)) as client:
        assert [type(event) for event in client.ask("s1", "l1", "Why?")] == [Done]


def test_an_error_event_ends_the_turn():
    """A turn that fails after it began ends in its error event, not in an exception."""
    with client_of(
        answering({"type": "error", "code": "asr_unavailable", "message": "m", "retryable": True})
    ) as client:
        assert list(client.ask("s1", "l1", "Why?")) == [Error("asr_unavailable", "m", True)]


def test_a_turn_that_breaks_off_is_not_taken_for_whole():
    """A stream that ends without done or error is an error."""
    with (
        client_of(answering({"type": "answer.delta", "text": "Beca"})) as client,
        pytest.raises(ServerUnreachable, match="broke off"),
    ):
        list(client.ask("s1", "l1", "Why?"))


def test_a_typed_question_goes_as_json_and_a_spoken_one_as_a_form(tmp_path):
    """The body is what the API takes for each, with session, lecture and format."""
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        request.read()
        seen.append(request)
        return answering(DONE)(request)

    audio = tmp_path / "q.wav"
    audio.write_bytes(b"RIFF....")
    with client_of(handler) as client:
        list(client.ask("s1", "l1", "Why?", audio_format="wav"))
        list(client.ask("s1", "l1", audio))
    assert json.loads(seen[0].content) == {
        "session_id": "s1",
        "lecture_id": "l1",
        "question": "Why?",
        "audio_format": "wav",
    }
    assert seen[1].headers["content-type"].startswith("multipart/form-data")
    assert b'name="audio"; filename="q.wav"' in seen[1].content
    assert b"RIFF...." in seen[1].content


@pytest.mark.parametrize(
    ("status", "cls"),
    [
        (400, errors.InvalidRequest),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (413, errors.TooLarge),
        (415, errors.UnsupportedMedia),
        (429, errors.RateLimited),
        (503, errors.Overloaded),
        (504, errors.DeadlineExceeded),
        (500, errors.VivaError),
    ],
)
def test_the_servers_error_is_raised_as_what_it_was(status, cls):
    """Status and code decide the class; the message is the server's."""
    body = {"error": {"code": "some_code", "message": "It is so.", "param": None, "request_id": "r1"}}
    with client_of(lambda _request: httpx.Response(status, json=body)) as client:
        with pytest.raises(cls, match=r"It is so\.") as caught:
            client.lecture("l1")
        assert caught.value.code == "some_code"
        with pytest.raises(cls):
            list(client.ask("s1", "l1", "Why?"))


def test_an_answer_that_is_not_vivas_is_said_to_be_so():
    """An error page of some other server does not end in a JSON error, but in a hint at VIVA_URL."""
    with (
        client_of(lambda _request: httpx.Response(502, text="<html>")) as client,
        pytest.raises(errors.VivaError, match="VIVA_URL"),
    ):
        client.status()


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"null", b"\xff", b"", b'{"hello": "world"}'])
def test_a_success_that_is_not_vivas_is_said_to_be_so(body):
    """Another server's page, with 200: the sentence and its code, not a JSON error or a missing key."""
    with client_of(lambda _request: httpx.Response(200, content=body)) as client:
        for call in (lambda: client.lecture("l1"), lambda: list(client.lectures()), client.open_session):
            with pytest.raises(errors.VivaError, match="VIVA_URL") as caught:
                call()
            assert caught.value.code == "not_viva"


def test_a_turn_in_lines_that_are_no_events_is_said_to_be_so():
    """Text where events should be is not taken for a turn."""
    with (
        client_of(answering("<html>", "</html>")) as client,
        pytest.raises(errors.VivaError, match="VIVA_URL"),
    ):
        list(client.ask("s1", "l1", "Why?"))


def test_nobody_there_is_a_sentence_with_the_way_out():
    """A refused connection names the address and `make run`."""
    with VivaClient("http://127.0.0.1:9") as client:
        with pytest.raises(ServerUnreachable, match=r"No Viva answers at http://127\.0\.0\.1:9\. .*make run"):
            client.status()
        with pytest.raises(ServerUnreachable):
            list(client.ask("s1", "l1", "Why?"))


def test_a_connection_that_breaks_in_the_middle_is_ours(tmp_path):
    """A transport error while streaming becomes ServerUnreachable."""

    def broken() -> Iterator[bytes]:
        yield b'{"type":"answer.delta","text":"a"}\n'
        raise httpx.ReadError("reset")

    with (
        client_of(lambda _request: httpx.Response(200, content=broken())) as client,
        pytest.raises(ServerUnreachable, match="broke"),
    ):
        list(client.ask("s1", "l1", "Why?"))


def test_progress_is_followed_to_its_end():
    """Progress events become lectures; once ready, the last one is read whole and nothing after it."""
    progress = {"lecture_id": "l1", "status": "transcribing", "progress": 0.5, "duration_s": 10.0}
    ready = {**progress, "status": "ready", "progress": 1.0}
    whole = {**ready, "segments": [{"start": 0.0, "end": 1.0, "text": "hello"}]}
    body = "".join(f"event: progress\ndata: {json.dumps(event)}\n\n" for event in (progress, ready, progress))

    def handler(request: httpx.Request) -> httpx.Response:
        return (
            httpx.Response(200, text=body) if request.url.path.endswith("/events") else httpx.Response(200, json=whole)
        )

    with client_of(handler) as client:
        seen = list(client.follow("l1"))
    assert [(lecture.progress, lecture.is_ready) for lecture in seen] == [(0.5, False), (1.0, True)]
    assert seen[-1].segments[0].text == "hello"


def progress_event(progress: float, status: str = "transcribing") -> str:
    data = {"lecture_id": "l1", "status": status, "progress": progress, "duration_s": 10.0}
    return f"event: progress\ndata: {json.dumps(data)}\n\n"


def following(*connections: str | type[Exception]) -> Callable[[httpx.Request], httpx.Response]:
    """Answers each connection to the events with the next text, which ends; a lecture is always ready."""
    left = list(connections)

    def handler(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/events"):
            return httpx.Response(200, json={"lecture_id": "l1", "status": "ready", "progress": 1.0})
        body = left.pop(0)
        if isinstance(body, str):
            return httpx.Response(200, text=body)
        raise body("broken")

    return handler


def test_a_transcription_is_followed_over_broken_connections():
    """The connection is made again as long as the lecture goes on, and what was seen already is not seen twice."""
    half, most = progress_event(0.5), progress_event(0.8)
    again = "event: error\ndata: " + json.dumps(
        {"type": "error", "code": "redis_unavailable", "message": "Down.", "retryable": True}
    )
    connections = (half, httpx.ConnectError, half + most, again + "\n\n", most + progress_event(1.0, "ready"))
    with client_of(following(*connections)) as client:
        assert [lecture.progress for lecture in client.follow("l1")] == [0.5, 0.8, 1.0]


def test_following_gives_up_when_nothing_comes_any_more():
    """A connection that breaks again and again at the same place is not made for ever."""
    with (
        client_of(following(*[progress_event(0.5)] * 20)) as client,
        pytest.raises(ServerUnreachable, match="closed the connection"),
    ):
        list(client.follow("l1"))


@pytest.mark.parametrize(
    ("event", "body", "code"),
    [
        ("deleted", {"type": "deleted", "lecture_id": "l1"}, "not_found"),
        ("error", {"type": "error", "code": "odd", "message": "It is so.", "retryable": False}, "odd"),
        ("progress", {"hello": "world"}, "not_viva"),
    ],
)
def test_a_transcription_that_ends_otherwise_is_an_error_with_its_code(event, body, code):
    """The lecture was deleted, the server gave up, or it is not Viva: none is tried again."""
    with client_of(following(f"event: {event}\ndata: {json.dumps(body)}\n\n")) as client:
        with pytest.raises(errors.VivaError) as caught:
            list(client.follow("l1"))
        assert caught.value.code == code


def test_an_upload_has_its_title_and_key_and_the_list_can_be_asked_for_one_recording(tmp_path):
    """As a form field, a header and a query; without them nothing of the kind is sent."""
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        request.read()
        seen.append(request)
        return httpx.Response(200, json={"lecture_id": "l1", "status": "queued", "data": [], "sha256": "ab"})

    (tmp_path / "a.wav").write_bytes(b"RIFF")
    with client_of(handler) as client:
        assert client.upload(tmp_path / "a.wav", title="A title", key="k1").sha256 == "ab"
        client.upload(tmp_path / "a.wav")
        assert list(client.lectures(sha256="ab")) == []
    assert b"A title" in seen[0].content
    assert [request.headers.get("Idempotency-Key") for request in seen[:2]] == ["k1", None]
    assert seen[2].url.params["sha256"] == "ab"


def test_a_failed_lecture_has_its_reason_and_code():
    """As the server's `error` has them."""
    body = {"lecture_id": "l1", "status": "failed", "error": {"code": "audio_empty", "message": "No sound."}}
    with client_of(lambda _request: httpx.Response(200, json=body)) as client:
        lecture = client.lecture("l1")
    assert (lecture.error, lecture.error_code) == ("No sound.", "audio_empty")


def test_lectures_are_listed_page_by_page():
    """The pages of the list are read to the last."""
    pages = {
        None: {"data": [{"lecture_id": "l2", "status": "ready"}], "has_more": True},
        "l2": {"data": [{"lecture_id": "l1", "status": "failed"}], "has_more": False},
    }
    with client_of(lambda request: httpx.Response(200, json=pages[request.url.params.get("after")])) as client:
        assert [lecture.lecture_id for lecture in client.lectures()] == ["l2", "l1"]


def test_an_id_stays_one_segment_of_the_path():
    """What a person types as an id cannot reach another route, or none: a server takes %2F for a slash."""
    paths: list[bytes] = []

    def handler(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.raw_path)
        return httpx.Response(200, json={"lecture_id": "x", "status": "ready"})

    with client_of(handler) as client:
        client.lecture("../sessions/a?b#c")
    assert paths == [b"/v1/lectures/..%252Fsessions%252Fa%3Fb%23c"]
