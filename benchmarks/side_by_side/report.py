"""The comparison as tables, and whether the aims are met."""

from collections.abc import Iterable, Sequence

from benchmarks.side_by_side import stages
from benchmarks.side_by_side.levels import Level


def print_report(one: Sequence[Level], many: Sequence[Level], pace: stages.Pace) -> None:
    """One table for both, then the aims as far as there are figures for them."""
    path_s = pace.critical_path_s()
    print(f"critical path: {path_s * 1000:.0f} ms to the first clause's first byte, ", end="")
    print(f"{pace.critical_path_s(whole_sentence=True) * 1000:.0f} ms to the first whole sentence's; ", end="")
    print(f"one stage after the other: {stages.ONE_AFTER_THE_OTHER_S:.2f} s")
    print(f"an answer: {len(pace.tokens)} tokens, {stages.spoken_s(pace.answer):.0f} s of speech\n")
    head = (
        "Way",
        "conversations",
        "turns",
        "failed",
        "first audio p50 / p95 / p99",
        "over the critical path, p50",
    )
    print(f"| {' | '.join(head)} | CPU per turn | memory per conversation, idle / active |")
    print("|---" * 8 + "|")
    for level in (*one, *many):
        print(row(level, path_s))
    print()
    for met, sentence in [*aims(one, path_s), *aims(many, path_s)]:
        print(f"{'met' if met else 'MISSED'}: {sentence}")
    for level in many:
        print(f"{level.way}: {level.idle_cpu_share:.1%} of a core while nobody asks in so many conversations")


def row(level: Level, path_s: float) -> str:
    """A line of the table."""
    times = [level.quantile_s(percent) for percent in (50, 95, 99)] if len(level.first_audio_s) > 1 else None
    first = " / ".join(f"{seconds * 1000:.0f}" for seconds in times) + " ms" if times else ""
    over = f"{(times[0] / path_s - 1):+.1%}" if times else ""
    cpu = f"{level.cpu_ms:.0f} ms" if level.cpu_ms else ""
    memory = " / ".join(f"{held / 1e6:.2f}" for held in (level.idle_bytes, level.active_bytes)) + " MB"
    cells = (level.way, level.conversations, len(level.first_audio_s), level.failed, first, over, cpu)
    return f"| {' | '.join(map(str, cells))} | {memory if level.heard else ''} |"


def aims(levels: Sequence[Level], path_s: float) -> Iterable[tuple[bool, str]]:
    """Each aim that can be judged by these: whether it is met, and the figures."""
    found = {level.way: level for level in levels if len(level.first_audio_s) > 1}
    if "Viva" not in found:
        return
    viva = found["Viva"]
    first_s, where = viva.quantile_s(50), f"at {viva.conversations}, Viva's first audio"
    yield first_s <= 1.05 * path_s, f"{where} takes {first_s / path_s:.3f} times the critical path"
    if other := found.get("pipecat"):
        sooner_s = other.quantile_s(50) - first_s
        yield sooner_s > 0, f"{where} comes {sooner_s * 1000:.0f} ms before pipecat's"
        if viva.cpu_ms and other.cpu_ms:
            share = viva.cpu_ms / other.cpu_ms
            yield share <= 0.5, f"at {viva.conversations}, a turn takes Viva {share:.0%} of pipecat's CPU"
    if other := found.get("one after the other"):
        times = other.quantile_s(50) / first_s
        yield times > 4, f"{where} comes {times:.2f} times sooner than one after the other"
