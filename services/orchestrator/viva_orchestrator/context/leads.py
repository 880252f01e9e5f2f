"""What comes first in a prompt and stays the same from turn to turn, in the three kinds that there are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from viva.passages import render_lecture
from viva_orchestrator.context import instructions
from viva_orchestrator.context.lecture import LectureText
from viva_orchestrator.context.tokens import (
    MESSAGE_TOKENS,
    TEMPLATE_TOKENS,
    Message,
    estimate,
    estimate_messages,
)

Kind = Literal["audio", "transcript", "passages"]


@dataclass(frozen=True, slots=True)
class Lead:
    """The messages before the history, their tokens, and the positions of the passages in them."""

    kind: Kind
    messages: tuple[Message, ...]
    tokens: int
    shown: frozenset[int]


def transcript_lead(text: LectureText, model: str) -> Lead:
    """The whole transcript."""
    return Lead("transcript", text.messages, text.tokens(model), frozenset(range(len(text.passages))))


def audio_lead(text: LectureText, model: str, url: str, tokens_per_s: float) -> Lead:
    """The whole transcript, whose numbers are cited, and the recording.

    The recording is in a message of the user, since not every chat template hears what is in the system's.
    """
    system = str(text.messages[0]["content"]).removeprefix(instructions.WHOLE)
    messages: tuple[Message, ...] = (
        {"role": "system", "content": instructions.HEARD + system},
        {
            "role": "user",
            "content": [
                {"type": "audio_url", "audio_url": {"url": url}},
                {"type": "text", "text": instructions.RECORDING},
            ],
        },
        {"role": "assistant", "content": instructions.LISTENED},
    )
    words = f"{instructions.HEARD}{instructions.RECORDING}{instructions.LISTENED}"
    sound = math.ceil(text.transcript.duration_s * tokens_per_s)
    tokens = text.tokens(model) + sound + estimate(words) + 2 * MESSAGE_TOKENS
    return Lead("audio", messages, tokens, frozenset(range(len(text.passages))))


def passages_lead(text: LectureText, tokens: int) -> Lead:
    """The beginning of the lecture and a sample of the rest, in so many tokens; neither where these are too few."""
    places = text.sample(tokens - estimate(instructions.PARTS) - TEMPLATE_TOKENS)
    lecture = render_lecture([text.passages[place] for place in places], title=text.transcript.title)
    messages: tuple[Message, ...] = ({"role": "system", "content": f"{instructions.PARTS}\n{lecture}"},)
    return Lead("passages", messages, estimate_messages(messages), frozenset(places))
