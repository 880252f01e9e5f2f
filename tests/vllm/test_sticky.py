"""What it is worth that the turns about a lecture meet one replica."""

import itertools
import random

import httpx
import pytest

from viva_orchestrator.context.leads import transcript_lead
from viva_orchestrator.context.lecture import LectureText
from viva_orchestrator.lectures.model import Transcript

from .lectures import segments_of, words_from
from .server import Counters
from .viva_stack import Viva

LECTURES = 20
MINUTES = 8
QUESTIONS = ("What is it about?", "And why is that?")


def bodies(first_word: int) -> list[list[dict]]:
    """Twenty lectures that nobody has asked about, and the requests of two questions about each, as the orchestrator
    writes them."""
    made = []
    for number in range(LECTURES):
        words = words_from(first_word + 211 * number, MINUTES * 150)
        title = f"{first_word}-{number}"
        transcript = Transcript(title, title, "ready", 0.0, 0.0, tuple(segments_of(words)))
        lead = transcript_lead(LectureText(transcript), "tiny").messages
        asked = [[*lead, {"role": "user", "content": question}] for question in QUESTIONS]
        common = {"model": "tiny", "max_tokens": 2, "prompt_cache_key": f"lecture:{title}"}
        made.append([{**common, "messages": messages} for messages in asked])
    return made


def in_order(lectures: list[list[dict]], order: str) -> list[dict]:
    """The requests as they come: the second question about a lecture at once, or when all have been asked the first."""
    if order == "at once":
        return [body for asked in lectures for body in asked]
    mixed = random.Random(0).sample(lectures, len(lectures))
    return [asked[0] for asked in lectures] + [asked[1] for asked in mixed]


def asked_at(url: str, body: dict) -> None:
    httpx.post(f"{url}/v1/chat/completions", json=body, timeout=60, trust_env=False).raise_for_status()


@pytest.mark.parametrize(("order", "first_word"), [("at once", 0), ("mixed", 7_000)])
def test_sticky_routing_hits_twice_as_often_as_round_robin(viva: Viva, order: str, first_word: int):
    """Twenty lectures, two questions about each, two replicas; the tokens found in the prefix caches, by vLLM's own
    counters. Round-robin is what a plain load balancer does with the same kind of prompts: it never meets the replica
    of the question before, or by chance half of the time when others come in between."""
    router, servers = viva.stack["llm"].part.url, itertools.cycle(replica.part.url for replica in viva.replicas)
    before = viva.counters()
    for body in in_order(bodies(first_word), order):
        asked_at(router, body)
    sticky = sum(viva.since(before), start=Counters())
    before = viva.counters()
    for body in in_order(bodies(first_word + 100_000), order):
        asked_at(next(servers), body)
    round_robin = sum(viva.since(before), start=Counters())
    print(f"prefix hit rate, {order}: sticky {sticky.hit_rate:.2f}, round-robin {round_robin.hit_rate:.2f}")  # noqa: T201
    assert sticky.answers == round_robin.answers == LECTURES * len(QUESTIONS)
    assert sticky.hit_rate > 0.45
    assert sticky.hit_rate >= 2 * round_robin.hit_rate
