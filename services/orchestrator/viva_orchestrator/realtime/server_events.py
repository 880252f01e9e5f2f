"""What the server sends: every event is made here, and its `event_id` on the way out (outgoing.py)."""

from __future__ import annotations

from typing import Any

from viva.errors import VivaError
from viva.events import Usage
from viva_orchestrator.realtime.items import Item, Part

Event = dict[str, Any]


# -- the session ------------------------------------------------------------------------------------------------------


def session_created(session: dict[str, Any]) -> Event:
    """The first event of a connection."""
    return {"type": "session.created", "session": session}


def session_updated(session: dict[str, Any]) -> Event:
    """The whole session as it is now."""
    return {"type": "session.updated", "session": session}


def with_outage(session: dict[str, Any], outage: VivaError | None) -> dict[str, Any]:
    """The session while no turns are found in it: it says why, and has no turn detection where there never is any."""
    if outage is None:
        return session
    session = session | {"viva": {"not_listening": {"code": outage.code, "message": outage.message}}}
    if outage.code == "turn_detection_unavailable":
        audio = session["audio"]
        session["audio"] = audio | {"input": audio["input"] | {"turn_detection": None}}
    return session


def error(error: VivaError, *, event_id: str | None = None) -> Event:
    """Something that the client sent cannot be followed; the connection goes on. `event_id` is the client's."""
    told = {"type": error.type, "code": error.code, "message": error.message, "param": error.param}
    return {"type": "error", "error": told | {"event_id": event_id}}


# -- audio in -----------------------------------------------------------------------------------------------------


def speech_started(item_id: str, audio_start_ms: int) -> Event:
    """Somebody begins to speak; the item will have this id."""
    return {"type": "input_audio_buffer.speech_started", "audio_start_ms": audio_start_ms, "item_id": item_id}


def speech_stopped(item_id: str, audio_end_ms: int) -> Event:
    """The turn is over."""
    return {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": audio_end_ms, "item_id": item_id}


def audio_committed(item_id: str, previous_item_id: str | None) -> Event:
    """What was said is an item now."""
    return {"type": "input_audio_buffer.committed", "item_id": item_id, "previous_item_id": previous_item_id}


def audio_cleared() -> Event:
    """What was appended is forgotten."""
    return {"type": "input_audio_buffer.cleared"}


_TRANSCRIPTION = "conversation.item.input_audio_transcription"


def transcription_delta(item_id: str, delta: str) -> Event:
    """Further words of somebody who is still speaking."""
    return {"type": f"{_TRANSCRIPTION}.delta", "item_id": item_id, "content_index": 0, "delta": delta}


def transcription_completed(item_id: str, transcript: str, seconds: float) -> Event:
    """All that was said, in `seconds` of audio."""
    usage = {"type": "duration", "seconds": round(seconds, 2)}
    return {
        "type": f"{_TRANSCRIPTION}.completed",
        "item_id": item_id,
        "content_index": 0,
        "transcript": transcript,
        "usage": usage,
    }


def transcription_failed(item_id: str, error: VivaError) -> Event:
    """What was said is not known."""
    told = {"type": error.type, "code": error.code, "message": error.message, "param": error.param}
    return {"type": f"{_TRANSCRIPTION}.failed", "item_id": item_id, "content_index": 0, "error": told}


# -- items ------------------------------------------------------------------------------------------------------------


def item_added(item: Item, previous_item_id: str | None) -> Event:
    """An item is in the conversation now."""
    return {"type": "conversation.item.added", "previous_item_id": previous_item_id, "item": item.shown()}


def item_done(item: Item, previous_item_id: str | None) -> Event:
    """An item will not change by itself any more."""
    return {"type": "conversation.item.done", "previous_item_id": previous_item_id, "item": item.shown()}


def item_deleted(item_id: str) -> Event:
    """An item is gone."""
    return {"type": "conversation.item.deleted", "item_id": item_id}


def item_truncated(item_id: str, content_index: int, audio_end_ms: int) -> Event:
    """An item ends where playback stopped."""
    return {
        "type": "conversation.item.truncated",
        "item_id": item_id,
        "content_index": content_index,
        "audio_end_ms": audio_end_ms,
    }


def item_retrieved(item: Item) -> Event:
    """An item that was asked for."""
    return {"type": "conversation.item.retrieved", "item": item.shown()}


# -- responses ----------------------------------------------------------------------------------------------------


def response_created(response: dict[str, Any]) -> Event:
    """An answer begins."""
    return {"type": "response.created", "response": response}


def response_done(response: dict[str, Any]) -> Event:
    """An answer has ended, however it did."""
    return {"type": "response.done", "response": response}


class PartEvents:
    """The events of a response's one item and its one content part."""

    def __init__(self, response_id: str, item_id: str) -> None:
        self._item = {"response_id": response_id, "output_index": 0}
        self._part = {"response_id": response_id, "item_id": item_id, "output_index": 0, "content_index": 0}

    def item_added(self, item: Item) -> Event:
        """The response has an item."""
        return {"type": "response.output_item.added", **self._item, "item": item.shown()}

    def item_done(self, item: Item) -> Event:
        """The response's item is complete."""
        return {"type": "response.output_item.done", **self._item, "item": item.shown()}

    def part_added(self, part: Part) -> Event:
        """The item has a part."""
        return {"type": "response.content_part.added", **self._part, "part": _as_content(part)}

    def part_done(self, part: Part) -> Event:
        """The item's part is complete."""
        return {"type": "response.content_part.done", **self._part, "part": _as_content(part)}

    def delta(self, kind: str, delta: str) -> Event:
        """More of the part; `kind` is output_audio, output_audio_transcript or output_text."""
        return {"type": f"response.{kind}.delta", **self._part, "delta": delta}

    def done(self, kind: str, **whole: str) -> Event:
        """All of the part, where it has words."""
        return {"type": f"response.{kind}.done", **self._part, **whole}


def _as_content(part: Part) -> dict[str, Any]:
    """In these two events parts are called `audio` and `text`."""
    return part.shown() | {"type": "audio" if part.type == "output_audio" else "text"}


def usage(used: Usage) -> dict[str, Any]:
    """Tokens as the model server counted them; all of it text. Clients read every field, also where it is 0."""
    total = used.prompt_tokens + used.completion_tokens
    cached = {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0}
    read = {"text_tokens": used.prompt_tokens, "audio_tokens": 0, "image_tokens": 0, "cached_tokens": 0}
    return {
        "total_tokens": total,
        "input_tokens": used.prompt_tokens,
        "output_tokens": used.completion_tokens,
        "input_token_details": read | {"cached_tokens_details": cached},
        "output_token_details": {"text_tokens": used.completion_tokens, "audio_tokens": 0},
    }
