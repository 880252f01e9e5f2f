"""What the extractive answerer says to which question."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from viva.passages import Segment, number_passages, render_lecture, render_question
from viva_llm.extractive import Answerer
from viva_llm.extractive import answerer as answerer_module
from viva_llm.extractive.index import LectureIndex
from viva_llm.extractive.words import words_of

# As a recogniser without punctuation writes it; Barovier, Ravenscroft and Pilkington are not in its vocabulary.
GLASS = (
    "welcome to this evening on the history of glass making",
    "the oldest beads were found in mesopotamia and they are four thousand years old",
    "a glass maker needs sand soda and lime and a furnace that is hot enough",
    "soda lowers the melting point of the sand which saves a great deal of wood",
    "in murano the workshops were moved to an island in twelve ninety one",
    "the senate did that because it feared that the furnaces would set venice on fire",
    "and anybody who left the island with the secrets was threatened with death",
    "a man called angelo bar oh v air made the first clear crystal there",
    "he purified the ashes of a plant from the coast of syria",
    "later george raven's croft in london added lead oxide to the melt",
    "lead glass is heavy it sparkles and it is easy to cut",
    "today window glass floats on a bath of liquid tin which makes it perfectly flat",
    "the inventor of the float process was alastair pill king tin and it took him seven years",
    "next time we will talk about bar oh silicate glass for the kitchen",
)


def system(texts: tuple[str, ...] = GLASS) -> dict:
    """The system message of a lecture whose passages last eight seconds each."""
    segments = [Segment(8.0 * at, 8.0 * at + 7.5, text) for at, text in enumerate(texts)]
    return {
        "role": "system",
        "content": f"Answer from the lecture.\n{render_lecture(number_passages(segments))}",
    }


def chat(*turns: str, texts: tuple[str, ...] = GLASS) -> list[dict]:
    """A chat about the lecture: question, answer, question, and so on; the last is a question."""
    roles = ("user", "assistant")
    return [system(texts), *({"role": roles[at % 2], "content": text} for at, text in enumerate(turns))]


QUOTED = re.compile(r'"([^"]*)" \[(\d+)\]')


def ask(answerer: Answerer, *turns: str, texts: tuple[str, ...] = GLASS):
    """The answer to the last of the turns."""
    return answerer.answer(chat(*turns, texts=texts))


@pytest.mark.parametrize(
    ("question", "passage"),
    [
        ("What does soda do to the melting point?", 4),
        ("Where were the oldest beads found?", 2),
        ("What did Ravenscroft add to the melt?", 10),
        ("Why is window glass so flat?", 12),
        ("um okay so can you please tell me about lead oxide", 10),
    ],
)
def test_cites_the_passage_that_answers(answerer, question, passage):
    """The passage that has the words of the question is quoted with its number."""
    assert passage in ask(answerer, question).passages


@pytest.mark.parametrize(
    ("question", "passage"),
    [
        ("Who was Barovier?", 8),  # bar oh v air
        ("What did Pilkington invent?", 13),  # pill king tin
        ("What is borosilicate?", 14),  # bar oh silicate
    ],
)
def test_hears_a_name_that_was_cut_into_other_words(answerer, question, passage):
    """A term that the recogniser wrote as several common words is found by its sound."""
    assert passage in ask(answerer, question).passages


def test_hears_a_question_that_was_cut_into_other_words(answerer):
    """The question may be misheard as well: "raven's croft" is asked for as "raving craft"."""
    assert 10 in ask(answerer, "who was george raving craft").passages


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of Mongolia?",
        "Who discovered penicillin?",
        "How does a combustion engine work?",
        "How do porcelain factories decorate their plates?",
        "Please tell me about the election of the president.",
    ],
)
def test_refuses_what_the_lecture_does_not_cover(answerer, question):
    """Nothing is cited where the words of the question are not in the lecture."""
    answer = ask(answerer, question)
    assert answer.refused
    assert "[" not in answer.text


def test_politeness_is_no_evidence(answerer):
    """Words around a question match nothing, however often the lecture has them."""
    assert ask(answerer, "Could you please tell me what the lecture says about bicycles?").refused


def test_a_question_for_a_year_brings_the_passage_with_the_year(answerer):
    """For "when", a passage or its neighbour that has a date is among those quoted."""
    assert 5 in ask(answerer, "When were the workshops moved?").passages


def test_a_follow_up_is_understood_after_an_answer_in_other_words(answerer):
    """Where a client replays a conversation, the answer before need not be a quotation of ours."""
    lines = (Path(__file__).parents[4] / "samples" / "lecture.txt").read_text(encoding="utf-8").splitlines()
    asked = "Who made the first integrated circuit?"
    said = "The first integrated circuit was made by Jack Kilby."
    heard = tuple(line.lower() for line in lines if line)
    answer = ask(answerer, asked, said, "And what year was that?", texts=heard)
    assert any("1958" in heard[number - 1] for number in answer.passages)


def test_digits_match_numbers_that_were_spoken(answerer):
    """ "1291" is looked for as "twelve ninety one"."""
    assert 5 in ask(answerer, "What happened in Murano in 1291?").passages


def test_words_of_the_same_meaning_match(answerer):
    """ "ancient" has no letters in common with "old", and "discovered" none with "found"."""
    assert 2 in ask(answerer, "Where were the oldest beads discovered?").passages


class TestFollowUps:
    """Questions that need what was said before."""

    MOVED = ("Why were the workshops in Murano moved to an island?", 'From the lecture: "…" [5] "…" [6].')

    def test_a_year_is_looked_for_near_what_was_cited(self, answerer):
        """ "And in which year was that?" is answered from around the last answer."""
        assert 5 in ask(answerer, *self.MOVED, "And in which year was that?").passages

    def test_more_is_what_comes_next(self, answerer):
        """ "Tell me more" goes on after what was quoted."""
        assert 7 in ask(answerer, *self.MOVED, "Tell me more about it.").passages

    def test_is_refused_where_its_own_word_is_missing(self, answerer):
        """History does not make up for the thing that is asked."""
        assert ask(answerer, *self.MOVED, "And which telescope did they use for that?").refused

    def test_a_year_that_is_not_there_is_refused(self, answerer):
        """With no date anywhere near, it says so rather than quoting something else."""
        texts = tuple(text for text in GLASS if "ninety" not in text)
        turns = ("Why were the furnaces feared?", 'In the lecture: "…" [5].', "In what year was that?")
        assert ask(answerer, *turns, texts=texts).refused

    def test_a_new_question_is_not_dragged_back(self, answerer):
        """A question that stands by itself is answered where its words are."""
        assert ask(answerer, *self.MOVED, "What is window glass floated on?").passages[0] == 12

    def test_marks_of_passages_that_are_gone_are_ignored(self, answerer):
        """History may cite numbers that this lecture does not have."""
        answer = ask(answerer, "Who?", 'In the lecture: "…" [812].', "And when was that?")
        assert all(1 <= number <= len(GLASS) for number in answer.passages)


@pytest.mark.parametrize("question", ["What is this lecture about?", "Can you summarise the talk?", "the main points"])
def test_a_question_about_the_whole_is_not_refused(answerer, question):
    """The opening is quoted, and what is central."""
    assert 1 in ask(answerer, question).passages


def test_says_so_when_nothing_has_been_heard(answerer):
    """Before the first passage there is nothing to quote."""
    answer = ask(answerer, "What is glass?", texts=())
    assert answer.refused
    assert "yet" in answer.text


@pytest.mark.parametrize("question", ["", "?", "   "])
def test_an_empty_question_is_not_answered(answerer, question):
    """Silence is recognised as nothing."""
    assert ask(answerer, question).refused


def test_is_the_same_every_time():
    """Two answerers, and one asked twice, say the same."""
    first, second = Answerer(), Answerer()
    texts = [each.answer(chat("Why was lead added?")).text for each in (first, first, second)]
    assert len(set(texts)) == 1


def test_content_may_be_in_parts(answerer):
    """OpenAI's list of content parts is read as its text."""
    parts = [{"type": "text", "text": "Where were the oldest beads found?"}]
    assert 2 in answerer.answer([system(), {"role": "user", "content": parts}]).passages


