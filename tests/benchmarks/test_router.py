"""The comparison of routers: its load, its arithmetic, its table; with Viva's router alone. No figure is judged."""

import asyncio
import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from benchmarks import router
from benchmarks.cpu_time import CPUTime, cpu_time
from benchmarks.proxies import PROXIES, Proxy, Started, running, wait_until_it_answers
from benchmarks.stream_load import Load, Seen, keep_up
from viva.stack.ports import LOOPBACK, free_ports

TURN = router.Turn("no proxy", 30, 0, 10, 0, 1000, 1.0, 2.0, 3.0, None, 5.0, 0.01)


def test_viva_and_no_proxy_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    """One short round over real processes: every stream ends whole, and the report has a line and figures for each."""
    out = tmp_path / "out.json"
    load = ["--streams", "4", "--tokens", "5", "--seconds", "0.5", "--rounds", "1", "--quiet", "1"]
    monkeypatch.setattr(sys, "argv", ["router", *load, "--only", "Viva's llm", "--json", str(out)])
    # It binds itself to a core for the measurement; the tests after this one want both.
    monkeypatch.setattr(router, "cores", lambda: (None, None))

    before = set(psutil.Process().children())
    router.main()

    turns = json.loads(out.read_text())["turns"]
    assert [turn["way"] for turn in turns] == ["no proxy", "Viva's llm"]
    assert all(turn["errors"] == 0 and turn["events"] > 0 for turn in turns)
    assert turns[0]["cpu_us"] is None
    assert turns[1]["cpu_us"] is not None
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith(("| 4 | no proxy |", "| 4 | Viva's llm | ")) for line in lines) == 2
    assert set(psutil.Process().children()) <= before


async def test_refused_and_cut_streams_are_errors():
    """A status that is not 200, and a stream without all of its tokens, count as errors, not as answers."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        answers.reverse()
        writer.write(answers[0])
        writer.close()

    token = b'data: {"choices":[{"delta":{"content":"@2.5@2.0@"}}]}\n\n'
    answers = [b"HTTP/1.1 503 Busy\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n" + token + b"data: [DONE]\n\n"]
    async with await asyncio.start_server(answer, LOOPBACK, 0) as server:
        port = server.sockets[0].getsockname()[1]
        seen = await keep_up([port], Load(streams=1, tokens=2, rate=100, seconds=0.2), lambda: None)
    assert seen.errors > 1
    assert seen.finished == 0
    assert seen.events > 0


def test_added_is_less_what_the_same_round_was_without_a_proxy():
    """Medians of the differences, round by round, so that a slow round does not count against whoever had it."""
    turns = []
    for number, slow in enumerate((0.0, 100.0, 1.0)):
        turns.append(replace(TURN, round=number, first_p50=1 + slow))
        turns.append(replace(TURN, round=number, way="it", first_p50=1.5 + slow, cpu_us=20.0 + number))
    plain, proxied = router.rows_of(turns)
    assert (plain.way, plain.added_p50, plain.cpu_us) == ("no proxy", 0, None)
    assert (proxied.way, proxied.added_p50, proxied.cpu_us) == ("it", 0.5, 21.0)
    assert "| 30 | no proxy | 2.00 / 2.00 / 3.00 ms |" in router.table(turns)
    assert "| 30 | it | +0.50 / +0.00 / +0.00 ms | 21 µs | 0 |" in router.table(turns)


def test_turn_is_counted_per_event():
    """CPU seconds become microseconds per token that came; the percentiles are of the first tokens."""
    seen = Seen(first_ms=[float(n) for n in range(101)], later=899, finished=9, errors=2)
    used = CPUTime(at_s=10.0, named={"client": 0.01, "models": 0.5, "proxy": 0.05}, everybody=1.0)
    turn = router.turn_of(router.Way("it", [1], 123), Load(30, 10, 30, 10.0), 2, seen, used)
    assert (turn.first_p50, turn.first_p95, turn.first_p99) == (50, 95, 99)
    assert (turn.events, turn.finished, turn.errors, turn.round) == (1000, 9, 2, 2)
    assert turn.cpu_us == pytest.approx(50)
    assert turn.client_cpu_us == pytest.approx(10)
    assert all(map(math.isnan, router.percentiles([])))


def test_a_disturbed_turn_is_repeated(monkeypatch: pytest.MonkeyPatch):
    """Until the machine was quiet; where it never is, the quietest turn stands."""
    shares = iter([0.5, 0.02, 0.9, 0.4, 0.7])
    monkeypatch.setattr(router, "take_turn", lambda *_given: replace(TURN, others=next(shares)))
    way, load = router.Way("it", [1], None), Load(30, 10, 30, 1.0)
    assert router.quiet_turn(way, load, 0, [], 0.1).others == 0.02
    assert router.quiet_turn(way, load, 0, [], 0.1).others == 0.4


def test_cpu_time_tells_ours_from_that_of_others(monkeypatch: pytest.MonkeyPatch):
    """What no named process used is the share of others, of all processors together."""
    monkeypatch.setattr(psutil, "cpu_count", lambda: 2)
    used = CPUTime(at_s=5.0, named={"proxy": 2.0, "client": 1.0}, everybody=4.0)
    assert used.share_of_others() == pytest.approx(0.1)
    assert cpu_time({"client": [psutil.Process().pid]}).named["client"] > 0


def test_a_proxy_that_does_not_start_says_why(tmp_path: Path):
    """Its last words reach the reader."""
    log = tmp_path / "it.log"
    started = Started([sys.executable, "-c", "raise SystemExit('no such option')"], {})
    with running(started, core=None, log=log) as process:
        process.wait()
        with pytest.raises(SystemExit, match="it did not start: no such option"):
            wait_until_it_answers(free_ports(1)[0], process, log)


def test_others_are_measured_only_where_they_are_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Their version is the one that their environment was made from."""
    monkeypatch.setattr("benchmarks.proxies.ENVIRONMENTS", tmp_path)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "made-from").write_text("# pins\nthere==1.2.3\nthere-extras==9\n")
    there, missing = Proxy("there", PROXIES[1].start, "there"), Proxy("missing", PROXIES[1].start, "missing")
    assert (there.installed, there.version) == (True, "1.2.3")
    assert not missing.installed
    assert PROXIES[0].installed
