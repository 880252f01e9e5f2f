"""Metrics of turns. Labels are bounded: outcomes are error codes of ours, never ids."""

from __future__ import annotations

from viva.events import Receipt
from viva.service.metrics import ServiceMetrics

_STAGES = {
    "asr_ms": "asr",
    "recall_ms": "recall",
    "llm_first_token_ms": "llm_first_token",
    "tts_first_audio_ms": "tts_first_audio",
}

# Tokens, doubling: a short question without a lecture to the longest context of today.
TOKEN_BUCKETS = tuple(float(256 << power) for power in range(11))


class ContextMetrics:
    """Lectures read ahead."""

    def __init__(self, metrics: ServiceMetrics) -> None:
        self.warmings = metrics.counter(
            "viva_context_warmings_total",
            "Lectures to be read ahead, by what came of it: done, failed, skipped",
            ("outcome",),
        )


class TurnMetrics:
    """Turns by outcome, their stage times, and how many are being answered."""

    def __init__(self, metrics: ServiceMetrics) -> None:
        self.turns = metrics.counter(
            "viva_turns_total",
            "Turns by outcome (done, cancelled, shed or an error's code), transport and what was degraded",
            ("outcome", "transport", "degraded"),
        )
        self.active = metrics.gauge("viva_active_turns", "Turns being answered")
        self.turn_seconds = metrics.histogram(
            "viva_turn_seconds", "Time from the question to done", ("transport",)
        )
        self.first_audio = metrics.histogram(
            "viva_first_audio_seconds",
            "Time from the question to the first audio of its answer",
            ("transport",),
        )
        self.stage_seconds = metrics.histogram(
            "viva_stage_seconds", "Time of each stage of a turn, as in its receipt", ("stage",)
        )
        self.contexts = metrics.counter(
            "viva_context_total", "Answers by what the model was given: audio, transcript or passages", ("kind",)
        )
        self.prompt_tokens = metrics.histogram(
            "viva_prompt_tokens", "Tokens of the prompts, as counted by the model or planned", ("kind",), TOKEN_BUCKETS
        )

    def observe(self, receipt: Receipt, outcome: str, transport: str, degraded: list[str]) -> None:
        """Counts one ended turn."""
        self.turns.labels(outcome, transport, ",".join(sorted(degraded))).inc()
        if outcome == "done":
            self.turn_seconds.labels(transport).observe(receipt.total_ms / 1000)
        if receipt.first_audio_ms is not None:
            self.first_audio.labels(transport).observe(receipt.first_audio_ms / 1000)
        if (context := receipt.context) is not None:
            self.contexts.labels(context.kind).inc()
            self.prompt_tokens.labels(context.kind).observe(context.tokens)
        for name, stage in _STAGES.items():
            if (ms := getattr(receipt, name)) is not None:
                self.stage_seconds.labels(stage).observe(ms / 1000)


class RealtimeMetrics:
    """The Realtime connections of one process."""

    def __init__(self, metrics: ServiceMetrics) -> None:
        self.open_now = 0
        self._open = metrics.gauge("viva_realtime_open_connections", "Realtime connections that are open")
        self.ended = metrics.counter(
            "viva_realtime_connections_total",
            "Realtime connections by how they ended: closed, vanished, dropped, shut_down, refused",
            ("outcome",),
        )
        self.interruptions = metrics.counter(
            "viva_realtime_interruptions_total",
            "Answers that were cut short: turn_detected, client_cancelled",
            ("reason",),
        )
        self.outages = metrics.counter(
            "viva_realtime_outages_total",
            "Outages of the asr stream while turns were to be found, by their code",
            ("code",),
        )

    def opened(self) -> None:
        """Counts a connection in."""
        self.open_now += 1
        self._open.set(self.open_now)

    def closed(self, outcome: str) -> None:
        """Counts a connection out."""
        self.open_now -= 1
        self._open.set(self.open_now)
        self.ended.labels(outcome).inc()
