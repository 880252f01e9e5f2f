"""The routes file: what it may say, and how it is told what is wrong with it."""

import pytest

from viva_llm.backend_list import parse_backends
from viva_llm.policy import BackendPolicy, RoutePolicy, policy_of
from viva_llm.policy_file import PolicyError, parse_policy, read_policy

GOOD = b"""\
backends:
  l4:
    dns: http://vllm-llama:8000/v1
  two:
    url: [http://10.0.0.1:8000/v1/, http://10.0.0.2:8000/v1]
  pods:
    kubernetes: {selector: "app=vllm", port: 8000}
aliases:
  fast:
    - {backend: l4, model: meta-llama/Llama-3.1-8B-Instruct, first_token_s: 3, chunk_s: 2.5}
    - backend: two
    - backend: extractive
  quality:
    - backend: pods
"""


def test_good_file_is_read():
    """Backends with each way to find their replicas, aliases in order, deadlines; `extractive` needs no entry."""
    policy = parse_policy(GOOD, "routes.yaml")
    assert policy.default == "fast"
    assert list(policy.used()) == ["l4", "two", "extractive", "pods"]
    assert policy.backend("two").url == ("http://10.0.0.1:8000/v1", "http://10.0.0.2:8000/v1")
    assert policy.backend("pods").kubernetes.target().selector == "app=vllm"
    assert policy.backend("extractive") == BackendPolicy(kind="extractive")
    assert policy.aliases["fast"][0] == RoutePolicy(
        backend="l4", model="meta-llama/Llama-3.1-8B-Instruct", first_token_s=3, chunk_s=2.5
    )


def test_alias_default_is_the_default():
    """Requests without a model go to the alias `default`, wherever it stands."""
    text = b"aliases: {fast: [{backend: extractive}], default: [{backend: extractive}]}"
    assert parse_policy(text, "f").default == "default"


def test_backend_without_a_route_is_left_alone():
    """Servers may stand in the file that no alias leads to at the moment; nobody asks them anything."""
    policy = parse_policy(GOOD.replace(b"    - backend: pods", b"    - backend: l4"), "f")
    assert "pods" in policy.backends
    assert "pods" not in policy.used()


def test_list_of_backends_is_a_policy_of_one_alias():
    """VIVA_LLM_BACKENDS stands for the alias `default`, in its order and with its models."""
    policy = policy_of(parse_backends("a=openai:http://a/v1|m, extractive"))
    assert list(policy.aliases) == ["default"]
    assert [(route.backend, route.model) for route in policy.aliases["default"]] == [("a", "m"), ("extractive", "")]
    assert policy.backend("a").url == ("http://a/v1",)


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        ((b"backend: two", b"backend: tow"), 11, "fast.1.backend: there is no backend 'tow'; there are extractive"),
        ((b"dns: http://vllm-llama:8000/v1", b"dns: vllm-llama:8000"), 3, "needs an http address"),
        ((b"dns: http://", b"dns: https://"), 2, "dns must begin with http://"),
        ((b"dns:", b"host:"), 3, "backends.l4.host: there is no such setting"),
        ((b"chunk_s: 2.5", b"chunk_s: soon"), 10, "aliases.fast.0.chunk_s: should be a valid number"),
        ((b"chunk_s: 2.5", b"chunk_s: -1"), 10, "greater than 0"),
        ((b"first_token_s", b"first_tokens"), 10, "first_tokens: there is no such setting"),
        ((b"- backend: two", b"- model: m"), 11, "aliases.fast.1.backend: is missing"),
        ((b"  two:\n", b"  Two Of:\n"), 4, "is no name"),
        ((b"  quality:\n", b"  fast:\n"), 13, "'fast' stands here twice"),
        ((b"  quality:\n", b"  viva:\n"), 13, "'viva' always stands for the default alias"),
        ((b"- backend: extractive", b"- backend: two"), 12, "the same model of the same backend"),
        ((b"- backend: extractive", b"- {backend: extractive, model: m}"), 12, "have no models to choose from"),
        ((b"    - backend: pods\n", b"    []\n"), 13, "at least 1 item"),
        ((b'selector: "app=vllm"', b"objects: pods"), 7, "name a service or a selector"),
        ((b"    url: [", b"    dns: http://x/v1\n    url: ["), 4, "one of url, dns, kubernetes"),
        ((b"    - backend: pods\n", b"    pods\n"), 13, "aliases.quality: should be a list"),
        ((b"- backend: two", b"- two"), 11, "aliases.fast.1: should be a mapping"),
        ((b"aliases:", b"aliases: ["), 10, "no YAML"),
        ((b"  fast:", b"\tfast:"), 9, "no YAML"),
    ],
)
def test_wrong_file_is_told_with_its_line(change, line, said):
    """The complaint has the file's name, the line, where in the document, and what is wrong there."""
    assert change[0] in GOOD
    with pytest.raises(PolicyError) as caught:
        parse_policy(GOOD.replace(*change, 1), "routes.yaml")
    assert f"routes.yaml, line {line}: " in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize("text", [b"", b"# nothing\n", b"- a\n", b"text", b"\xff\xfe\xff", b"a: " + b"[" * 5000, b"?"])
def test_what_is_no_policy_is_a_sentence(text):
    """Whatever the bytes are, the complaint is a sentence that names the file."""
    with pytest.raises(PolicyError, match=r"routes\.yaml"):
        parse_policy(text, "routes.yaml")


def test_several_mistakes_are_told_at_once():
    """Nobody has to start the service once for each mistake."""
    with pytest.raises(PolicyError) as caught:
        parse_policy(GOOD.replace(b"dns:", b"host:").replace(b"chunk_s", b"chunks"), "routes.yaml")
    assert "line 3" in str(caught.value)
    assert "line 10" in str(caught.value)


def test_password_in_an_address_is_not_repeated():
    """An address with a password is refused without being quoted."""
    with pytest.raises(PolicyError, match="must not carry a password") as caught:
        parse_policy(GOOD.replace(b"http://vllm", b"http://me:secret@vllm"), "routes.yaml")
    assert "secret" not in str(caught.value)


def test_missing_file_is_a_sentence(tmp_path):
    """A file that is not there is told by its name."""
    with pytest.raises(PolicyError, match="cannot be read"):
        read_policy(tmp_path / "routes.yaml")
