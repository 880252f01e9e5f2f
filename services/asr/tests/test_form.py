"""Which fields are taken, and what is said about those that are not."""

import pytest

from viva.errors import InvalidRequest
from viva_asr.form import parse_form


def test_defaults() -> None:
    """A form with nothing in it is a request for JSON."""
    form = parse_form([])
    assert (form.response_format, form.stream, form.options.language, form.options.words) == (
        "json", False, None, False,
    )  # fmt: skip


def test_fields_that_change_nothing_are_taken() -> None:
    """Fields of newer clients are ignored rather than refused."""
    parse_form([("chunking_strategy", "auto"), ("include[]", "logprobs"), ("model", "gpt-4o-transcribe")])


@pytest.mark.parametrize(
    ("given", "code"), [("en", "en"), ("de-DE", "de"), ("English", "en"), ("ZH", "zh"), ("", None)]
)
def test_languages_by_code_or_name(given: str, code: str | None) -> None:
    """A language may be a code, a code with a region, or its English name."""
    assert parse_form([("language", given)]).language == code


def test_granularities_repeat() -> None:
    """Both spellings of the repeated field are understood."""
    form = parse_form(
        [
            ("response_format", "verbose_json"),
            ("timestamp_granularities[]", "word"),
            ("timestamp_granularities[]", "segment"),
        ]
    )
    assert form.options.words
    assert parse_form([("stream", "true"), ("timestamp_granularities", "word")]).options.words


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ([("response_format", "xml")], "response_format"),
        ([("temperature", "2")], "temperature"),
        ([("temperature", "warm")], "temperature"),
        ([("temperature", "nan")], "temperature"),
        ([("language", "klingon")], "language"),
        ([("stream", "perhaps")], "stream"),
        ([("prompt", "x" * 10_001)], "prompt"),
        ([("response_format", "verbose_json"), ("timestamp_granularities[]", "letter")], "timestamp_granularities"),
        ([("timestamp_granularities[]", "word")], None),
        ([("stream", "true"), ("response_format", "srt")], None),
    ],
)
def test_wrong_fields_get_a_sentence(fields: list[tuple[str, str]], param: str | None) -> None:
    """A wrong field is a 400 that names it and ends in a full stop."""
    with pytest.raises(InvalidRequest) as caught:
        parse_form(fields)
    assert caught.value.param == param
    assert caught.value.message.endswith(".")
