"""What requests have in common that should meet the same replica."""

import tracemalloc

import pytest

from viva_llm.call_body import EmbeddingRequest
from viva_llm.request_body import ChatCompletionRequest, parse_request

MEGABYTE = 2**20


def request(*parts: dict | str, **fields: object) -> ChatCompletionRequest:
    """A chat whose first message has these parts."""
    content = [{"type": "text", "text": part} if isinstance(part, str) else part for part in parts]
    return ChatCompletionRequest(messages=[{"role": "user", "content": content}], **fields)


def sound(data: str) -> dict:
    """Audio inside the request."""
    return {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}


def address(url: str) -> dict:
    """Audio by its address, or as a data: URL."""
    return {"type": "audio_url", "audio_url": {"url": url}}


def test_what_the_client_names_goes_first():
    """The cache key, else the user, else the beginning of the first message."""
    text = request("lecture")
    assert text.placement_key() == "lecture"
    assert request("lecture", user="u").placement_key() == "u"
    assert request("lecture", user="u", prompt_cache_key="k").placement_key() == "k"


def test_long_text_is_known_by_its_beginning():
    """Turns about a lecture share a key whatever follows, and parts count like one text."""
    lecture = "word " * 10_000
    key = parse_request(ChatCompletionRequest, b'{"messages":[{"role":"user","content":"%s"}]}' % lecture.encode())
    assert key.placement_key() == (lecture + "more")[:16_384] == request(lecture, "more").placement_key()


@pytest.mark.parametrize("part", [sound, lambda data: address("data:audio/wav;base64," + data)], ids=["part", "URL"])
def test_recordings_that_begin_alike_are_told_apart(part):
    """The same recording has the same key, one with another end or length another, also behind the same words."""
    begin = "A" * 100_000
    keys = [request("Transcribe:", part(data)).placement_key() for data in (begin, begin + "B", begin[:-1] + "B")]
    assert len(set(keys)) == 3
    assert keys[0] == request("Transcribe:", part(begin)).placement_key()
    assert max(map(len, keys)) <= 16_384


def test_addresses_count_whole():
    """Two lectures' addresses are two keys."""
    keys = {request(address(f"http://viva/v1/lectures/{n}/audio")).placement_key() for n in range(10)}
    assert len(keys) == 10


@pytest.mark.parametrize(
    "make",
    [
        lambda: request(sound("A" * 16 * MEGABYTE)),
        lambda: request(address("data:audio/wav;base64," + "A" * 16 * MEGABYTE)),
        lambda: request("A" * 16 * MEGABYTE, "B"),
        lambda: EmbeddingRequest(input=["text " * MEGABYTE] * 8),
        lambda: EmbeddingRequest(input=[7] * MEGABYTE),
        lambda: EmbeddingRequest(input=[[7] * MEGABYTE, [8]]),
    ],
    ids=["audio", "data URL", "text", "texts", "tokens", "lists of tokens"],
)
def test_key_of_a_large_request_costs_little(make):
    """Megabytes of audio are not copied or printed for a hash."""
    asked = make()
    tracemalloc.start()
    try:
        key = asked.placement_key()
        _now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0 < len(key) <= 16_384
    assert most < MEGABYTE


def test_embeddings_are_spread():
    """Different inputs have different keys, in each of their forms."""
    inputs = ["a", "b", ["c", "d"], [1, 2], [3, 4], [[5], [6]]]
    assert len({EmbeddingRequest(input=given).placement_key() for given in inputs}) == len(inputs)
