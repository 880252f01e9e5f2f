"""The comparison with pipecat and with one stage after the other: its stages, its wire format, its aims."""

import json

import aiohttp
import pytest
from aiohttp import web

from benchmarks.side_by_side import stages
from benchmarks.side_by_side.fake_stages import FakeStages
from benchmarks.side_by_side.levels import Level, merged
from benchmarks.side_by_side.pipecat_frames import audio_frame, is_audio, message_frame
from benchmarks.side_by_side.report import aims, print_report
from viva.stack.ports import LOOPBACK

PACE = stages.Pace(4)


def level(way: str, seconds: float, cpu_ms: float, count: int = 20) -> Level:
    return Level(way, count, [seconds] * count, cpu_s=cpu_ms * count / 1000, heard=count)


def test_the_pace_fills_the_times_that_are_given():
    """The last token and the last byte of speech come when the whole of each is to be there."""
    assert "".join(PACE.tokens) == PACE.answer
    last_token_s = stages.FIRST_TOKEN_S + (len(PACE.tokens) - 1) * PACE.token_gap_s
    assert last_token_s == pytest.approx(stages.ANSWER_S)
    last_byte_s = stages.FIRST_BYTE_S + stages.spoken_s(PACE.answer) / PACE.speech_speed
    assert last_byte_s == pytest.approx(stages.SPEECH_S)


def test_the_critical_path_ends_with_the_first_clause():
    """Its words and the one that shows its end are written, then its voice begins; a whole sentence takes longer."""
    clause_s = PACE.critical_path_s()
    waited_s = clause_s - stages.ASR_S - stages.FIRST_TOKEN_S - stages.FIRST_BYTE_S
    assert waited_s == pytest.approx(len(["In", "the", "first", "transistor,"]) * PACE.token_gap_s)
    assert PACE.critical_path_s(whole_sentence=True) > clause_s
    assert clause_s * 4 < stages.ONE_AFTER_THE_OTHER_S


async def test_the_stages_stream_and_give_the_whole_alike():
    """The same words either way, and as much speech as they take to say."""
    app = web.Application()
    app.add_routes(FakeStages(PACE).routes())
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, LOOPBACK, 0)
    await site.start()
    port = runner.addresses[0][1]
    url = f"http://{LOOPBACK}:{port}/v1"
    try:
        async with aiohttp.ClientSession() as session:
            asked = {"messages": [], "max_tokens": 3}
            async with session.post(f"{url}/chat/completions", json=asked) as response:
                whole = (await response.json())["choices"][0]["message"]["content"]
            async with session.post(f"{url}/chat/completions", json=asked | {"stream": True}) as response:
                lines = (await response.text()).split("\n\n")
            chunks = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]
            assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == whole
            assert whole == "In the first"
            assert lines[-2] == "data: [DONE]"
            wanted = {"input": whole, "response_format": "pcm"}
            async with session.post(f"{url}/audio/speech", json=wanted) as response:
                assert len(await response.read()) == 2 * round(stages.spoken_s(whole) * stages.RATE_HZ)
    finally:
        await runner.cleanup()


def test_frames_are_those_of_the_serializer():
    """Field by field as pipecat's own serializer writes them."""
    assert audio_frame(b"\x01\x02", 16_000).hex() == "1209" + "1a020102" + "20807d" + "2801"
    assert message_frame({"type": "x"}) == b'"\x0f\n\r{"type": "x"}'
    assert is_audio(audio_frame(bytes(1000), 16_000))
    assert not is_audio(message_frame({}))


def test_aims_are_judged():
    """Each is met or missed by its own figures; what was not measured is not judged."""
    path_s = PACE.critical_path_s()
    after = level("one after the other", stages.ONE_AFTER_THE_OTHER_S, 20)
    good = [level("Viva", path_s * 1.01, 90), level("pipecat", path_s * 1.1, 1000), after]
    assert [met for met, _ in aims(good, path_s)] == [True] * 4
    bad = [level("Viva", path_s * 1.2, 600), level("pipecat", path_s * 1.1, 1000), after]
    assert [met for met, _ in aims(bad, path_s)] == [False] * 4
    assert len(list(aims(good[:1], path_s))) == 1
    assert list(aims(good[1:], path_s)) == []


def test_the_report_has_a_line_for_each_level(capsys):
    """Rounds are one line: their turns together, the memory of the first."""
    rounds = [level("Viva", 2.0, 100), level("Viva", 2.1, 200)]
    rounds[0].active_bytes = 3e6
    print_report([level("Viva", 2.0, 0, count=3)], [merged(rounds)], PACE)
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("| Viva | 3 | 3 | 0 | 2000 / 2000 / 2000 ms |") for line in lines)
    assert any(line.startswith("| Viva | 20 | 40 | 0 | 2050 /") and "150 ms | 0.00 / 3.00 MB" in line for line in lines)
