"""Where in a turn the work of a stage lies."""

from dataclasses import replace

import pytest

from viva.plan.figures import Figures
from viva.plan.work import Work


def test_an_answer_that_is_there_at_once_is_all_work_before_its_first_token(figures: Figures):
    """As the extractive answerer's: nothing is written afterwards."""
    turn = replace(figures.turns[0], token=10.0, clause=0.0)
    work = Work(replace(figures, turns=(turn,)))
    assert work.token(turn) == pytest.approx(8.0)
    assert work.beside(turn, 0)["llm"] == pytest.approx(0.0)


def test_a_paced_answers_work_lies_along_all_of_it(figures: Figures):
    """By time before the first token, and by length with the clauses."""
    turn = figures.turns[0]  # 150 ms to the first token, 330 for 40 characters, so 1,320 for the other 160
    work = Work(figures)
    assert work.token(turn) == pytest.approx(8.0 * 150 / 1800)
    beside = [work.beside(turn, number)["llm"] for number in range(3)]
    assert beside[1] == pytest.approx(2 * beside[0])
    assert work.token(turn) + sum(beside) == pytest.approx(8.0)