def test_forgets_the_lecture_used_longest_ago():
    """No more lectures are kept than was said."""
    answerer = Answerer(cached_lectures=2)
    for at in range(4):
        answerer.answer(chat("What is glass?", texts=(*GLASS, f"and that was lesson {at}")))
    assert answerer.cached_lectures == 2


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(question=st.text(max_size=80) | st.lists(st.sampled_from(words_of(" ".join(GLASS))), max_size=8).map(" ".join))
def test_never_quotes_a_word_that_was_not_said(answerer, question):
    """Whatever is asked, what stands between quotation marks is a passage, word for word, beside its own number."""
    for quoted, number in QUOTED.findall(ask(answerer, question).text):
        assert quoted == GLASS[int(number) - 1]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(max_size=60), max_size=6), question=st.text(max_size=60))
def test_takes_any_lecture_and_any_question(answerer, texts, question):
    """Odd characters, empty passages and numbers break nothing, and at most three passages are cited."""
    answer = ask(answerer, question, texts=tuple(texts))
    assert answer.text
    assert len(answer.passages) <= 3


def test_passages_that_come_with_the_question_are_answered_from(answerer):
    """Of a lecture too long for the prompt, those before the question count like those in the system message."""
    segments = [Segment(8.0 * at, 8.0 * at + 7.5, text) for at, text in enumerate(GLASS)]
    passages = number_passages(segments)
    messages = [
        {"role": "system", "content": f"Answer from the lecture.\n{render_lecture(passages[:3])}"},
        {"role": "user", "content": render_question(passages[10:13], "Who invented the float process?")},
    ]
    assert 13 in answerer.answer(messages).passages
    assert answerer.answer([messages[0], {"role": "user", "content": "Who invented the float process?"}]).refused


def test_a_lecture_is_made_ready_once_for_all_who_ask_at_once(monkeypatch):
    """Whoever asks while the index is being made waits for it."""
    made = []
    begun, asked = Event(), Event()

    class SlowIndex(LectureIndex):
        def __init__(self, *arguments):
            made.append(self)
            begun.set()
            asked.wait(10)
            super().__init__(*arguments)

    monkeypatch.setattr(answerer_module, "LectureIndex", SlowIndex)
    answerer = Answerer()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, answerer, "Where were the oldest beads found?")
        begun.wait(10)
        second = pool.submit(ask, answerer, "Where were the oldest beads found?")
        asked.set()
        assert first.result(10) == second.result(10)
    assert len(made) == 1
