"""Inside: recognition, answers, voice, and what they stand on."""

from observability.dashboards.frame import Row, framed
from observability.dashboards.panels import Query, gauge, lines, p50_p95_p99, quantile, rate, ratio


def dashboard() -> str:
    """The JSON."""
    about = "Each stage: its time, its queue, what it refused. The first row says which to look at."
    return framed("viva-stages", "Viva: stages", about, _turn(), _asr(), _llm(), _tts(), _stores(), _http())


def _turn() -> Row:
    stages = Query(quantile(0.95, "viva_stage_seconds", by="stage"), "{{stage}}")
    halves = Query(quantile(0.5, "viva_stage_seconds", by="stage"), "{{stage}}")
    retried = Query(rate("viva_requests_retried_total", by="stage, outcome"), "{{stage}} {{outcome}}")
    return "A turn", [
        lines("Stages, p50", "s", halves, about="As in the receipt."),
        lines("Stages, p95", "s", stages, about="As in the receipt.", runbook="VivaFirstAudioSlow"),
        lines("Requests made again", "reqps", retried, about="By the orchestrator, to a stage that had failed."),
    ]


def _asr() -> Row:
    wait = Query(quantile(0.95, "viva_asr_queue_wait_seconds", by="kind"), "{{kind}}")
    queued = Query(gauge("viva_asr_queued_audio_seconds", by="kind"), "{{kind}}")
    sound = Query(rate("viva_asr_audio_seconds_total", by="kind"), "{{kind}}")
    partials = Query(rate("viva_asr_partials_total", by="outcome"), "{{outcome}}")
    return "Recognition", [
        lines("Wait for a worker, p95", "s", wait, about="`interactive` goes first, `batch` are lectures."),
        lines("Engine", "s", *p50_p95_p99("viva_asr_engine_seconds"), about="One batch of segments."),
        lines("Sound that waits", "s", queued, runbook="VivaFirstAudioSlow", about="Let in and not yet recognised."),
        lines("Sound recognised, per second", "none", sound, about="More than the workers can, and it queues."),
        lines("Partial transcripts", "reqps", partials, about="`skipped`: no worker was free while somebody spoke."),
        lines("Open streams", "short", Query(gauge("viva_asr_open_streams", by="pod"), "{{pod}}"),
              about="Microphones, against VIVA_ASR_MAX_STREAMS."),
    ]  # fmt: skip


def _llm() -> Row:
    first = Query(quantile(0.95, "viva_llm_first_token_seconds", by="backend"), "{{backend}}")
    speed = Query(quantile(0.5, "viva_llm_tokens_per_second", by="backend"), "{{backend}}")
    answers = Query(rate("viva_llm_answers_total", by="backend, outcome"), "{{backend}} {{outcome}}")
    failures = Query(rate("viva_llm_backend_failures_total", by="backend, reason"), "{{backend}} {{reason}}")
    tokens = Query(rate("viva_llm_tokens_total", by="kind"), "{{kind}}")
    replicas = Query(gauge("viva_llm_replicas", by="backend, state", how="max"), "{{backend}} {{state}}")
    return "Answers", [
        lines("First token, p95", "s", first, runbook="VivaFirstAudioSlow", about="From asking a backend."),
        lines("Tokens a second, p50", "none", speed, about="Of one answer, after its first token."),
        lines("Answers", "reqps", answers, stacked=True, about="By who gave them, and how they ended."),
        lines("Attempts without a token", "reqps", failures, runbook="VivaNoBackend",
              about="Backends that did not answer; the next of the list was asked."),
        lines("Tokens", "none", tokens, about="Per second; `cached` is the part of the prompts read before."),
        lines("Replicas", "short", replicas, runbook="VivaNoBackend", about="As the router sees them."),
    ]  # fmt: skip


def _tts() -> Row:
    cached = ratio(rate("viva_tts_cache_total", where='result="hit"'), rate("viva_tts_cache_total"))
    speeches = Query(rate("viva_tts_speeches_total", by="outcome"), "{{outcome}}")
    return "Voice", [
        lines("First byte, p95", "s", Query(quantile(0.95, "viva_tts_first_byte_seconds", by="engine"), "{{engine}}"),
              runbook="VivaFirstAudioSlow", about="Of one sentence or clause."),
        lines("Wait for a worker", "s", *p50_p95_p99("viva_tts_queue_wait_seconds"), about="Before it is spoken."),
        lines("Engine", "s", *p50_p95_p99("viva_tts_engine_seconds"), about="One sentence, or a piece of it."),
        lines("Speeches", "reqps", speeches, stacked=True, about="By how they ended."),
        lines("Found in the cache", "percentunit", Query(cached, "hits"), most=1, about="Sentences said before."),
        lines("Speech sent, per second", "none", Query(rate("viva_tts_audio_seconds_total", by="engine"), "{{engine}}"),
              about="Seconds of sound."),
        lines("Requests under way", "short", Query(gauge("viva_tts_active", by="pod"), "{{pod}}"), about="By pod."),
    ]  # fmt: skip


def _stores() -> Row:
    redis = Query(quantile(0.95, "viva_redis_seconds", by="operation"), "{{operation}}")
    calls = Query(rate("viva_redis_seconds_count", by="outcome"), "{{outcome}}")
    objects = Query(quantile(0.95, "viva_object_store_seconds", by="operation"), "{{operation}}")
    return "Stores", [
        lines("Redis, p95", "s", redis, runbook="VivaRedisDown", about="By operation."),
        lines("Calls of Redis", "reqps", calls, runbook="VivaRedisDown", about="By outcome."),
        lines("Object store, p95", "s", objects, about="By operation."),
    ]


def _http() -> Row:
    status = Query(rate("viva_http_requests_total", by="component, status"), "{{component}} {{status}}")
    slow = Query(quantile(0.95, "viva_http_request_seconds", by="component"), "{{component}}")
    shed = Query(rate("viva_requests_shed_total", by="component, reason"), "{{component}} {{reason}}")
    return "HTTP", [
        lines("Replies", "reqps", status, stacked=True, runbook="VivaHttp5xx", about="By service and status."),
        lines("Requests, p95", "s", slow, about="To the end of the response: for turns, all of them."),
        lines("Refused", "reqps", shed, runbook="VivaTurnsShed", about="Requests a service shed, and why."),
    ]
