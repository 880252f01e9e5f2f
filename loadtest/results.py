"""What the rows of a run add up to: turns, times, steps and the course of it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from loadtest.distribution import distribution, percentile

Row = dict[str, Any]
RECEIPT = ("asr", "recall", "llm_first_token", "first_sentence", "tts_first_audio", "total")
"""Stage times of the receipt, without `_ms`."""


def turns(rows: Sequence[Row]) -> dict[str, Any]:
    """How many were asked, and how they ended."""
    outcomes = Counter(row["outcome"] for row in rows)
    refusals = Counter(row["code"] for row in rows if row["outcome"] == "shed")
    degraded = Counter(name for row in rows if row["degraded"] for name in row["degraded"].split(","))
    known = ("done", "shed", "interrupted")
    return {
        "asked": len(rows),
        **{name: outcomes[name] for name in known},
        "failed": {code: count for code, count in sorted(outcomes.items()) if code not in known},
        "shed_codes": dict(sorted(refusals.items())),
        "degraded": dict(sorted(degraded.items())),
    }


def times_ms(rows: Sequence[Row]) -> dict[str, Any]:
    """The distribution of each time, in milliseconds. `shed` is how soon a caller knew that there was no room."""
    found = {name: distribution(row[f"{name}_ms"] for row in rows) for name in ("first_audible", "first_audio")}
    for name in RECEIPT:
        found[name] = distribution(row["receipt"].get(f"{name}_ms") for row in rows)
    found["gap"] = distribution(gap for row in rows for gap in row["gaps_ms"])
    found["shed"] = distribution(row["ended_ms"] for row in rows if row["outcome"] == "shed")
    return found


def by_transport(rows: Sequence[Row], used: Iterable[str]) -> dict[str, Any]:
    """Turns and times of each transport that is in use, though by chance nobody may have come over it."""
    names = sorted({*used, *(row["transport"] for row in rows)})
    parts = {name: [row for row in rows if row["transport"] == name] for name in names}
    return {name: {"turns": turns(part), "times_ms": times_ms(part)} for name, part in parts.items()}


def timeline(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Second by second: what was asked in it, and what ended; the time is that of those asked."""
    if not rows:
        return []
    asked, done, shed, heard = Counter(), Counter(), Counter(), {}
    for row in rows:
        second = int(row["at_s"])
        asked[second] += 1
        if row["outcome"] in ("done", "shed"):
            ended = int(row["at_s"] + row["ended_ms"] / 1000)
            (done if row["outcome"] == "done" else shed)[ended] += 1
        if row["first_audible_ms"] is not None:
            heard.setdefault(second, []).append(row["first_audible_ms"])
    last = max(*asked, *done, *shed, 0)
    return [
        {
            "at_s": second,
            "asked": asked[second],
            "done": done[second],
            "shed": shed[second],
            "first_audible_p95_ms": _p95(heard.get(second, ())),
        }
        for second in range(last + 1)
    ]


def answers(rows: Sequence[Row]) -> dict[str, float]:
    """What an answer is on average. Over HTTP a piece of audio is a clause; Realtime has no clauses, and no tokens."""
    done = [row for row in rows if row["outcome"] == "done"]
    over_http = [row for row in done if row["transport"] != "realtime"]
    if not done:
        return {}
    found = {"audio_s": _mean(done, "audio_s"), "audio_bytes": _mean(done, "audio_bytes")}
    if over_http:
        found |= {"clauses": _mean(over_http, "pieces"), "tokens": _mean(over_http, "tokens")}
    return found


def _mean(rows: Sequence[Row], name: str) -> float:
    return round(sum(row[name] for row in rows) / len(rows), 2)


def is_useful(row: Row, slo_s: float) -> bool:
    """Whether it was answered, and its first audible sample came in time."""
    heard = row["first_audible_ms"]
    return row["outcome"] == "done" and heard is not None and heard <= slo_s * 1000


def steps(rows: Sequence[Row], given: Sequence[dict[str, Any]], slo_s: float) -> list[dict[str, Any]]:
    """What each rate of arrivals led to; `given` has `factor`, `per_s`, `at_s` and `until_s` of each."""
    found = []
    for number, step in enumerate(given):
        part = [row for row in rows if row["step"] == number]
        seconds = step["until_s"] - step["at_s"]
        found.append(
            {
                **step,
                "turns": turns(part),
                "asked_per_s": round(len(part) / seconds, 2),
                "useful_per_s": round(sum(is_useful(row, slo_s) for row in part) / seconds, 2),
                "first_audible": _without_samples(distribution(row["first_audible_ms"] for row in part)),
                "shed": _without_samples(distribution(row["ended_ms"] for row in part if row["outcome"] == "shed")),
                "retry_after_missing": sum(
                    row["outcome"] == "shed" and row["transport"] != "realtime" and not row["retry_after_s"]
                    for row in part
                ),
            }
        )
    return found


def overload(found: Sequence[dict[str, Any]]) -> dict[str, float | None]:
    """The last step beside the first, which is taken for unloaded, and beside the best one."""
    if len(found) < 2:
        return {}
    first, last = found[0], found[-1]
    unloaded, loaded = first["first_audible"]["p95"], last["first_audible"]["p95"]
    best = max(step["useful_per_s"] for step in found)
    return {
        "p95_ratio": round(loaded / unloaded, 2) if loaded and unloaded else None,
        "useful_share": round(last["useful_per_s"] / best, 3) if best else None,
        "shed_p95_ms": last["shed"]["p95"],
    }


def _without_samples(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in figures.items() if name != "samples"}


def _p95(values: Iterable[float]) -> float | None:
    ordered = sorted(values)
    return round(percentile(ordered, 0.95), 1) if ordered else None
