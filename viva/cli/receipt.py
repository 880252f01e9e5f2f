"""The receipt of a turn as a small waterfall: which stage ran when, in rows of one bar each."""

from dataclasses import dataclass

from viva.events import Receipt


@dataclass(frozen=True, slots=True)
class Row:
    """One stage: when it ran, in milliseconds since the whole question had arrived."""

    label: str
    start_ms: float
    end_ms: float

    @property
    def took_ms(self) -> float:
        """How long the stage ran."""
        return self.end_ms - self.start_ms


def rows(receipt: Receipt) -> list[Row]:
    """The stages that ran, in the order in which they began; the last row is the whole turn."""
    found: list[Row] = []
    heard_ms = receipt.asr_ms or 0.0
    if receipt.asr_ms is not None:
        found.append(Row("transcribe", 0.0, heard_ms))
    if receipt.recall_ms is not None:
        found.append(Row("recall", 0.0, receipt.recall_ms))
    asked_ms = max(heard_ms, receipt.recall_ms or 0.0)
    if receipt.llm_first_token_ms is not None:
        found.append(Row("first token", min(asked_ms, receipt.llm_first_token_ms), receipt.llm_first_token_ms))
    if receipt.first_sentence_ms is not None:
        began_ms = receipt.llm_first_token_ms if receipt.llm_first_token_ms is not None else asked_ms
        found.append(Row("first clause", min(began_ms, receipt.first_sentence_ms), receipt.first_sentence_ms))
    if receipt.first_audio_ms is not None:
        took_ms = receipt.tts_first_audio_ms or 0.0
        found.append(Row("speak", max(0.0, receipt.first_audio_ms - took_ms), receipt.first_audio_ms))
    found.append(Row("whole turn", 0.0, receipt.total_ms))
    return found


_EIGHTHS = " ▏▎▍▌▋▊▉█"


def bar(row: Row, total_ms: float, width: int) -> str:
    """The row's bar in a line of `width` characters that stands for `total_ms`; what ran is never invisible."""
    if total_ms <= 0:
        return "▏"
    start = min(int(row.start_ms / total_ms * width), width - 1)
    eighths = max(1, round(row.end_ms / total_ms * width * 8) - start * 8)
    full, rest = divmod(min(eighths, (width - start) * 8), 8)
    return " " * start + "█" * full + (_EIGHTHS[rest] if rest else "")


def milliseconds(value: float) -> str:
    """ "0.4 ms", "38 ms" or "1.24 s"."""
    if value >= 1000:
        return f"{value / 1000:.2f} s"
    return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"


def waterfall(receipt: Receipt, *, width: int = 40) -> list[tuple[str, str, str]]:
    """Label, bar and time of every row, ready to be printed."""
    found = rows(receipt)
    total_ms = max(receipt.total_ms, *(row.end_ms for row in found))
    return [(row.label, bar(row, total_ms, width), milliseconds(row.took_ms)) for row in found]
