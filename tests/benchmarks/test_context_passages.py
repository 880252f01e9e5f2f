"""What a lecture longer than the context is shown of: the questions of the benchmarks are a guard against losing it."""

from benchmarks.context_passages import WHOLE, AllLectures, Shown
from benchmarks.question_set import load_all


def test_nine_of_ten_questions_find_their_passage_in_a_third_of_the_context():
    """The passages in front of a question are the right ones, and a follow-up stays where the conversation was."""
    sets = load_all()
    shown = Shown(AllLectures(sets), WHOLE // 3)
    shown.run(sets)
    right, of = shown.counts["questions"]
    assert right / of > 0.9
    right, of = shown.counts["follow-ups"]
    assert right / of > 0.95
    right, of = shown.counts["by the sample alone"]
    assert right / of < 0.2  # else the lecture is not too long, and nothing is measured
