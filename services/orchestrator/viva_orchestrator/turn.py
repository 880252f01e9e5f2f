"""One turn: a question in, events out. THE FILE TO READ.

    hear ──┐
           ├──> write ──> clauses ──> voice ──> events
    recall ┘      └──────────────────────────────^

`hear` transcribes a spoken question while `recall` fetches the lecture and the history. `write` reads the model's
answer, takes the citation marks out and cuts it into clauses; each clause becomes audio while the next one is still
being written (speaking.py). The pair is committed to the history, then `done` is sent. All of it lives in one task: a
client that leaves, or the deadline, cancels the task, and with it the work in every stage.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from viva import events
from viva.audio import AudioLimits, Decoder
from viva.errors import Conflict, InvalidRequest, NotFound, StageUnavailable
from viva.service.tracing import NO_TRACER, NOT_TRACED, Span, Tracer, current_span
from viva.text import CitationParser, SentenceSplitter, without_marks
from viva_orchestrator.asking import ask
from viva_orchestrator.context.context import Context
from viva_orchestrator.context.planner import Planner
from viva_orchestrator.lectures import Lectures
from viva_orchestrator.lectures.model import Transcript
from viva_orchestrator.question import Question
from viva_orchestrator.remembering import commit, past_turn
from viva_orchestrator.sessions import PastTurn, Session, Sessions
from viva_orchestrator.settings import Settings
from viva_orchestrator.speaking import Speaking
from viva_orchestrator.stages import AnswerChunk, AnswerEnd, AnswerStart, Stages


@dataclass(frozen=True, slots=True)
class TurnParts:
    """What a turn works with; one for all turns of a process."""

    settings: Settings
    stages: Stages
    sessions: Sessions
    lectures: Lectures
    decoder: Decoder
    planner: Planner
    tracer: Tracer = NO_TRACER


@dataclass(frozen=True, slots=True)
class _Recalled:
    """What is known before the answer begins."""

    session: Session
    transcript: Transcript
    context: Context
    ms: float


@dataclass(slots=True)
class Turn:
    """The state of one pass through the stages."""

    parts: TurnParts
    question: Question
    say: Callable[[events.Event], Awaitable[None]]
    trace: Span = NOT_TRACED
    started: float = field(default_factory=time.monotonic)
    degraded: list[str] = field(default_factory=list)
    times: dict[str, float] = field(default_factory=dict)
    raw_answer: str = ""  # as the model wrote it, for the history
    answer: str = ""  # without citation marks, for people
    cited: dict[int, None] = field(default_factory=dict)  # passage numbers, in the order of their first mention
    usage: events.Usage = field(default_factory=events.Usage)
    context: events.ContextUse | None = None  # what the model was given, once it was asked
    asked: str = ""  # the question, once it was understood
    recalled: _Recalled | None = None
    committing: bool = False  # from when the whole answer is on its way into the history
    heard_s: float = 0.0  # of the question's audio
    speaking: Speaking = field(init=False)

    def __post_init__(self) -> None:
        self.speaking = Speaking(self.question, self.parts.stages, self.trace, self.say, self.mark, self.degraded)

    async def answer_question(self) -> None:
        """The whole way of one question."""
        question, recalled = self.asked, self.recalled = await self.hear_and_recall()
        await self.say(events.Transcript(question))
        async with asyncio.TaskGroup() as group:
            group.create_task(self.write(question, recalled, group))
            group.create_task(self.speaking.send())
        await self.finish(question, recalled)

    # -- hear, recall ---------------------------------------------------------------------------------------------

    async def hear_and_recall(self) -> tuple[str, _Recalled]:
        """The question's words, and what the answer needs; side by side, since neither needs the other."""
        async with asyncio.TaskGroup() as group:
            hearing = group.create_task(self.hear())
            recalling = group.create_task(self.recall())
        return hearing.result(), recalling.result()

    async def hear(self) -> str:
        """The words of the question. Raises InvalidRequest when there are none, or the audio is no question."""
        if self.question.hearing is not None:
            words = await asyncio.shield(self.question.hearing)
        elif self.question.audio is None:
            return (self.question.text or "").strip()
        else:
            with self.trace.stage("asr"):
                words = await self.transcribe(self.question.audio)
        self.mark("asr_ms")
        if not words:
            raise InvalidRequest("No speech was heard in the question; speak closer and ask again.", code="no_speech")
        return words

    async def transcribe(self, audio: bytes) -> str:
        """The words in a recording. Raises AudioRejected or AudioTooLong when it is no question."""
        async with asyncio.TaskGroup() as group:
            # The check and the transcription read the same bytes; whichever refuses first ends the other.
            group.create_task(self.check_audio(audio))
            # Not a task of its own, so that the question is on its way before anything else of the turn runs.
            words = await self.parts.stages.transcribe(audio)
        return words

    async def check_audio(self, audio: bytes) -> None:
        """Raises AudioRejected or AudioTooLong when the question is not a short recording."""
        limits = AudioLimits(max_duration_s=self.parts.settings.question_max_s)
        self.heard_s = (await self.parts.decoder.inspect(audio, limits)).duration_s

    async def recall(self) -> _Recalled:
        """The session with its last turns, and the lecture as far as it is transcribed. Raises NotFound."""
        started = time.monotonic()
        with self.trace.stage("recall"):
            session, transcript, context = await self.look_up()
        return _Recalled(session, transcript, context, (time.monotonic() - started) * 1000)

    async def look_up(self) -> tuple[Session, Transcript, Context]:
        """What of session and lecture the model gets."""
        session = await self.recall_session()
        lecture_id = self.question.lecture_id or session.lecture_id
        if lecture_id is None:
            raise InvalidRequest(
                "Say which lecture the question is about: give lecture_id, here or when opening the session.",
                code="lecture_required",
                param="lecture_id",
            )
        transcript = await self.parts.lectures.transcript(lecture_id)
        if transcript.status == "failed" and not transcript.segments:
            raise Conflict("This lecture could not be transcribed; upload it again.", code="lecture_failed")
        if transcript.status != "ready":
            self.degraded.append("lecture:partial")
        # What of the lecture the model gets is counted and chosen now, while the question is being heard.
        return session, transcript, await self.parts.planner.plan(transcript, self.history(session))

    async def recall_session(self) -> Session:
        """The session of the question with its last turns, or a new one."""
        sessions, session_id = self.parts.sessions, self.question.session_id
        if session_id is None:
            return sessions.begin(self.question.lecture_id)
        try:
            return await sessions.read(session_id, last=self.parts.settings.history_turns)
        except NotFound:
            if self.question.begun is None:
                raise
            return self.question.begun
        except StageUnavailable:
            if self.question.lecture_id is None:
                raise  # only the session knows which lecture is meant
            # A question is answered without its history rather than refused; `done` says so.
            return Session(session_id, None, time.time())

    def history(self, session: Session) -> tuple[PastTurn, ...]:
        """The last turns, oldest first: those that the transport knows, and then what the session has beside them."""
        known = self.question.history
        if not self.question.recalls:
            return known[max(0, len(known) - self.parts.settings.history_turns) :]
        ids = {turn.turn_id for turn in known}
        turns = (*known, *(turn for turn in session.turns if turn.turn_id not in ids))
        return turns[max(0, len(turns) - self.parts.settings.history_turns) :]

    # -- write ----------------------------------------------------------------------------------------------------

    async def write(self, question: str, recalled: _Recalled, group: asyncio.TaskGroup) -> None:
        """Streams the answer's text, and hands each clause to a voice as soon as it is complete."""
        marks, splitter = CitationParser(), SentenceSplitter()

        async def show(pieces: list[str | int]) -> None:
            self.cited.update(
                (piece, None)
                for piece in pieces
                if isinstance(piece, int) and recalled.context.passage(piece) is not None
            )
            if text := "".join(piece for piece in pieces if isinstance(piece, str)):
                self.answer += text
                await self.say(events.AnswerDelta(text))

        async def speak(complete: list[str]) -> None:
            for clause in map(without_marks, complete):
                self.mark("first_sentence_ms")
                await self.speaking.add(clause, group)

        with self.trace.stage("llm"):
            async for text in self.read_answer(question, recalled):
                await show(marks.feed(text))
                # The splitter sees the marks too: the space that shows a sentence's end may still belong to a mark.
                await speak(splitter.feed(text))
        await show(marks.flush())
        await speak(splitter.flush())
        await self.speaking.end()

    async def read_answer(self, question: str, recalled: _Recalled) -> AsyncIterator[str]:
        """The answer's text as it comes, marks and all, and what has to be said about a lecture not yet ready.

        Raises StageUnavailable when the model breaks off or says nothing.
        """
        transcript = recalled.transcript
        if not transcript.segments:
            yield _nothing_heard(transcript)
            return
        answer = ask(self.parts.stages, recalled.context, question, session_id=recalled.session.session_id)
        async with aclosing(answer):
            async for item in answer:
                match item:
                    case events.ContextUse():
                        self.context = item
                    case AnswerStart(degraded=str(name)):
                        self.degraded.append(name)
                    case AnswerChunk(text=text):
                        self.mark("llm_first_token_ms")
                        self.raw_answer += text
                        yield text
                    case AnswerEnd(usage=usage):
                        self.usage = usage
                        if usage.prompt_tokens:
                            self.context = replace(self.context, tokens=usage.prompt_tokens)
        if not self.raw_answer.strip():
            raise StageUnavailable("llm", "The model gave an empty answer; ask again.", code="llm_empty")
        if transcript.status != "ready":
            yield _partial_note(transcript)

    # -- finish ---------------------------------------------------------------------------------------------------

    async def finish(self, question: str, recalled: _Recalled) -> None:
        """Commits the pair, then says Done: what a client has seen `done` for is in the history."""
        self.times["recall_ms"] = recalled.ms
        turn = past_turn(self, self.answer.strip(), self.raw_answer, self.cited)
        saved = False
        if self.question.keep:
            self.committing = True
            with self.trace.stage("commit"):
                saved = await commit(self, turn)
        await self.say(
            events.Done(
                turn_id=self.question.turn_id,
                session_id=recalled.session.session_id,
                question=question,
                answer=turn.answer,
                citations=turn.citations,
                degraded=turn.degraded,
                usage=self.usage,
                receipt=self.receipt(),
                history_saved=saved,
            )
        )

    # -- times --------------------------------------------------------------------------------------------

    def mark(self, name: str, *, since: float | None = None) -> None:
        """Notes the moment when something happened first, in ms since the turn began or a part of it."""
        if name not in self.times:
            self.times[name] = (time.monotonic() - (since or self.started)) * 1000
            current_span().event(name.removesuffix("_ms"))

    def receipt(self) -> events.Receipt:
        """Where the time went so far, to a tenth of a millisecond."""
        total = (time.monotonic() - self.started) * 1000
        times = {name: round(ms, 1) for name, ms in self.times.items()}
        return events.Receipt(**times, total_ms=round(total, 1), context=self.context)


def _partial_note(transcript: Transcript) -> str:
    minutes, seconds = divmod(int(transcript.transcribed_s), 60)
    heard = f"{minutes} minutes" if minutes > 1 else f"{minutes * 60 + seconds} seconds"
    if transcript.status == "failed":
        return f" That is from the first {heard}; the rest of the lecture could not be transcribed."
    return f" That is from the first {heard}; the rest of the lecture is still being transcribed."


def _nothing_heard(transcript: Transcript) -> str:
    if transcript.status == "ready":
        return "I heard no speech in this recording, so there is nothing to answer from."
    return "I have not heard anything of this lecture yet. It is still being transcribed; ask again in a moment."
