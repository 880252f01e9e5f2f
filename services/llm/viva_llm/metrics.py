"""The metrics of the llm stage, on the service's registry."""

from viva.service.metrics import ServiceMetrics

_RATE_BUCKETS = (2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0, 80.0, 120.0, 200.0, 400.0, 1000.0, 4000.0)


class LLMMetrics:
    """Labels are bounded: backends by name from the settings, outcomes and reasons from our own lists."""

    def __init__(self, metrics: ServiceMetrics) -> None:
        self.answers = metrics.counter(
            "viva_llm_answers_total",
            "Answers by the backend that gave them and outcome: ok, cut (failed midway), left (client went away)",
            ("backend", "outcome"),
        )
        self.failures = metrics.counter(
            "viva_llm_backend_failures_total", "Attempts that gave no first token", ("backend", "reason")
        )
        self.fallbacks = metrics.counter(
            "viva_llm_fallbacks_total", "Answers given by a backend that is not the first of its list", ("backend",)
        )
        self.unanswered = metrics.counter("viva_llm_unanswered_total", "Requests that every backend failed", ("code",))
        self.first_token = metrics.histogram(
            "viva_llm_first_token_seconds", "From a backend being asked to its first token", ("backend",)
        )
        self.tokens = metrics.counter(
            "viva_llm_tokens_total", "Tokens by kind: prompt, cached, completion", ("backend", "kind")
        )
        self.tokens_per_second = metrics.histogram(
            "viva_llm_tokens_per_second",
            "Tokens of a whole answer after its first one, by the seconds that they took",
            ("backend",),
            buckets=_RATE_BUCKETS,
        )
        self.retries = metrics.counter(
            "viva_llm_retries_total",
            "Second attempts on another replica by outcome: ok, failed, over_budget (not made)",
            ("backend", "outcome"),
        )
        self.reloads = metrics.counter(
            "viva_llm_policy_reloads_total", "Changes of the policy's file by outcome: ok, refused", ("outcome",)
        )
        self.policy_stale = metrics.gauge(
            "viva_llm_policy_stale", "1 while the policy's file cannot be used and an older one is in force"
        )
        self.active = metrics.gauge("viva_llm_active", "Answers under way")
