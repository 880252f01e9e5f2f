"""One turn on the screen, with a console that writes into a string."""

import base64
import io

import pytest
from rich.console import Console

from viva.cli.turn import TurnFailed, TurnView
from viva.events import AnswerDelta, Audio, Citation, ContextUse, Done, Error, Receipt, Transcript, Usage


def console() -> Console:
    return Console(file=io.StringIO(), width=60, highlight=False, markup=False)


def done(**changes) -> Done:
    values = {
        "turn_id": "t1",
        "session_id": "s1",
        "question": "who",
        "answer": "Jack Kilby.",
        "citations": (Citation("l1", 240.2, 249.9, "the first\x1b[2J circuit was made by [bold]jack kilby[/bold]"),),
        "degraded": None,
        "usage": Usage(),
        "receipt": Receipt(asr_ms=300, llm_first_token_ms=310, first_audio_ms=400, total_ms=500),
    }
    return Done(**(values | changes))


def shown(*events) -> str:
    printing = console()
    TurnView(printing).show(events)
    return printing.file.getvalue()


def test_a_turn_is_printed_in_the_order_in_which_it_came():
    """Question, answer, quoted words with their times, and the waterfall."""
    text = shown(Transcript("who made it"), AnswerDelta("Jack "), AnswerDelta("Kilby."), done())
    order = ["Heard     who made it", "Answer    Jack Kilby.", "[04:00-04:09] ", "transcribe", "whole turn"]
    assert [text.index(part) for part in order] == sorted(text.index(part) for part in order)


def test_it_says_when_the_model_was_not_given_the_whole_lecture():
    """Passages instead of the whole are named, with how many; the whole goes without saying."""
    part = Receipt(total_ms=500, context=ContextUse("passages", 15_000, 16_384, 70))
    whole = Receipt(total_ms=500, context=ContextUse("transcript", 900, 16_384, 12))
    assert "70 passages" in shown(Transcript("who"), AnswerDelta("Jack."), done(receipt=part))
    assert "Given" not in shown(Transcript("who"), AnswerDelta("Jack."), done(receipt=whole))


def test_quoted_words_keep_their_brackets_and_lose_control_characters():
    """What was recognised is neither markup nor able to clear the screen."""
    text = shown(Transcript("who"), AnswerDelta("Jack."), done())
    assert "\x1b" not in text
    assert "[bold]jack kilby[/bold]" in " ".join(text.split())


def test_lines_fit_the_terminal_and_are_indented():
    """A long answer is wrapped at the width of the console under its first word."""
    text = shown(Transcript("who"), AnswerDelta("word " * 60), done())
    assert max(map(len, text.splitlines())) <= 60
    wrapped = [line for line in text.splitlines() if "word" in line]
    assert len(wrapped) > 5
    assert all(line.startswith(" " * 12 + "word") for line in wrapped[1:])


def test_a_fallback_and_a_lost_history_are_said():
    """Nobody mistakes a fallback for the real thing."""
    text = shown(done(degraded="tts:text_only", history_saved=False))
    assert "tts:text_only" in text
    assert "not saved" in text


def test_the_audio_is_kept():
    """The sentences that came as audio can be saved afterwards."""
    view = TurnView(console())
    view.show([Audio(0, "mp3", base64.b64encode(b"abc").decode(), "Jack."), done()])
    assert view.recording


@pytest.mark.parametrize(
    ("events", "code"),
    [
        ([Error("llm_unavailable", "No model.", True)], "llm_unavailable"),
        ([AnswerDelta("Ja")], "server_unreachable"),
    ],
    ids=["error event", "cut off"],
)
def test_a_turn_that_fails_is_an_error_with_its_code(events, code):
    """Neither an error event nor a stream without an end is taken for an answer."""
    with pytest.raises(TurnFailed) as failed:
        TurnView(console()).show(events)
    assert failed.value.code == code
