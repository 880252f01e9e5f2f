"""VoiceBook: who speaks for a name."""

import pytest

from viva_tts.engine import Voice
from viva_tts.voices import OPENAI_VOICES, VoiceBook

VOICES = [Voice("rms", gender="male"), Voice("slt", gender="female"), Voice("awb", gender="male")]


@pytest.mark.parametrize(
    ("asked", "voice"),
    [
        ("awb", "awb"),
        (" SLT ", "slt"),
        ("onyx", "rms"),
        ("marin", "slt"),
        ("alloy", "slt"),
        ("x", "slt"),
        ("", "slt"),
    ],
)
def test_names_find_a_voice(asked, voice):
    """Our own names are themselves, OpenAI's find a like voice, others the default."""
    assert VoiceBook(VOICES, "slt").resolve(asked) == voice


def test_the_default_is_kept_where_it_fits():
    """The default speaks for names of its own gender, also where another comes first in the list."""
    assert VoiceBook(VOICES, "awb").resolve("echo") == "awb"


def test_a_single_voice_speaks_for_all():
    """Without a voice of that gender the default speaks."""
    book = VoiceBook([Voice("en", gender="female")], "en")
    assert set(book.aliases().values()) == {"en"}
    assert set(book.aliases()) == set(OPENAI_VOICES)


def test_a_default_that_is_not_there_is_the_first():
    """A default that the engine does not have does not stop it."""
    assert VoiceBook(VOICES, "nobody").default.id == "rms"
