"""vLLM as it tells itself, and the GPUs as NVIDIA's DCGM exporter does."""

from observability.dashboards.frame import Row, framed
from observability.dashboards.panels import Query, gauge, gpu, lines, quantile, rate, ratio

_POD = "{{pod}} {{model_name}}"


def dashboard() -> str:
    """The JSON."""
    about = "vLLM 0.32's own metrics, and those of DCGM's exporter for the GPUs of this namespace's pods."
    return framed("viva-model-servers", "Viva: model servers and GPUs", about, _load(), _speed(), _gpus())


def _load() -> Row:
    by = "pod, model_name"
    cache = Query(gauge("vllm:kv_cache_usage_perc", by=by, how="max"), _POD)
    hits, looked_up = (rate(f"vllm:prefix_cache_{counted}_total", by=by) for counted in ("hits", "queries"))
    found = Query(ratio(hits, looked_up), _POD)
    states = [Query(gauge(f"vllm:num_requests_{state}", by=by), f"{state}, {_POD}") for state in ("running", "waiting")]
    ended = Query(rate("vllm:request_success_total", by="finished_reason"), "{{finished_reason}}")
    return "Load", [
        lines("Requests", "short", *states, runbook="VivaKvCacheFull", about="In the batch, and waiting for it."),
        lines("KV cache in use", "percentunit", cache, most=1, limit=0.9,
              runbook="VivaKvCacheFull", about="Blocks of requests under way; what is merely kept is free."),
        lines("Preemptions", "ops", Query(rate("vllm:num_preemptions_total", by=by), _POD), runbook="VivaKvCacheFull",
              about="Requests put back for want of cache, to be computed again."),
        lines("Prompts found in the cache", "percentunit", found, most=1,
              about="Tokens of lectures that were read before."),
        lines("Answers by how they ended", "reqps", ended, stacked=True, about="`length` is the limit of the answer."),
        lines("In flight from the router", "short", Query(gauge("viva_llm_in_flight", by="backend"), "{{backend}}"),
              about="What the llm service has sent, by backend."),
    ]  # fmt: skip


def _speed() -> Row:
    def p95(histogram: str) -> list[Query]:
        return [Query(quantile(share, f"vllm:{histogram}"), f"p{100 * share:g}") for share in (0.5, 0.95)]

    tokens = [
        Query(rate("vllm:prompt_tokens_total"), "read"),
        Query(rate("vllm:prompt_tokens_cached_total"), "of these, from the cache"),
        Query(rate("vllm:generation_tokens_total"), "written"),
    ]
    return "Speed", [
        lines("Time to first token", "s", *p95("time_to_first_token_seconds"), runbook="VivaFirstAudioSlow",
              about="Within vLLM: queue and prefill."),
        lines("Between two tokens", "s", *p95("inter_token_latency_seconds"), about="While an answer is written."),
        lines("In the queue", "s", *p95("request_queue_time_seconds"), runbook="VivaKvCacheFull",
              about="Before prefill."),
        lines("Tokens", "none", *tokens, about="Per second, all pods."),
        lines("Whole requests", "s", *p95("e2e_request_latency_seconds"), about="From arrival to the last token."),
        lines("Prefill", "s", *p95("request_prefill_time_seconds"), about="Reading what the cache had not."),
    ]  # fmt: skip


def _gpus() -> Row:
    name = "{{Hostname}} GPU {{gpu}}"
    memory = f"{gpu('DCGM_FI_DEV_FB_USED')} / ({gpu('DCGM_FI_DEV_FB_USED')} + {gpu('DCGM_FI_DEV_FB_FREE')})"
    return "GPUs", [
        lines("Busy", "percent", Query(gpu("DCGM_FI_DEV_GPU_UTIL"), name), most=100,
              about="Time with a kernel running."),
        lines("Memory taken", "percentunit", Query(memory, name), most=1, limit=0.97, runbook="VivaGpuMemoryHigh",
              about="vLLM takes its 90 to 92% at once and keeps it."),
        lines("Memory copied", "percent", Query(gpu("DCGM_FI_DEV_MEM_COPY_UTIL"), name), most=100,
              about="Time in which memory was read or written: what bounds the writing of answers."),
        lines("Power", "watt", Query(gpu("DCGM_FI_DEV_POWER_USAGE"), name), about="Drawn now."),
        lines("Temperature", "celsius", Query(gpu("DCGM_FI_DEV_GPU_TEMP"), name), about="Of the GPU."),
        lines("Last XID error", "none", Query(gpu("DCGM_FI_DEV_XID_ERRORS"), name), about="NVIDIA's; 0: none."),
    ]  # fmt: skip
