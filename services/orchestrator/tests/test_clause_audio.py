"""A clause's audio in the making."""

import asyncio

from viva_orchestrator.clause_audio import PIECE_BYTES, ClauseAudio


async def pieces(audio: ClauseAudio, *, whole: bool = False) -> list[tuple[int, bool]]:
    return [(len(piece), last) async for piece, last in audio.pieces(whole=whole)]


async def test_what_is_there_comes_in_one_piece():
    """A clause that was finished before its turn is one piece, however it was made."""
    audio = ClauseAudio()
    for _ in range(3):
        audio.add(bytes(PIECE_BYTES))
    audio.end()
    assert await pieces(audio) == [(3 * PIECE_BYTES, True)]


async def test_pieces_are_whole_samples_and_the_last_is_known():
    """Parts of any length: what is given on is even until the end, nothing is lost, and one piece is the last."""
    audio = ClauseAudio()
    taking = asyncio.create_task(pieces(audio))
    for size in (PIECE_BYTES + 1, PIECE_BYTES, 7):
        audio.add(bytes(size))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    audio.end()
    found = await taking
    assert sum(size for size, _ in found) == 2 * PIECE_BYTES + 8
    assert all(size % 2 == 0 for size, _ in found)
    assert [last for _, last in found] == [*[False] * (len(found) - 1), True]
    assert len(found) > 1


async def test_a_whole_is_given_when_it_ends():
    """A file that only plays as a whole waits for its end."""
    audio = ClauseAudio()
    taking = asyncio.create_task(pieces(audio, whole=True))
    audio.add(bytes(3 * PIECE_BYTES))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not taking.done()
    audio.end()
    assert await taking == [(3 * PIECE_BYTES, True)]


async def test_half_a_sample_is_left_out():
    """A voice may break off anywhere; the piece that is said to be the last still comes."""
    audio = ClauseAudio()
    taking = asyncio.create_task(pieces(audio))
    audio.add(bytes(PIECE_BYTES + 1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    audio.end()
    found = await taking
    assert [last for _, last in found] == [False, True]
    assert all(size % 2 == 0 for size, _ in found)
    assert sum(size for size, _ in found) == PIECE_BYTES


async def test_only_what_nobody_has_can_be_taken_back():
    """A voice that breaks off may begin anew until the first piece is on its way."""
    audio = ClauseAudio()
    audio.add(bytes(PIECE_BYTES + 1))
    assert audio.take_back()
    taking = asyncio.create_task(pieces(audio))
    audio.add(bytes(PIECE_BYTES + 2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not audio.take_back()
    audio.end()
    assert sum(size for size, _ in await taking) == PIECE_BYTES + 2


async def test_nothing_made_is_no_piece():
    """A clause that could not be spoken is passed over."""
    audio = ClauseAudio()
    audio.end()
    assert await pieces(audio) == []
