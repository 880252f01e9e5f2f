"""Metrics of turns and conversations. Labels are bounded: error codes and names of backends, never ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from viva.service.metrics import BoundedLabel, ServiceMetrics
from viva_orchestrator.activity import Activity

if TYPE_CHECKING:
    from viva_orchestrator.turn import Turn

_STAGES = {
    "asr_ms": "asr",
    "recall_ms": "recall",
    "llm_first_token_ms": "llm_first_token",
    "first_sentence_ms": "first_sentence",
    "tts_first_audio_ms": "tts_first_audio",
}

TRANSPORTS = ("json_lines", "sse", "realtime")

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


class SpeechMetrics:
    """Speech in and out, and how soon it is words."""

    def __init__(self, metrics: ServiceMetrics) -> None:
        self.audio_in = metrics.counter(
            "viva_audio_in_seconds_total",
            "Seconds of audio that came: whole questions, or a Realtime client's microphone, silence and all",
            ("transport",),
        )
        self.audio_out = metrics.counter(
            "viva_audio_out_seconds_total", "Seconds of speech in the answers that were sent", ("transport",)
        )
        self.final_transcript = metrics.histogram(
            "viva_final_transcript_seconds",
            "Time from the end of a question's audio to its final text",
            ("transport",),
        )
        self.first_partial = metrics.histogram(
            "viva_first_partial_seconds",
            "Time from speech being noticed to the first of its words, while it goes on (Realtime)",
        )


class TurnMetrics:
    """Turns by outcome, their stage times, and how many are being answered."""

    def __init__(self, metrics: ServiceMetrics, speech: SpeechMetrics) -> None:
        self._speech = speech
        self._outcome, self._degraded = BoundedLabel(), BoundedLabel()
        self.retried = metrics.retried
        self.shed = metrics.shed.labels("turns")
        self.turns = metrics.counter(
            "viva_turns_total",
            "Turns by outcome (done, cancelled, shed or an error's code), transport and what was degraded",
            ("outcome", "transport", "degraded"),
        )
        for transport in TRANSPORTS:  # a rate sees no first refusals where there was no 0 before them
            self.turns.labels("shed", transport, "")
        self.active = metrics.gauge("viva_active_turns", "Turns being answered")
        self.most = metrics.gauge("viva_max_active_turns", "Turns that this replica answers at once at most")
        self.waiting = metrics.gauge("viva_waiting_turns", "Turns that wait for the first words of their answers")
        self.most_waiting = metrics.gauge(
            "viva_max_waiting_turns", "Turns that may wait at once, as learned from how long they waited"
        )
        self.activity = Activity()
        metrics.gauge(
            "viva_active_sessions",
            "Sessions with a turn in the last five minutes, or a Realtime connection, in this replica",
        ).set_function(self.activity.sessions)
        self.turn_seconds = metrics.histogram("viva_turn_seconds", "Time from the question to done", ("transport",))
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

    def observe(self, turn: Turn, outcome: str, transport: str) -> None:
        """Counts one ended turn."""
        receipt, speech = turn.receipt(), self._speech
        what = self._degraded(",".join(sorted(set(turn.degraded))))
        self.turns.labels(self._outcome(outcome), transport, what).inc()
        if receipt.asr_ms is not None and transport != "realtime":  # there an utterance may end before its turn begins
            speech.final_transcript.labels(transport).observe(receipt.asr_ms / 1000)
        speech.audio_out.labels(transport).inc(turn.speaking.spoken_s)
        if transport != "realtime":
            speech.audio_in.labels(transport).inc(turn.heard_s)
        if turn.recalled is not None:
            self.activity.turn(turn.recalled.session.session_id)
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

    def __init__(self, metrics: ServiceMetrics, speech: SpeechMetrics) -> None:
        self.audio_in = speech.audio_in.labels("realtime")
        self.final_transcript = speech.final_transcript.labels("realtime")
        self.first_partial = speech.first_partial
        self.shed = metrics.shed.labels("realtime_connections")
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
