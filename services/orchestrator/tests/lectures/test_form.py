"""The multipart form is read right however its bytes are cut, and anything else is refused."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viva.errors import InvalidRequest
from viva_orchestrator.lectures.form import MAX_FIELD_BYTES, MAX_PARTS, LectureForm

TYPE = "multipart/form-data; boundary=frontier"


def _part(name: str, data: bytes, *, filename: str | None = None) -> bytes:
    named = f'; filename="{filename}"' if filename else ""
    return f'--frontier\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + data + b"\r\n"


def _read(body: bytes, cuts: list[int]) -> tuple[LectureForm, bytes]:
    form = LectureForm(TYPE)
    edges = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    chunks = [body[start:end] for start, end in pairwise(edges)]
    return form, b"".join(block for chunk in chunks for block in form.feed(chunk))


@given(file=st.binary(max_size=300), cuts=st.lists(st.integers(0, 10_000), max_size=12))
def test_the_file_arrives_whole_however_it_is_cut(file: bytes, cuts: list[int]) -> None:
    """Cuts in the middle of boundaries and headers change nothing."""
    body = _part("title", "Röntgen".encode()) + _part("file", file, filename="x") + b"--frontier--\r\n"
    form, received = _read(body, cuts)
    form.flush()
    assert received == file
    assert form.has_file
    assert form.fields == {"title": "Röntgen"}


def test_a_file_in_another_field_is_told_where_it_belongs() -> None:
    """Whoever calls the field otherwise learns its name, rather than that theirs is too long."""
    with pytest.raises(InvalidRequest, match="belongs into the field 'file', not 'upload'"):
        _read(_part("upload", b"x" * 100, filename="talk.mp3") + b"--frontier--\r\n", [])


@given(end=st.integers(0, 150))
def test_a_form_that_stops_early_is_refused(end: int) -> None:
    """Every true prefix of a form is a form cut short."""
    body = _part("file", b"0123456789" * 10) + b"--frontier--"
    form, _ = _read(body[: min(end, len(body) - 1)], [])
    with pytest.raises(InvalidRequest):
        form.flush()


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=" + "x" * 1000])
def test_a_form_needs_a_boundary(content_type: str) -> None:
    """No boundary, or one longer than any, is refused at once."""
    with pytest.raises(InvalidRequest):
        LectureForm(content_type)


@pytest.mark.parametrize(
    "body",
    [
        _part("file", b"1") + _part("file", b"2"),
        _part("title", b"x" * (MAX_FIELD_BYTES + 1)),
        b"".join(_part(f"field{n}", b"") for n in range(MAX_PARTS + 1)),
        b"--frontier\r\n" + b"X: " + b"y" * 100_000,
        b"nothing like a form",
    ],
)
def test_forms_that_want_too_much_are_refused(body: bytes) -> None:
    """Two files, endless fields, headers or parts stop the parser where they begin to."""
    with pytest.raises(InvalidRequest) as caught:
        _read(body, [])
    assert caught.value.code == "invalid_form"
