"""The setting that lists the backends."""

import pytest

from viva_llm.backend_list import BackendSpec, parse_backends


def test_list_keeps_its_order_and_names_its_entries():
    """Entries without a name are called after their kind, with a number from the second on."""
    text = (
        "openai:http://a:8000/v1/|Qwen/Qwen2.5-3B, openai:https://b/v1|llama3.2:3b ,fast=openai:http://c/v1,extractive,"
    )
    assert parse_backends(text) == (
        BackendSpec("openai", "openai", "http://a:8000/v1", "Qwen/Qwen2.5-3B"),
        BackendSpec("openai-2", "openai", "https://b/v1", "llama3.2:3b"),
        BackendSpec("fast", "openai", "http://c/v1", ""),
        BackendSpec("extractive", "extractive"),
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the list of backends is empty"),
        (" , ", "the list of backends is empty"),
        ("vllm", "'vllm' is no backend"),
        ("Fast=fake", "'Fast=fake' is no backend"),
        ("openai", "'openai' needs an http address"),
        ("openai:localhost:8000", "needs an http address"),
        ("openai:ftp://a/v1", "needs an http address"),
        ("openai:http://user:pw@a/v1", "must not carry a password"),
        ("openai:http://a/v1?x=1", "without '?' or '#'"),
        ("extractive:http://a", "extractive backends have none"),
        ("a=fake,a=extractive", "two backends are called 'a'"),
    ],
)
def test_wrong_entry_is_told_in_a_sentence(text, sentence):
    """The complaint quotes the entry and says what to write; a password is not repeated."""
    with pytest.raises(ValueError, match=sentence.replace("?", r"\?")) as caught:
        parse_backends(text)
    assert "pw@" not in str(caught.value)
