"""Reads a load test's report: what the stages did when hardly anybody asked.

The turns themselves are read from `turns.jsonl` beside the report where it is there; else they are put together from
the samples of each time. A report of a busy system is of no use here: its times have the waiting in them that the
simulation is to find.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from viva.plan.doubt import MEASURE, REPORT, is_fake
from viva.plan.figures import STAGES, Figures, Stage, TurnTimes
from viva.plan.unusable import Unusable, is_number, read_text

VERSION = 1
_FIRST_CLAUSE, _CLAUSE = 40, 80  # characters, where the report does not say
_PARTS = ("asr", "recall", "llm_first_token", "first_sentence", "tts_first_audio", "first_audio", "total")
_LEAST_TURNS = 5
_MOST_LOST = 0.01  # of the turns: refused or failed, they took CPU that an answer then seems to take


def read_report(path: Path) -> Figures:
    """The figures of a report. Raises Unusable with a sentence when there is nothing to be planned from."""
    report = _read(path)
    _check_lost(path, report)
    clauses = _clauses(report)
    turns = tuple(_turns_of_rows(path.with_name("turns.jsonl"), clauses)) or tuple(_turns_of_samples(report, clauses))
    if len(turns) < _LEAST_TURNS:
        raise Unusable(
            f"{path} has {len(turns)} finished turns with all their times; a plan needs {_LEAST_TURNS} at least."
        )
    machine, answers = report.get("machine") or {}, report.get("answers") or {}
    return Figures(
        turns=turns,
        stages={name: _stage(report, name) for name in STAGES},
        sources={name: _source(report, name) for name in STAGES},
        client_cpu_ms=_number(report, "generator", "cpu_s_per_turn") * 1000,
        measured_on=machine.get("processor", "") if isinstance(machine, dict) else str(machine),
        engines=_engines(report),
        audio_bytes=_number(answers, "audio_bytes"),
        audio_s=_number(answers, "audio_s"),
    )


def _read(path: Path) -> dict[str, Any]:
    wanted = f"A plan is made from the report.json of a load test: `{MEASURE}` writes {REPORT}."
    try:
        report = json.loads(read_text(path))
    except ValueError:
        raise Unusable(f"{path} is not a load test's report: it is not JSON.\n{wanted}") from None
    except Unusable as error:
        raise Unusable(f"{error.message}\n{wanted}") from None
    if not isinstance(report, dict) or report.get("viva_loadtest") != VERSION:
        raise Unusable(f'{path} is not a load test\'s report: it has no "viva_loadtest": {VERSION}.\n{wanted}')
    return report


def _check_lost(path: Path, report: Mapping[str, Any]) -> None:
    """Raises Unusable when so many turns were refused or failed that the rest says little of a low load."""
    failures = (report.get("turns") or {}).get("failed") or {}
    failed = sum(_number(failures, code) for code in failures)
    asked, shed = _number(report, "turns", "asked"), _number(report, "turns", "shed")
    if shed + failed > _MOST_LOST * asked:
        raise Unusable(
            f"{path} is of a busy or a broken system: of {asked:.0f} turns {shed:.0f} were refused and {failed:.0f} "
            f"failed; a plan allows {_MOST_LOST:.0%} together. Run the load test with fewer people."
        )


def _turns_of_rows(path: Path, clauses: tuple[int, ...]) -> Iterator[TurnTimes]:
    if not path.exists():
        return
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise Unusable(f"{path} has a line that is not JSON: {error}.") from None
    for row in rows:
        receipt = row.get("receipt") or {}
        ends = {part: receipt.get(f"{part}_ms") for part in _PARTS}
        if row.get("outcome", "done") != "done" or ends["first_audio"] is None:
            continue
        yield _times(ends, row.get("first_audio_ms"), tuple(row.get("clauses") or clauses))


def _turns_of_samples(report: Mapping[str, Any], clauses: tuple[int, ...]) -> Iterator[TurnTimes]:
    times = report.get("times_ms")
    if not isinstance(times, dict):
        return
    samples = {part: (times.get(part) or {}).get("samples") or [] for part in _PARTS}
    count = len(samples["first_audio"])
    # Lists of one length are of the same turns; a shorter one (typed questions are not heard) is spread over them.
    samples = {
        part: values if len(values) in (0, count) else _spread(sorted(values), count)
        for part, values in samples.items()
    }
    for at in range(count):
        ends = {part: values[at] if values else None for part, values in samples.items()}
        yield _times(ends, None, clauses)


def _spread(values: list[float], count: int) -> list[float]:
    return [values[at * len(values) // count] for at in range(count)] if values else []


def _times(ends: Mapping[str, float | None], seen_ms: float | None, clauses: tuple[int, ...]) -> TurnTimes:
    """The parts of a turn out of a receipt, whose times are counted from the turn's begin, but for recall and tts."""
    heard, recall = ends["asr"] or 0.0, ends["recall"] or 0.0
    asked = max(heard, recall)
    token = max(asked, ends["llm_first_token"] or asked)
    clause = max(token, ends["first_sentence"] or token)
    voice = ends["tts_first_audio"] or 0.0
    return TurnTimes(
        hear=heard,
        recall=recall,
        token=token - asked,
        clause=clause - token,
        voice=voice,
        out=max(0.0, ends["first_audio"] - clause - voice),
        client=max(0.0, seen_ms - ends["first_audio"]) if seen_ms is not None else 0.0,
        total=ends.get("total") or 0.0,
        clauses=clauses,
    )


def _clauses(report: Mapping[str, Any]) -> tuple[int, ...]:
    count = round(_number(report, "answers", "clauses")) or 3
    return (_FIRST_CLAUSE, *[_CLAUSE] * (count - 1))


def _stage(report: Mapping[str, Any], name: str) -> Stage:
    places = _number(report, "places", name, "places")
    return Stage(
        cpu_ms=_number(report, "resources", name, "cpu_s_per_turn") * 1000,
        places=round(places) or None,
        held_ms=_number(report, "places", name, "held_ms") or None,
        limit=round(_number(report, "places", name, "limit")) or None,
    )


def _engines(report: Mapping[str, Any]) -> dict[str, str]:
    engines = report.get("engines")
    found = engines.items() if isinstance(engines, dict) else ()
    return {name: engine for name, engine in found if isinstance(engine, str)}


def _source(report: Mapping[str, Any], name: str) -> str:
    engine = _engines(report).get(name)
    fake = " (a fake: its latencies are set)" if is_fake(engine) else ""
    has_cpu = _number(report, "resources", name, "cpu_s_per_turn") > 0
    what = "times and CPU measured" if has_cpu else "times measured, CPU unknown and taken for nothing"
    return f"{what}{f', engine {engine}{fake}' if engine else ''}, {report.get('started', 'at an unknown time')}"


def _number(found: Any, *names: str) -> float:
    """The number at the end of these names, or 0 where there is none. Raises Unusable for what is none."""
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    if found is None:
        return 0.0
    if not is_number(found):
        raise Unusable(f"{'.'.join(names)} of the report is {found!r}; it has to be a number.")
    return float(found)


def mean_first_audio_ms(turns: Iterable[TurnTimes]) -> float:
    """The mean time to first audio of turns that met nobody."""
    values = [turn.first_audio for turn in turns]
    return sum(values) / len(values)
