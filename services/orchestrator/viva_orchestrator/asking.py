"""One question to the model: again with less of the lecture when it refuses to begin."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from viva.errors import VivaError
from viva.events import ContextUse
from viva_orchestrator.context.context import Context
from viva_orchestrator.stages import AnswerChunk, AnswerEnd, AnswerStart, Stages


async def ask(
    stages: Stages, context: Context, question: str, *, session_id: str
) -> AsyncIterator[ContextUse | AnswerStart | AnswerChunk | AnswerEnd]:
    """What the model is given, then its answer. Raises what `Stages.answer` does.

    A prompt that the model refuses before its first word is planned again with less of the lecture.
    """
    begun = False
    while True:
        prompt = context.ask(question)
        lecture_id = context.text.transcript.lecture_id
        answer = stages.answer(prompt.messages, lecture_id=lecture_id, session_id=session_id)
        yield prompt.use
        try:
            async with aclosing(answer):
                async for item in answer:
                    begun = True
                    yield item
            return
        except VivaError as error:
            if begun or (narrower := context.narrower(error)) is None:
                raise
            context = narrower
