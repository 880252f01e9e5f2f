"""The lectures and questions that the benchmarks measure with."""

from pathlib import Path

import pytest

from benchmarks.question_set import LECTURES, Question, is_right, load, load_all
from viva.samples import SpokenLine, read_lines

SPOKEN = [
    SpokenLine(1, 10.0, 14.0, "One."),
    SpokenLine(2, 14.5, 16.5, "Two."),
    SpokenLine(4, 17.0, 37.0, "Long."),
]


def test_every_set_is_large_enough_to_measure_with():
    """Each lecture has enough questions of every kind, and what is not covered is so at every distance."""
    for questions in load_all():
        assert len(questions.answerable) >= (20 if questions.name == "transistor" else 12), questions.name
        assert {question.distance for question in questions.not_covered} == {"far", "near", "detail"}
        assert len(questions.not_covered) >= 10
        assert len(questions.dialogues) >= 4
        assert all(len(turns) >= 2 for turns in questions.dialogues)


def test_every_answerable_question_names_its_lines():
    """Answers are lines of the lecture; what is not covered has none."""
    for questions in load_all():
        numbers = {line.number for line in read_lines(questions.text)}
        turns = [turn for dialogue in questions.dialogues for turn in dialogue]
        for question in (*questions.answerable, *turns):
            assert question.lines, question.ask
            assert set(question.lines) <= numbers
        assert not any(question.lines for question in questions.not_covered)


def test_some_lectures_are_held_out():
    """At least two lectures are kept for the report, and the sample lecture is not one of them."""
    held_out = {questions.name for questions in load_all() if questions.held_out}

    assert len(held_out) >= 2
    assert "transistor" not in held_out


def test_no_question_is_asked_twice():
    """A question that stands twice in a list would count twice."""
    for questions in load_all():
        asked = [question.ask for question in (*questions.answerable, *questions.not_covered)]
        assert len(asked) == len(set(asked)), questions.name


def test_every_lecture_has_questions():
    """No text lies there unused."""
    assert {path.stem for path in LECTURES.glob("*.txt")} <= {questions.name for questions in load_all()}


@pytest.mark.parametrize(("quote", "count"), [("Nobody said this", 0), ("the", 2)])
def test_a_quote_that_is_not_in_one_line_is_refused(tmp_path: Path, quote: str, count: int):
    """An edited lecture whose quotes no longer fit is noticed, with the quote in the message."""
    (tmp_path / "a.txt").write_text("This is the first.\nThis is the second.\n")
    (tmp_path / "a.toml").write_text(
        'text = "a.txt"\nheld_out = false\nnot_covered = []\ndialogue = []\n'
        f'[[answerable]]\nask = "What?"\nanswer = ["{quote}"]\n'
    )

    with pytest.raises(ValueError, match=f"'{quote}' is in {count} lines"):
        load(tmp_path / "a.toml")


@pytest.mark.parametrize(
    ("start", "end", "right"),
    [
        (9.9, 14.1, True),  # the line and its edges
        (9.0, 18.0, True),  # the line with its neighbours
        (11.9, 17.0, True),  # a little more than half of it
        (12.1, 17.0, False),  # a little less
        (10.5, 11.5, True),  # a piece of it
        (14.5, 16.5, False),  # its neighbour
        (17.0, 37.0, False),  # elsewhere
    ],
)
def test_a_citation_is_right_when_it_shows_the_line(start: float, end: float, right: bool):
    """Half of the line, or a piece that lies within it, is enough; a touch of its edge is not."""
    assert is_right(Question("What?", (1,)), SPOKEN, start, end) is right


def test_any_of_several_lines_is_right():
    """Where two lines answer, citing either is right; where none does, nothing is."""
    assert is_right(Question("What?", (1, 2)), SPOKEN, 14.5, 16.5)
    assert is_right(Question("What?", (1, 2)), SPOKEN, 10.0, 14.0)
    assert not is_right(Question("What?", ()), SPOKEN, 10.0, 14.0)
