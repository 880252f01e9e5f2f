"""Sessions: open one, read its questions and answers, forget it, or end it with an archive."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from viva.events import Citation, Receipt
from viva_orchestrator.lectures import Lectures
from viva_orchestrator.sessions import Session, Sessions

router = APIRouter(tags=["sessions"])

_NOT_FOUND = {404: {"description": "No such session; `code` is `session_not_found`"}}


class OpenSession(BaseModel):
    """What the conversation is about."""

    model_config = ConfigDict(extra="forbid")

    lecture_id: Annotated[
        str | None, Field(description="The lecture that questions are about unless they name another")
    ] = None


class OpenedSession(BaseModel):
    """A new session."""

    session_id: Annotated[str, Field(examples=["ses_6f1c0e7f2b3d4a59a1c2d3e4f5a6b7c8"])]
    lecture_id: str | None
    created_at: Annotated[float, Field(description="Unix time in seconds")]
    expires_at: Annotated[float, Field(description="Unix time at which it is forgotten unless a question comes")]


class TurnRecord(BaseModel):
    """One question and its answer, as they were committed."""

    turn_id: str
    question: str
    answer: str
    lecture_id: str
    citations: tuple[Citation, ...]
    degraded: str | None
    asked_at: Annotated[float, Field(description="Unix time in seconds")]
    interrupted: Annotated[bool, Field(description="The person cut the answer short; it is as far as it was heard")]
    receipt: Annotated[
        Receipt | None, Field(description="Where the time went until it was committed, as in the event `done`")
    ]


class SessionHistory(BaseModel):
    """A session with its turns, oldest first."""

    session_id: str
    lecture_id: str | None
    created_at: Annotated[float, Field(description="Unix time in seconds")]
    turns: list[TurnRecord]


class EndSession(BaseModel):
    """Which session to end."""

    model_config = ConfigDict(extra="forbid")

    session_id: str


class EndedSession(BaseModel):
    """Where the conversation was archived."""

    session_id: str
    object_key: Annotated[str, Field(description="Key in the object store", examples=["sessions/ses_6f1c….json"])]
    turns: Annotated[int, Field(description="Questions that were archived")]


@router.post("/v1/sessions", status_code=201, summary="Open a session")
async def open_session(request: Request, body: OpenSession | None = None) -> OpenedSession:
    """A session remembers questions and answers for seven days after the last one."""
    sessions, lectures = _parts(request)
    lecture_id = body.lecture_id if body else None
    if lecture_id is not None:
        # Raises NotFound now rather than at the first question.
        request.app.state.warmer.warm(await lectures.transcript(lecture_id))
    session = await sessions.open(lecture_id)
    expires_at = time.time() + request.app.state.settings.session_expiry_s
    return OpenedSession(
        session_id=session.session_id,
        lecture_id=lecture_id,
        created_at=session.created_at,
        expires_at=expires_at,
    )


@router.get("/v1/sessions/{session_id}", summary="Read a session's questions and answers", responses=_NOT_FOUND)
async def read_session(request: Request, session_id: str) -> SessionHistory:
    """The committed history, oldest first."""
    return _history(await _parts(request)[0].read(session_id))


@router.delete("/v1/sessions/{session_id}", status_code=204, summary="Forget a session", responses=_NOT_FOUND)
async def delete_session(request: Request, session_id: str) -> Response:
    """Nothing of it is kept; an archive made by /end_session stays."""
    await _parts(request)[0].delete(session_id)
    return Response(status_code=204)


@router.post("/end_session", summary="End a session and archive the conversation", responses=_NOT_FOUND)
async def end_session(request: Request, body: EndSession) -> EndedSession:
    """Writes the whole conversation to the object store in one write. Ending it again gives the same answer."""
    key, turns = await _parts(request)[0].archive(body.session_id)
    return EndedSession(session_id=body.session_id, object_key=key, turns=turns)


def _parts(request: Request) -> tuple[Sessions, Lectures]:
    return request.app.state.sessions, request.app.state.lectures


def _history(session: Session) -> SessionHistory:
    turns = [TurnRecord(**{name: getattr(turn, name) for name in TurnRecord.model_fields}) for turn in session.turns]
    return SessionHistory(
        session_id=session.session_id,
        lecture_id=session.lecture_id,
        created_at=session.created_at,
        turns=turns,
    )
