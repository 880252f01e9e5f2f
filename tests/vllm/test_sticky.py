"""What it is worth that the turns about a lecture meet one replica."""

import itertools
from collections.abc import Callable

import httpx

from viva_orchestrator.context.leads import transcript_lead
from viva_orchestrator.context.lecture import LectureText
from viva_orchestrator.lectures.model import Transcript

from .lectures import segments_of, words_from
from .server import Counters
from .viva_stack import Viva

LECTURES = 20
MINUTES = 8
QUESTIONS = ("What is it about?", "And why is that?")

Ask = Callable[[dict], None]


def prompts(first_word: int) -> list[tuple[str, list[list[dict]]]]:
    """Twenty lectures that nobody has asked about, and the messages of two questions about each, as the orchestrator
    writes them."""
    made = []
    for number in range(LECTURES):
        words = words_from(first_word + 211 * number, MINUTES * 150)
        transcript = Transcript(f"lec_{number}", f"{first_word}-{number}", "ready", 0.0, 0.0, tuple(segments_of(words)))
        lead = transcript_lead(LectureText(transcript), "tiny").messages
        asked = [[*lead, {"role": "user", "content": question}] for question in QUESTIONS]
        made.append((f"lecture:{first_word}-{number}", asked))
    return made


def ask_all(first_word: int, ask: Ask) -> None:
    """Two questions about each lecture, one after the other."""
    for key, asked in prompts(first_word):
        for messages in asked:
            ask({"model": "tiny", "messages": messages, "max_tokens": 2, "prompt_cache_key": key})


def asked_at(url: str, body: dict) -> None:
    httpx.post(f"{url}/v1/chat/completions", json=body, timeout=60, trust_env=False).raise_for_status()


def test_sticky_routing_hits_at_least_twice_as_often_as_round_robin(viva: Viva, record_property):
    """Twenty lectures, two questions about each, two replicas; the tokens found in the prefix caches, by vLLM's own
    counters. Round-robin is what a plain load balancer does with the same prompts."""
    router, servers = viva.stack["llm"].part.url, itertools.cycle(replica.part.url for replica in viva.replicas)
    before = viva.counters()
    ask_all(0, lambda body: asked_at(router, body))
    sticky = sum(viva.since(before), start=Counters())
    before = viva.counters()
    ask_all(50_000, lambda body: asked_at(next(servers), body))
    round_robin = sum(viva.since(before), start=Counters())
    rates = {"sticky": round(sticky.hit_rate, 3), "round_robin": round(round_robin.hit_rate, 3)}
    record_property("prefix_hit_rates", rates)
    print(f"prefix hit rate: {rates}")  # noqa: T201 - the figures that this test is for; pytest -s or -rP shows them
    assert sticky.answers == round_robin.answers == LECTURES * len(QUESTIONS)
    assert sticky.hit_rate > 0.45
    assert sticky.hit_rate >= 2 * round_robin.hit_rate
