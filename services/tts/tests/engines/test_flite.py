"""flite: what it is given to read, and what happens when it fails."""

import pytest

from viva.errors import EngineUnavailable, StageUnavailable
from viva_tts.bridge import Bridge
from viva_tts.engines.flite import FliteEngine, readable
from viva_tts.settings import TTSSettings


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("don’t say “no” — please…", 'don\'t say "no" , please...'),
        ("naïve café, 5 °C", "naive cafe, 5 degrees C"),
        ("Ørsted", "Orsted"),
        ("日本語 and ascii", "and ascii"),
    ],
)
def test_only_ascii_is_read(text, read):
    """Typographic signs become plain ones or words, accents go, other scripts are left out."""
    assert " ".join(readable(text).split()) == read


async def test_a_missing_program_says_how_to_get_it():
    """The start stops with a sentence that names the packages."""
    with pytest.raises(EngineUnavailable, match=r"apt-get install flite.*brew"):
        await FliteEngine(TTSSettings(flite_path="no-such-flite"), Bridge(1)).start()


async def test_another_program_is_not_flite():
    """A program that lists no voices stops the start."""
    with pytest.raises(EngineUnavailable, match="lists no voices"):
        await FliteEngine(TTSSettings(flite_path="true"), Bridge(1)).start()


@pytest.mark.parametrize("program", ["false", "true"])
async def test_a_failing_program_is_an_unavailable_stage(program):
    """A non-zero status, or no sound, is an error that says so."""
    engine = FliteEngine(TTSSettings(flite_path=program), Bridge(1))
    with pytest.raises(StageUnavailable, match="flite could not speak"):
        await anext(engine.synthesize("Hello.", "slt", 1.0))
