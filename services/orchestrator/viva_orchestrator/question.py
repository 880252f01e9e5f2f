"""What is asked of a turn."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field

from viva import events
from viva.service.tracing import Span
from viva_orchestrator.sessions import PastTurn, Session


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, typed (`text`) or spoken (`audio`, a file in any format), and how the answer should sound.

    Without `session_id` a session is opened. Without `lecture_id` it is about the session's lecture.
    `audio_format` None means that nothing is spoken; with `in_pieces`, for PCM alone, what there is of a clause's audio
    is sent while the rest is being made, its words with the last piece. `hearing` is the transcription of spoken words
    that is already under way. `history` is what a transport knows of the questions before this one: a turn of the
    session that is not in it comes after it, unless the session's own are not to be recalled (`recalls` false).
    `begun` is the session of `session_id` when it could not be stored yet. What is not to be kept (`keep` false) is in
    no history afterwards. `trace` is the turn's, where its first part, hearing, is under way already.
    """

    text: str | None = None
    audio: bytes | None = None
    session_id: str | None = None
    lecture_id: str | None = None
    voice: str = "alloy"
    audio_format: events.AudioFormat | None = "mp3"
    in_pieces: bool = False
    speed: float = 1.0
    hearing: asyncio.Future[str] | None = None
    history: tuple[PastTurn, ...] = ()
    recalls: bool = True
    begun: Session | None = None
    keep: bool = True
    trace: Span | None = None
    turn_id: str = field(default_factory=lambda: f"turn_{secrets.token_hex(12)}")
