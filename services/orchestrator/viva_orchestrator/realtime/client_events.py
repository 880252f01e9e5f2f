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

MOST_NAME = 200
"""Characters of an id or a type: what is over is cut off, wherever it is named."""
MOST_PARTS = 64
"""Content parts of an item; those over are left out."""
MOST_GIVEN = 200
"""Items that come with a response; of more, the newest."""
MOST_PAIRS, MOST_VALUE = 16, 512
"""Of a response's metadata, and characters of a value."""
MOST_MS = 2**31 - 1


class InvalidEvent(InvalidRequest):
    """An event that means nothing; `event_id` is the client's, where it gave one."""

    def __init__(self, message: str, *, code: str, param: str | None = None, event_id: str | None = None) -> None:
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

_OF_CALLS = ("call_id", "name", "arguments", "output")


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
            f"There is no client event of the type {kind[:64]!r}."
            if isinstance(kind, str)
            else "An event is a JSON object with a type.",
            code="unknown_event",
            param="type",
            event_id=_name(fields, "event_id"),
        )
    return read(fields), _name(fields, "event_id")


def _update_session(fields: Fields) -> UpdateSession:
    session = _object(fields, "session")
    lecture_id = _text(session, "lecture_id") or _text(fields, "lecture_id")
    return UpdateSession(session, lecture_id[:MOST_NAME] if lecture_id else None)


def _append_audio(fields: Fields) -> AppendAudio:
    try:
        return AppendAudio(base64.b64decode(fields.get("audio") or "", validate=True))
    except (binascii.Error, TypeError, ValueError):
        raise InvalidEvent(
            "The audio is not base64.",
            code="invalid_audio",
            param="audio",
            event_id=_name(fields, "event_id"),
        ) from None


def _create_item(fields: Fields) -> CreateItem:
    return CreateItem(client_item(_object(fields, "item")), _name(fields, "previous_item_id"))


def _truncate_item(fields: Fields) -> TruncateItem:
    return TruncateItem(_needed_id(fields), _whole(fields, "content_index"), _whole(fields, "audio_end_ms"))


def client_item(fields: Fields) -> Item:
    """An item as a client gives it. Pictures and sound in it are left out, since nothing here looks at them."""
    item_id = _name(fields, "id") or new_item_id()
    kind = _name(fields, "type") or "message"
    if kind != "message":
        known = {name: _written(fields[name]) for name in _OF_CALLS if name in fields}
        return Item(item_id, type=kind, fields=known)
    role = fields.get("role")
    role = role if role in ("user", "assistant", "system") else "user"
    given = fields.get("content")
    given = given[:MOST_PARTS] if isinstance(given, list) else []
    return Item(item_id, role, tuple(_part(part) for part in given if isinstance(part, dict)))


def _part(fields: Fields) -> Part:
    kind = _name(fields, "type") or "input_text"
    words = _text(fields, "text")
    return Part(kind, _text(fields, "transcript") if words is None else words)


def _create_response(fields: Fields) -> CreateResponse:
    options = _object(fields, "response")
    if isinstance(given := options.get("input"), list):
        options["input"] = given[-MOST_GIVEN:]
    if isinstance(metadata := options.get("metadata"), dict):
        pairs = [(name[:MOST_NAME], value) for name, value in metadata.items() if isinstance(value, str)]
        options["metadata"] = {name: value[:MOST_VALUE] for name, value in pairs[:MOST_PAIRS]}
    return CreateResponse(options)


def _written(value: Any) -> str | None:
    """A field of a call, which is text, or the text of its JSON where a client sent that."""
    if isinstance(value, str | None):
        return value
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # nested too deeply
        return None


def _needed_id(fields: Fields) -> str:
    item_id = _name(fields, "item_id")
    if item_id is None:
        raise InvalidEvent(
            "Say which item is meant: item_id.",
            code="missing_item_id",
            param="item_id",
            event_id=_name(fields, "event_id"),
        )
    return item_id


def _text(fields: Fields, name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) else None


def _name(fields: Fields, name: str) -> str | None:
    value = _text(fields, name)
    return value if value is None else value[:MOST_NAME]


def _object(fields: Fields, name: str) -> Fields:
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def _whole(fields: Fields, name: str) -> int:
    value = fields.get(name)
    return int(min(max(value, 0), MOST_MS)) if isinstance(value, int | float) else 0


_READERS: dict[str, Callable[[Fields], ClientEvent]] = {
    "session.update": _update_session,
    "input_audio_buffer.append": _append_audio,
    "input_audio_buffer.commit": lambda fields: CommitAudio(),
    "input_audio_buffer.clear": lambda fields: ClearAudio(),
    "conversation.item.create": _create_item,
    "conversation.item.delete": lambda fields: DeleteItem(_needed_id(fields)),
    "conversation.item.truncate": _truncate_item,
    "conversation.item.retrieve": lambda fields: RetrieveItem(_needed_id(fields)),
    "response.create": _create_response,
    "response.cancel": lambda fields: CancelResponse(_text(fields, "response_id")),
}
