"""The metrics of the tts stage, on the service's registry."""

from viva.service.metrics import ServiceMetrics

_QUEUE_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)


class TTSMetrics:
    """Labels are bounded: engines, formats and outcomes come from our own lists."""

    def __init__(self, metrics: ServiceMetrics) -> None:
        self.speeches = metrics.counter(
            "viva_tts_speeches_total",
            "Requests by engine, format and outcome: ok, failed (before the first byte), cut (after it), left "
            "(the client went away), refused (nothing that could be said)",
            ("engine", "format", "outcome"),
        )
        self.first_byte = metrics.histogram(
            "viva_tts_first_byte_seconds", "From a request to the first byte of its audio", ("engine",)
        )
        self.queue_wait = metrics.histogram(
            "viva_tts_queue_wait_seconds",
            "Time that a piece of speech waited for a free thread or process after it was needed",
            buckets=_QUEUE_BUCKETS,
        )
        self.engine = metrics.histogram(
            "viva_tts_engine_seconds", "Time for which a piece of speech had a thread or process"
        )
        self.audio = metrics.counter("viva_tts_audio_seconds_total", "Seconds of speech sent", ("engine",))
        self.cache = metrics.counter("viva_tts_cache_total", "Sentences by where they came from", ("result",))
        self.cache_bytes = metrics.gauge("viva_tts_cache_bytes", "Memory taken by the audio of repeated sentences")
        self.active = metrics.gauge("viva_tts_active", "Requests under way")
