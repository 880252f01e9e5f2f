"""How full it is, and what a turn costs."""

from observability.dashboards.frame import Row, framed
from observability.dashboards.panels import Query, figure, gauge, lines, rate, ratio


def dashboard() -> str:
    """The JSON."""
    about = "How near its limits each part is, and what a turn costs in CPU: the figures that `viva plan` wants."
    return framed("viva-capacity", "Viva: capacity", about, _room(), _load(), _cost())


def _room() -> Row:
    full = f"{gauge('viva_active_turns')} / {gauge('viva_max_active_turns')}"
    up = 'count by (component) (up{namespace="$namespace",release=~"$release"} == 1)'
    cpu = rate("process_cpu_seconds_total")
    return "Now", [
        figure("Places taken", "percentunit", Query(full), warn=0.7, bad=0.9, runbook="VivaNearlyFull",
               about="Turns under way, of as many as the orchestrators let in."),
        figure("Questions an hour", "short", Query(f"3600 * {rate('viva_turns_total')}"), about="At the present pace."),
        figure("CPU", "none", Query(cpu), about="Cores in use, by all services."),
        figure("CPU a turn", "s", Query(ratio(cpu, rate("viva_turns_total", where='outcome="done"'))),
               about="Seconds of CPU of all services for each answered turn; idle time included."),
        figure("Memory", "bytes", Query(gauge("process_resident_memory_bytes")), about="Of all services."),
        figure("Pods", "short", Query(f"sum ({up})"), about="That answer Prometheus."),
    ]  # fmt: skip


def _load() -> Row:
    places = [Query(gauge("viva_active_turns"), "turns"), Query(gauge("viva_max_active_turns"), "places")]
    done = Query(rate("viva_transcribed_audio_seconds_total"), "seconds in a second")
    unfinished = Query(gauge("viva_lectures_unfinished", by="status", how="max"), "{{status}}")
    rooms = [Query(gauge("viva_waiting_turns"), "waiting"), Query(gauge("viva_max_waiting_turns"), "may wait")]
    stages = [
        Query(gauge("viva_llm_active"), "answers (llm)"),
        Query(gauge("viva_tts_active"), "voices (tts)"),
        Query(gauge("viva_asr_open_streams"), "microphones (asr)"),
    ]
    waiting = Query(gauge("viva_queued_audio_seconds", how="max"), "of recordings")
    spoken = Query(gauge("viva_asr_queued_audio_seconds", by="kind"), "at asr, {{kind}}")
    shed = Query(rate("viva_requests_shed_total", by="component"), "{{component}}")
    return "Load", [
        lines("Turns and places", "short", *places, runbook="VivaNearlyFull", about="When full, more are refused."),
        lines("Under way in the stages", "short", *stages, about="What the autoscalers look at."),
        lines("Refused", "reqps", shed, stacked=True, runbook="VivaTurnsShed", about="By who refused."),
        lines("Sound that waits", "s", waiting, spoken, runbook="VivaTranscriptionQueueLong",
              about="Of recordings without a transcript, and within asr."),
        lines("Waiting for first words", "short", *rooms, runbook="VivaTurnsShed",
              about="Of as many as may: the orchestrators learn from the waits how many the stages carry."),
        lines("Recordings transcribed", "none", done, runbook="VivaTranscriptionQueueLong",
              about="Seconds of recordings in a second."),
        lines("Unfinished lectures", "short", unfinished, stacked=True, runbook="VivaTranscriptionStuck",
              about="By state."),
        lines("Turns by pod", "reqps", Query(rate("viva_turns_total", by="pod"), "{{pod}}"), about="Is it even?"),
        lines("Model servers: waiting", "short", Query(gauge("vllm:num_requests_waiting", by="pod"), "{{pod}}"),
              runbook="VivaKvCacheFull", about="What their autoscaler looks at."),
    ]  # fmt: skip


def _cost() -> Row:
    cpu = Query(rate("process_cpu_seconds_total", by="component"), "{{component}}")
    by_pod = Query(rate("process_cpu_seconds_total", by="pod"), "{{pod}}")
    memory = Query(gauge("process_resident_memory_bytes", by="component"), "{{component}}")
    files = Query(gauge("process_open_fds", by="pod"), "{{pod}}")
    return "Cost", [
        lines("CPU by service", "none", cpu, stacked=True, about="Cores."),
        lines("CPU by pod", "none", by_pod, about="Cores; children that decode or recognise are not in it."),
        lines("Memory by service", "bytes", memory, stacked=True, about="Resident."),
        lines("Open files", "short", files, about="Connections are files, too."),
    ]
