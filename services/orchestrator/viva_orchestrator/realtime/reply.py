"""The answer as an item in the making: a turn's events in, the protocol's events out, in the order clients rely on."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from viva import events
from viva.errors import VivaError
from viva.text import with_marks
from viva_orchestrator.realtime import server_events as out
from viva_orchestrator.realtime.conversation import Conversation
from viva_orchestrator.realtime.g711 import encode_output
from viva_orchestrator.realtime.heard import BYTES_PER_MS, Spoken, heard, said_so_far, spoken_ms
from viva_orchestrator.realtime.items import Answer, Item, Part, Status, answer_id
from viva_orchestrator.realtime.listening import InputFormat
from viva_orchestrator.remembering import Written

# Half a second: clients close a connection that sends them a megabyte at once. A multiple of 3 in bytes, so that the
# base64 of the whole can be cut rather than made anew.
DELTA_MS = 500

NOTHING = Written()
"""What is written before the turn begins."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a response shall be: its metadata is given back, and `in_conversation` is false for one that stands alone."""

    speaks: bool = True
    voice: str = "alloy"
    speed: float = 1.0
    output_format: InputFormat = field(default_factory=InputFormat)
    metadata: dict[str, Any] | None = None
    in_conversation: bool = True


@dataclass(slots=True)
class Reply:
    """One response: `feed` it the turn's events, then `complete`, or `fail`, or `break_off` and `cancelled`."""

    wanted: Wanted
    conversation: Conversation
    conversation_id: str
    turn_id: str
    id: str = field(default_factory=lambda: f"resp_{secrets.token_hex(12)}")
    created: bool = False
    ended: bool = False
    told: bool = False  # that it is over
    saved: bool = False  # in the session's history
    item: Item | None = None  # once the answer has begun
    text: str = ""
    spoken: list[Spoken] = field(default_factory=list)
    piece_bytes: int = 0  # sent of a clause that goes on
    stopped_ms: int | None = None  # where the client stopped playing, if it said so meanwhile

    def create(self) -> list[out.Event]:
        """The response's first event; nothing when it was sent already."""
        if self.created:
            return []
        self.created = True
        return [out.response_created(self._response("in_progress"))]

    def feed(self, event: events.Event) -> list[out.Event]:
        """What a transcript, a piece of the answer or a spoken clause is for the client."""
        match event:
            case events.AnswerDelta(text=text):
                self.text += text
                kind = "output_audio_transcript" if self.wanted.speaks else "output_text"
                return [*self.create(), *self._begin(), self._parts.delta(kind, text)]
            case events.Audio(data=data, text=text):
                return [*self.create(), *self._begin(), *self._audio(data, text)]
        return self.create()

    def complete(self, done: events.Done, written: Written) -> list[out.Event]:
        """The turn is done and committed."""
        self.saved = done.history_saved
        begun = [*self.create(), *self._begin()]
        self._settle(done.answer, "completed", written)
        told = {
            "turn_id": done.turn_id,
            "degraded": done.degraded,
            "receipt": done.receipt,
            "history_saved": done.history_saved,
        }
        response = self._response("completed", usage=done.usage) | {"viva": told}
        return [*begun, *self._end(), self._done(response)]

    def fail(self, error: VivaError | events.Error, written: Written = NOTHING) -> list[out.Event]:
        """The turn ended in an error; what was said of the answer stays in the conversation as incomplete."""
        begun = self.create()
        return [*begun, *self.break_off(written), self._done(self._response("failed", details=_details(error)))]

    def give_up(self, error: VivaError) -> list[out.Event]:
        """A mistake of ours, perhaps in making these very events: the response has failed, which is told in what can
        hardly go wrong again. Nothing when its end was told already."""
        self.ended = True
        if self.told:
            return []
        events = self.create()
        if self.item is not None:
            part = replace(self.item.parts[0], words=self.text.strip(), citations=())
            self.item = replace(self.item, parts=(part,), status="incomplete")
            self.conversation.replace(self.item)
            events += self._end()
        return [*events, self._done(self._response("failed", details=_details(error)))]

    def break_off(self, written: Written) -> list[out.Event]:
        """The item ends where what was sent of it ends: the audio, or the text where nothing is spoken."""
        self.ended = True
        if self.item is None:
            return []
        by_ear = self.wanted.speaks and "tts:text_only" not in (written.degraded or "")
        kept = said_so_far(self.text, self.spoken) if by_ear else self.text
        self._settle(kept.strip(), "incomplete", written)
        return self._end()

    def cancelled(self, reason: str) -> list[out.Event]:
        """After `break_off`: the turn was cancelled, because of `reason`. Nothing when nobody knew of the response."""
        if not self.created:
            return []
        details = {"type": "cancelled", "reason": reason}
        return [self._done(self._response("cancelled", details=details))]

    def stopped_at(self, end_ms: int) -> None:
        """The client stopped playing there: the rest is not going to be heard either, nor what was settled by now."""
        self.stopped_ms = end_ms
        if self.ended and self.item is not None:
            self.item = cut(self.item, end_ms)
            self.conversation.replace(self.item)

    @property
    def remembered(self) -> bool:
        """Whether what was sent of it belongs into the history: not when it stands alone, or was deleted meanwhile."""
        return self.item is not None and self.conversation.get(self.item.id) is not None

    # -- the item -------------------------------------------------------------------------------------------------

    @property
    def _parts(self) -> out.PartEvents:
        return out.PartEvents(self.id, self.item.id)

    def _begin(self) -> Iterator[out.Event]:
        if self.item is not None:
            return
        self.item = Item(answer_id(self.turn_id), "assistant", status="in_progress", turn_id=self.turn_id)
        yield self._parts.item_added(self.item)
        if self.wanted.in_conversation:
            self.conversation.add(self.item)
            yield out.item_added(self.item, self.conversation.previous(self.item.id))
        part = Part("output_audio" if self.wanted.speaks else "output_text", "")
        self.item = replace(self.item, parts=(part,))
        self.conversation.replace(self.item)
        yield self._parts.part_added(part)

    def _audio(self, data: str, text: str) -> Iterator[out.Event]:
        """A clause or a piece of one, in deltas of half a second at most; `data` is base64 of s16le at 24 kHz.

        The words come with the clause's last piece: one that never came to its end counts as not said.
        """
        padding = data.count("=", -2) if data else 0
        self.piece_bytes += len(data) // 4 * 3 - padding
        if text:
            self.spoken.append(Spoken(text, round(self.piece_bytes / BYTES_PER_MS, 1)))
            self.piece_bytes = 0
        step = DELTA_MS * BYTES_PER_MS // 3 * 4
        if self.wanted.output_format.type != "audio/pcm":
            law = encode_output(base64.b64decode(data), self.wanted.output_format)
            data = base64.b64encode(law).decode("ascii")
            step = DELTA_MS * 8 // 3 * 4
        for start in range(0, len(data), step):
            yield self._parts.delta("output_audio", data[start : start + step])

    def _settle(self, words: str, status: Status, written: Written) -> None:
        """The item's last version: cut where the client stopped playing, if it said so meanwhile."""
        self.ended = True
        whole = status == "completed"
        raw, numbers = (written.raw, written.cited) if whole else with_marks(written.raw, words)
        known = [pair for pair in zip(written.cited, written.citations, strict=True) if pair[0] in numbers]
        cited = tuple(number for number, _ in known)
        answer = Answer(raw, written.lecture_id, tuple(self.spoken), cited, written.degraded, time.time())
        part = replace(self.item.parts[0], words=words, citations=tuple(citation for _, citation in known))
        item = replace(self.item, parts=(part,), status=status, answer=answer)
        self.item = item if self.stopped_ms is None else cut(item, self.stopped_ms)
        self.conversation.replace(self.item)

    def _done(self, response: dict[str, Any]) -> out.Event:
        self.told = True
        return out.response_done(response)

    def _end(self) -> list[out.Event]:
        """All the `.done`s."""
        parts, part = self._parts, self.item.parts[0]
        if self.wanted.speaks:
            ended = [
                parts.done("output_audio"),
                parts.done("output_audio_transcript", transcript=part.words),
            ]
        else:
            ended = [parts.done("output_text", text=part.words)]
        ended += [parts.part_done(part), parts.item_done(self.item)]
        if self.wanted.in_conversation and self.conversation.get(self.item.id) is not None:
            ended.append(out.item_done(self.item, self.conversation.previous(self.item.id)))
        return ended

    def _response(
        self, status: str, *, details: dict[str, Any] | None = None, usage: events.Usage | None = None
    ) -> dict[str, Any]:
        output = [self.item.shown()] if self.item is not None and status != "in_progress" else []
        output_format = {"type": self.wanted.output_format.type}
        if self.wanted.output_format.type == "audio/pcm":
            output_format["rate"] = self.wanted.output_format.rate_hz
        return {
            "id": self.id,
            "object": "realtime.response",
            "status": status,
            "status_details": details,
            "output": output,
            "conversation_id": self.conversation_id if self.wanted.in_conversation else None,
            "output_modalities": ["audio" if self.wanted.speaks else "text"],
            "max_output_tokens": "inf",
            "audio": {"output": {"format": output_format, "voice": self.wanted.voice}},
            "usage": None if status == "in_progress" else out.usage(usage or events.Usage()),
            "metadata": self.wanted.metadata,
        }


def _details(error: VivaError | events.Error) -> dict[str, Any]:
    kind = error.type if isinstance(error, VivaError) else "server_error"
    return {"type": "failed", "error": {"type": kind, "code": error.code, "message": error.message}}


def cut(item: Item, end_ms: float) -> Item:
    """The item with the words that had been heard at `end_ms`; one that was never spoken, or ends before, as it is."""
    answer = item.answer
    if answer is None or not answer.spoken or end_ms >= spoken_ms(answer.spoken):
        return item
    words = heard(item.text, answer.spoken, end_ms).strip()
    raw, numbers = with_marks(answer.raw, words)
    pairs = zip(answer.cited, item.parts[0].citations, strict=False)
    known = [pair for pair in pairs if pair[0] in numbers]
    part = replace(item.parts[0], words=words, citations=tuple(citation for _, citation in known))
    answer = replace(answer, raw=raw, cited=tuple(number for number, _ in known))
    return replace(item, parts=(part, *item.parts[1:]), answer=answer, status="incomplete")
