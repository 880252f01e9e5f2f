"""What is left of a chat model's answer when its wrapping is taken off."""

import pytest

from viva_asr.engines.chat import bare_transcript


@pytest.mark.parametrize(
    "answer",
    [
        "good morning everybody",
        "  good morning\neverybody ",
        '"good morning everybody"',
        "The transcription is: good morning everybody",
        'The transcription of the audio is: "good morning everybody"',
        "Here is the transcript:\n\ngood morning everybody",
        "Sure! Here's the transcription of the recording: good morning everybody",
        "Transcription: good morning everybody",
        "**Transcript:** good morning everybody".replace("*", ""),
        "The original content of this audio is: 'good morning everybody'",
        "The speaker says: “good morning everybody”",
        "```text\ngood morning everybody\n```",
    ],
)
def test_wrappers_are_taken_off(answer: str) -> None:
    """Lead-ins, quotation marks and code fences go, the words stay."""
    assert bare_transcript(answer) == "good morning everybody"


@pytest.mark.parametrize(
    "spoken",
    [
        "The rule is: never touch a running system.",
        "The text of the law says nothing about it.",
        'He said: "stop", and then: "go".',
        "the speaker says that it was in 1947",
        "This is a transcription service.",
    ],
)
def test_speech_that_looks_like_a_wrapper_stays(spoken: str) -> None:
    """What somebody said is not cut because it has a colon or quotation marks."""
    assert bare_transcript(spoken) == spoken


@pytest.mark.parametrize("answer", ["", "[silence]", "(no speech)", "[No speech detected].", "Silence."])
def test_silence_is_empty(answer: str) -> None:
    """The ways in which a model says that it heard nothing become no text."""
    assert bare_transcript(answer) == ""
