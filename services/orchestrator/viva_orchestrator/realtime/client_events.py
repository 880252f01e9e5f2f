"""What clients send. Parsed leniently: a field that is missing or odd has a meaning wherever one can be found."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from viva.errors import InvalidRequest
from viva_orchestrator.realtime.items import Item, Part, new_item_id


class InvalidEvent(InvalidRequest):
    """An event that means nothing; `event_id` is the client's, where it gave one."""

    def __init__(
        self, message: str, *, code: str, param: str | None = None, event_id: str | None = None
    ) -> None:
        super().__init__(message, code=code, param=param)
        self.event_id = event_id


@dataclass(frozen=True, slots=True)
class UpdateSession:
    """session.update"""

    session: dict[str, Any]
    lecture_id: str | None


@dataclass(frozen=True, slots=True)
class AppendAudio:
    """input_audio_buffer.append: in the session's input format"""

    audio: bytes


@dataclass(frozen=True, slots=True)
class CommitAudio:
    """input_audio_buffer.commit"""


@dataclass(frozen=True, slots=True)
class ClearAudio:
    """input_audio_buffer.clear"""


@dataclass(frozen=True, slots=True)
class CreateItem:
    """conversation.item.create: after `previous_item_id`, "root" is the beginning and None the end"""

    item: Item
    previous_item_id: str | None


@dataclass(frozen=True, slots=True)
class DeleteItem:
    """conversation.item.delete"""

    item_id: str


@dataclass(frozen=True, slots=True)
class TruncateItem:
    """conversation.item.truncate: playback stopped at `audio_end_ms`"""

    item_id: str
    content_index: int
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class RetrieveItem:
    """conversation.item.retrieve"""

    item_id: str


@dataclass(frozen=True, slots=True)
class CreateResponse:
    """response.create, with what the response shall have otherwise than the session"""

    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CancelResponse:
    """response.cancel: that response, or the one that answers in the conversation"""

    response_id: str | None = None


ClientEvent = (
    UpdateSession
    | AppendAudio
    | CommitAudio
    | ClearAudio
    | CreateItem
    | DeleteItem
    | TruncateItem
    | RetrieveItem
    | CreateResponse
    | CancelResponse
)

Fields = dict[str, Any]


def parse(message: str | bytes) -> tuple[ClientEvent, str | None]:
    """The event in one message, and the id that the client gave it.

    Raises InvalidEvent for what is no JSON object, of no known type, or without what its type cannot do without.
    """
    try:
        fields = orjson.loads(message)
    except orjson.JSONDecodeError:
        raise InvalidEvent("The event is not valid JSON.", code="invalid_json") from None
    if not isinstance(fields, dict):
        raise InvalidEvent("An event is a JSON object with a type.", code="invalid_event")
    kind = fields.get("type")
    read = _READERS.get(kind) if isinstance(kind, str) else None
    if read is None:
        raise InvalidEvent(
            f"There is no client event of the type {str(kind)[:64]!r}.",
            code="unknown_event",
            param="type",
            event_id=_text(fields, "event_id"),
        )
    return read(fields), _text(fields, "event_id")


def _update_session(fields: Fields) -> UpdateSession:
    session = _object(fields, "session")
    lecture_id = _text(session, "lecture_id") or _text(fields, "lecture_id")
    return UpdateSession(session, lecture_id[:200] if lecture_id else None)


def _append_audio(fields: Fields) -> AppendAudio:
    try:
        return AppendAudio(base64.b64decode(fields.get("audio") or "", validate=True))
    except (binascii.Error, TypeError, ValueError):
        raise InvalidEvent(
            "The audio is not base64.",
            code="invalid_audio",
            param="audio",
            event_id=_text(fields, "event_id"),
        ) from None


def _create_item(fields: Fields) -> CreateItem:
    return CreateItem(client_item(_object(fields, "item")), _text(fields, "previous_item_id"))


def _truncate_item(fields: Fields) -> TruncateItem:
    return TruncateItem(_needed_id(fields), _whole(fields, "content_index"), _whole(fields, "audio_end_ms"))


def client_item(fields: Fields) -> Item:
    """An item as a client gives it. Pictures and sound in it are left out, since nothing here looks at them."""
    item_id = _text(fields, "id") or new_item_id()
    kind = _text(fields, "type") or "message"
    if kind != "message":
        known = {name: fields[name] for name in ("call_id", "name", "arguments", "output") if name in fields}
        return Item(item_id, type=kind, fields=known)
    role = fields.get("role")
    role = role if role in ("user", "assistant", "system") else "user"
    given = fields.get("content")
    parts = tuple(_part(part) for part in given if isinstance(part, dict)) if isinstance(given, list) else ()
    return Item(item_id, role, parts)


def _part(fields: Fields) -> Part:
    kind = _text(fields, "type") or "input_text"
    words = _text(fields, "text")
    return Part(kind, _text(fields, "transcript") if words is None else words)


def _needed_id(fields: Fields) -> str:
    item_id = _text(fields, "item_id")
    if item_id is None:
        raise InvalidEvent(
            "Say which item is meant: item_id.",
            code="missing_item_id",
            param="item_id",
            event_id=_text(fields, "event_id"),
        )
    return item_id


def _text(fields: Fields, name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) else None


def _object(fields: Fields, name: str) -> Fields:
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def _whole(fields: Fields, name: str) -> int:
    value = fields.get(name)
    return max(int(value), 0) if isinstance(value, int | float) else 0


_READERS: dict[str, Callable[[Fields], ClientEvent]] = {
    "session.update": _update_session,
    "input_audio_buffer.append": _append_audio,
    "input_audio_buffer.commit": lambda fields: CommitAudio(),
    "input_audio_buffer.clear": lambda fields: ClearAudio(),
    "conversation.item.create": _create_item,
    "conversation.item.delete": lambda fields: DeleteItem(_needed_id(fields)),
    "conversation.item.truncate": _truncate_item,
    "conversation.item.retrieve": lambda fields: RetrieveItem(_needed_id(fields)),
    "response.create": lambda fields: CreateResponse(_object(fields, "response")),
    "response.cancel": lambda fields: CancelResponse(_text(fields, "response_id")),
}
