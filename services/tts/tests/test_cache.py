"""PhraseCache: bounded, and the least recently used go first."""

from viva_tts.cache import Phrase, PhraseCache
from viva_tts.engine import Pcm


def phrase(text: str) -> Phrase:
    return Phrase("flite", "slt", 1.0, text)


def pcm(size: int) -> Pcm:
    return Pcm(bytes(size), 16_000)


def test_what_was_put_is_found():
    """A phrase is found with all that its audio depends on, and only so."""
    cache = PhraseCache(1000)
    cache.put(phrase("a"), pcm(100))
    assert cache.get(phrase("a")) == pcm(100)
    assert cache.get(phrase("a")._replace(speed=2.0)) is None
    assert cache.get(phrase("a")._replace(voice="rms")) is None


def test_the_least_recently_used_go_first():
    """Past its bytes it forgets what was not used for the longest time, and never holds more."""
    cache = PhraseCache(1000)
    for name in "abcd":
        cache.put(phrase(name), pcm(240))
    cache.get(phrase("a"))
    cache.put(phrase("e"), pcm(240))
    assert cache.get(phrase("b")) is None
    assert cache.get(phrase("a")) is not None
    assert cache.bytes == 4 * 241 <= cache.max_bytes


def test_one_long_phrase_does_not_push_out_the_rest():
    """What takes more than a quarter of the room is not kept."""
    cache = PhraseCache(1000)
    cache.put(phrase("a"), pcm(100))
    cache.put(phrase("long"), pcm(300))
    assert cache.get(phrase("long")) is None
    assert cache.get(phrase("a")) is not None


def test_the_same_phrase_again_takes_no_more_room():
    """A phrase that two requests made at once counts once."""
    cache = PhraseCache(1000)
    cache.put(phrase("a"), pcm(100))
    cache.put(phrase("a"), pcm(120))
    assert cache.bytes == 121


def test_no_bytes_is_no_cache():
    """With 0 bytes nothing is kept."""
    cache = PhraseCache(0)
    cache.put(phrase("a"), pcm(2))
    assert cache.get(phrase("a")) is None
    assert cache.bytes == 0
