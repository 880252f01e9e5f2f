"""What people feel: how soon they hear an answer, whether they get one, and what is left of the promises."""

from observability.dashboards.frame import Row, framed
from observability.dashboards.panels import (
    Query,
    figure,
    gauge,
    lines,
    or_none,
    p50_p95_p99,
    quantile,
    rate,
    ratio,
)
from observability.objectives import BURNS, LET_IN, OBJECTIVES, Objective


def dashboard() -> str:
    """The JSON."""
    about = "What people feel. The receipt of an answer says the same of one turn, and its trace where the time went."
    return framed("viva-voice", "Viva: voice", about, _now(), _sound(), _promises(), _use())


def _now() -> Row:
    asked = rate("viva_turns_total", where=LET_IN)
    done = rate("viva_turns_total", where='outcome="done"')
    shed = or_none(rate("viva_turns_total", where='outcome="shed"'))
    degraded = or_none(rate("viva_turns_total", where='outcome="done",degraded!=""'))
    p95 = quantile(0.95, "viva_first_audio_seconds")
    return "Now", [
        figure("First audio, p95", "s", Query(p95), warn=1.5, bad=2, runbook="VivaFirstAudioSlow",
               about="From the end of the question to the first sound of the answer, for one answer in twenty longer."),
        figure("Turns that succeed", "percentunit", Query(ratio(done, asked)), warn=0.999, bad=0.995,
               runbook="VivaTurnsFail", about="Of those that were let in; what callers cancel does not count."),
        figure("Refused", "percentunit", Query(ratio(shed, rate("viva_turns_total"))), warn=0.005, bad=0.01,
               runbook="VivaTurnsShed", about="Turns that were shed, since as many as may be were under way."),
        figure("Degraded", "percentunit", Query(ratio(degraded, done)), warn=0.01, bad=0.05,
               runbook="VivaModelStoodInFor", about="Answers that lack something: a voice, or the better model."),
        figure("Turns", "reqps", Query(rate("viva_turns_total")), about="Turns of every outcome."),
        figure("Under way", "short", Query(gauge("viva_active_turns")), about="Turns that are being answered now."),
    ]  # fmt: skip


def _sound() -> Row:
    by_transport = [Query(quantile(0.95, "viva_first_audio_seconds", by="transport"), "{{transport}}")]
    transcript = Query(quantile(0.95, "viva_final_transcript_seconds", by="transport"), "final, {{transport}}")
    partial = Query(quantile(0.95, "viva_first_partial_seconds"), "first partial")
    return "How soon", [
        lines("Time to first audio", "s", *p50_p95_p99("viva_first_audio_seconds"), limit=2,
              runbook="VivaFirstAudioSlow", about="The promise is 2 seconds for 95 of 100."),
        lines("Time to first audio by transport, p95", "s", *by_transport, limit=2, runbook="VivaFirstAudioSlow",
              about="JSON lines and SSE have the whole question at once, Realtime hears it while it is spoken."),
        lines("Whole turns", "s", *p50_p95_p99("viva_turn_seconds"),
              about="From the question to the end of the answer, spoken as far as it is sent."),
        lines("Heard words, p95", "s", transcript, partial,
              about="From the end of the question to its final text; from the start of speech to its first words."),
        lines("Stages, p95", "s", Query(quantile(0.95, "viva_stage_seconds", by="stage"), "{{stage}}"),
              about="Where the time before the first audio goes. The dashboard of stages has more."),
        lines("Turns by outcome", "reqps", Query(rate("viva_turns_total", by="outcome"), "{{outcome}}"), stacked=True,
              runbook="VivaTurnsFail", about="Outcomes are `done`, `cancelled`, `shed`, or an error's code."),
    ]  # fmt: skip


def _promises() -> Row:
    panels = []
    names = {"first_audio": "First audio", "turns": "Turns", "admission": "Admission"}
    for objective in OBJECTIVES:
        burning = [Query(_burn(objective, window), window) for window in ("5m", "1h", "6h")]
        panels.append(
            lines(f"{names[objective.name]}: how fast the budget burns", "none", *burning, limit=BURNS[0].rate,
                  runbook=objective.alert,
                  about=f"{100 * objective.share:g}% {objective.promise}. At 1 the budget of 30 days lasts 30 days; "
                  "above the dashed line it is gone in two.")
        )  # fmt: skip
    return "Promises", panels


def _burn(objective: Objective, window: str) -> str:
    """How many times as fast as it may the budget goes."""
    where = f'slo="{objective.name}"'
    return f"{gauge(f'viva:slo_bad:ratio_{window}', where=where, how='max')} / {objective.budget:g}"


def _use() -> Row:
    degraded = Query(rate("viva_turns_total", by="degraded", where='degraded!=""'), "{{degraded}}")
    sound = [
        Query(rate("viva_audio_in_seconds_total", by="transport"), "in, {{transport}}"),
        Query(rate("viva_audio_out_seconds_total", by="transport"), "out, {{transport}}"),
    ]
    cut = Query(rate("viva_realtime_interruptions_total", by="reason"), "{{reason}}")
    connections = [
        Query(gauge("viva_active_turns"), "turns"),
        Query(gauge("viva_realtime_open_connections"), "Realtime connections"),
        Query(gauge("viva_active_sessions"), "sessions"),
    ]
    lectures = Query(gauge("viva_lectures_by_status", by="status", how="max"), "{{status}}")
    waiting = Query(gauge("viva_lecture_oldest_unfinished_seconds", how="max"), "oldest without progress")
    return "What is done", [
        lines("Degraded answers", "reqps", degraded, stacked=True, runbook="VivaModelStoodInFor",
              about="Answers without something, by what they lack: `llm:extractive` only quotes the lecture, "
              "`tts:text_only` is silent."),
        lines("Interruptions", "reqps", cut, about="Answers cut short: by speaking over them, or by a button."),
        lines("Under way", "short", *connections, about="Turns, open Realtime connections and sessions in use."),
        lines("Seconds of sound per second", "none", *sound, about="Of questions in, of answers out."),
        lines("Lectures", "short", lectures, about="By state, over all replicas."),
        lines("Transcriptions without progress", "s", waiting, limit=1800, runbook="VivaTranscriptionStuck",
              about="The age of the oldest unfinished lecture that has not moved."),
    ]  # fmt: skip
