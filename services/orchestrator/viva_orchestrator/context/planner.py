"""Chooses what the model is given of a lecture, by its own count of tokens and its own limit.

The choice depends on the lecture and the model alone, not on the question or the history, so that what comes first in
the prompt is the same from turn to turn. Room for a question and a little history is therefore set aside beforehand.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import structlog

from viva.errors import Overloaded, VivaError
from viva.service.upstream import Upstream
from viva_orchestrator.context.addresses import RecordingAddresses
from viva_orchestrator.context.context import Context, Room
from viva_orchestrator.context.leads import Lead, audio_lead, passages_lead, transcript_lead
from viva_orchestrator.context.lecture import LectureText, LectureTexts
from viva_orchestrator.context.model import Model, Models
from viva_orchestrator.context.settings import families
from viva_orchestrator.context.tokens import COUNT_S, TokenCounter
from viva_orchestrator.lectures.model import Transcript
from viva_orchestrator.objects import ObjectStore
from viva_orchestrator.sessions import PastTurn
from viva_orchestrator.settings import Settings

# The context of a model whose server does not say.
ASSUMED_LIMIT = 16_384
# Set aside for the question and the newest history, so that neither changes the choice.
TURN_TOKENS = 1024
# What a count may be off by: templates differ with the day and the number of messages.
MARGIN_TOKENS = 64
# After a model could not be given a recording, it reads for so long.
DEAF_S = 60.0
# A plan that is refused as too long is made again for half the limit, down to this.
LEAST_PROMPT = 512
TOO_LONG = "context_length_exceeded"
# What a server says that is not Viva's own, for whatever reason: worth one try with less.
PERHAPS_TOO_LONG = "llm_refused"


class Planner:
    """Makes the plan of each turn; holds the lectures asked about last, their counts, and what the model can do."""

    def __init__(self, settings: Settings, llm: Upstream, objects: ObjectStore) -> None:
        self._settings = settings
        self._models = Models(llm, settings.llm_model, wait_s=settings.context_count_s)
        self._counter = TokenCounter(llm, settings.llm_model)
        self._texts = LectureTexts(most=settings.transcripts_in_memory)
        self._addresses = RecordingAddresses(settings.context_audio_url, objects)
        self._families = families(settings.context_audio_tokens_per_s)
        self._deaf_until = 0.0

    async def plan(self, transcript: Transcript, history: Sequence[PastTurn], *, patient: bool = False) -> Context:
        """The context of a turn. Waits for the model server only where the choice hangs on it, and not for long unless
        `patient`: then nobody waits for the plan."""
        model = await self._models.known()
        text = await self._texts.of(transcript)
        room = self._room(model)
        lead = await self._lead(text, model, room, COUNT_S if patient else None)
        return Context(text, lead, room, history, model.name, self._narrower)

    async def quotes_only(self) -> bool:
        """Whether no language model is there, only the answerer that quotes."""
        return (await self._models.known()).quotes_only

    async def close(self) -> None:
        """End what is under way in the background."""
        await self._models.close()
        await self._texts.close()

    def _room(self, model: Model) -> Room:
        limit = None
        if not model.quotes_only:
            limit = self._settings.context_tokens or model.limit or ASSUMED_LIMIT
            if self._settings.context_tokens and model.limit:
                limit = min(self._settings.context_tokens, model.limit)
        return Room(limit, self._settings.answer_max_tokens, self._settings.context_passages_tokens)

    async def _lead(self, text: LectureText, model: Model, room: Room, wait_s: float | None) -> Lead:
        if room.limit is None:
            return transcript_lead(text, model.name)
        most = _prefix_room(room)
        heard = await self._audio_lead(text, model)
        planned = [text.tokens(model.name), heard.tokens if heard else 0]
        if await self._count(text, model, any(tokens > most for tokens in planned), wait_s):
            heard = await self._audio_lead(text, model)
        if heard and heard.tokens <= most:
            return heard
        if text.tokens(model.name) <= most:
            return transcript_lead(text, model.name)
        await asyncio.to_thread(lambda: text.index)
        return self._passages_lead(text, room)

    async def _audio_lead(self, text: LectureText, model: Model) -> Lead | None:
        """The recording, for a model that hears it, once the transcript is whole."""
        if text.transcript.status != "ready" or time.monotonic() < self._deaf_until:
            return None
        rate = next((rate for family, rate in self._families if family in model.name.lower()), None)
        if rate is None or (url := await self._addresses.of(text.transcript.lecture_id)) is None:
            return None
        return audio_lead(text, model.name, url, rate)

    def _passages_lead(self, text: LectureText, room: Room) -> Lead:
        tokens = max(0, _prefix_room(room)) // 2
        if tokens not in text.parts:
            text.parts[tokens] = passages_lead(text, tokens)
        return text.parts[tokens]

    async def _count(self, text: LectureText, model: Model, matters: bool, wait_s: float | None) -> bool:
        """Have the tokens of a lecture counted once; whether they are known now and were not before.

        Where it `matters`, since a lead may yet turn out to fit, one turn waits for it, and whoever has a `wait_s`.
        """
        name = model.name
        if name in text.counted or self._counter.rests or not (matters or text.transcript.finished):
            return False
        if name not in text.counting:
            text.counting[name] = asyncio.create_task(self._counted(text, model))
            text.counting[name].add_done_callback(lambda _: text.counting.pop(name, None))
        if matters and wait_s is not None:
            await asyncio.wait([text.counting[name]], timeout=wait_s)
        elif matters and name not in text.awaited:
            text.awaited.add(name)
            await asyncio.wait([text.counting[name]], timeout=self._settings.context_count_s)
        return name in text.counted

    async def _counted(self, text: LectureText, model: Model) -> None:
        # Some templates refuse a prompt without a question.
        if (count := await self._counter.count([*text.messages, {"role": "user", "content": "?"}])) is None:
            return
        text.counted[model.name] = count.tokens + MARGIN_TOKENS
        if count.limit is not None:
            self._models.learn_limit(count.limit)

    def _narrower(self, context: Context, error: VivaError | None) -> Context | None:
        """Less of the lecture, because a question does not fit (no error) or because the model refused the prompt."""
        text, room, kind = context.text, context.room, context.lead.kind
        if kind == "audio":
            # Whatever went wrong: what cannot hear, like the extractive answerer, can still answer from the transcript.
            # A server that is busy still hears: the next turn may give it the recording again.
            if error is not None and not isinstance(error, Overloaded):
                structlog.get_logger().warning("recording not taken", code=error.code)
                self._deaf_until = time.monotonic() + DEAF_S
            lead = transcript_lead(text, context.model)
            if room.prompt - lead.tokens < 0:
                lead = self._passages_lead(text, room)
            return Context(text, lead, room, context.history, context.model, self._narrower)
        if error is None:
            return None if kind == "passages" else self._in_parts(context, room)
        too_long = error.code == TOO_LONG or (error.code == PERHAPS_TOO_LONG and kind != "passages")
        if too_long and room.limit is not None and room.prompt > LEAST_PROMPT:
            limit = room.answer + int(room.prompt) // 2
            structlog.get_logger().warning("prompt refused", code=error.code, kind=kind, limit=room.limit, next=limit)
            if context.said_bytes <= TURN_TOKENS:
                # Else it may be their odd signs that made it too long, and others' turns are not to pay for that.
                self._models.refused(limit)
            return self._in_parts(context, Room(limit, room.answer, room.passages))
        return None

    def _in_parts(self, context: Context, room: Room) -> Context:
        lead = self._passages_lead(context.text, room)
        return Context(context.text, lead, room, context.history, context.model, self._narrower)


def _prefix_room(room: Room) -> int:
    """Tokens that the lead may have, in a context of `room`."""
    return int(room.prompt) - min(TURN_TOKENS, int(room.prompt) // 4)
