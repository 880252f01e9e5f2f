"""Settings of the llm service, from VIVA_LLM_... variables."""

from collections.abc import Iterable
from pathlib import Path

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from viva.service.settings import ServiceSettings
from viva_llm.backend_list import check_keys, check_url, parse_backends, parse_pairs

MIB = 1024 * 1024
FAKE_TEXT = (
    "This is a fake answer, made without any model to measure the machinery. It cites the first passage [1]. "
    "It goes on for a second sentence, so that there is something to speak while the rest is written [1]."
)


class LLMSettings(ServiceSettings):
    """What the llm service can be told; times in seconds."""

    model_config = SettingsConfigDict(env_prefix="VIVA_LLM_")

    port: int = Field(8082, ge=1, le=65535, validation_alias="VIVA_PORT", description="Port to listen on")
    backends: str = Field(
        "auto",
        description="Backends in order, `[name=]kind[:url[|model]]` separated by commas; kinds openai, extractive, "
        "fake. `auto`: the server of VIVA_LLM_OPENAI_URL if set, then extractive",
    )
    routes_file: Path | None = Field(
        None,
        description="YAML file with backends and aliases (docs/routing.md), in place of VIVA_LLM_BACKENDS; it is read "
        "again when it changes",
    )
    openai_url: str = Field("", description="Base URL of an OpenAI-compatible server, for `auto`")
    openai_model: str = Field("", description="Model of that server; empty: the first that it lists")
    api_key: SecretStr = Field(SecretStr(""), description="Key of the only openai backend")
    api_keys: SecretStr = Field(
        SecretStr(""), description="Keys of several openai backends, as `name=key` separated by commas"
    )
    max_active: int = Field(
        256, ge=1, le=10_000, description="Answers under way at once; what exceeds them is told 503 at once"
    )
    max_body_bytes: int = Field(32 * MIB, ge=1024, description="Largest request body, in bytes")
    audio_url_prefixes: str = Field(
        "",
        description="Addresses that `audio_url` parts may begin with, separated by commas, each ending in '/'; "
        "data: URLs are always allowed, any other address never",
    )
    connect_timeout_s: float = Field(2.0, gt=0, description="Deadline of a connection to a backend, in seconds")
    first_token_timeout_s: float = Field(20.0, gt=0, description="Deadline of an answer's first token, in seconds")
    chunk_timeout_s: float = Field(10.0, gt=0, description="Deadline between two tokens of an answer, in seconds")
    probe_interval_s: float = Field(5.0, gt=0, description="Time between two looks at each replica, in seconds")
    probe_timeout_s: float = Field(2.0, gt=0, description="Deadline of such a look, in seconds")
    load_interval_s: float = Field(
        1.0, gt=0, description="Time between two readings of each replica's own metrics, in seconds"
    )
    rest_s: float = Field(
        10.0,
        ge=0,
        description="How long a replica that let a request time out, or failed several in a row, is asked only when no "
        "other is left, in seconds; longer each time",
    )
    eject_after: int = Field(3, ge=1, description="How many failures in a row are several")
    retry_share: float = Field(
        0.2, ge=0, le=1, description="Second attempts on another replica, at most this share of a backend's requests"
    )
    sticky_requests: int = Field(
        8, ge=1, description="Requests under way up to which a replica is never passed over for its load"
    )
    load_factor: float = Field(
        1.25, ge=1, le=100, description="Beyond those, how many times the mean load a replica may have"
    )
    reload_interval_s: float = Field(
        2.0, gt=0, description="Time between two looks at VIVA_LLM_ROUTES_FILE, in seconds"
    )
    fake_first_token_ms: float = Field(100.0, ge=0, description="Latency of the fake backend's first token, in ms")
    fake_tokens_per_s: float = Field(30.0, ge=0, description="Speed of the fake backend; 0: all at once")
    fake_text: str = Field(FAKE_TEXT, min_length=1, description="Answer of the fake backend")

    @field_validator("backends")
    @classmethod
    def _is_list(cls, value: str) -> str:
        if value != "auto":
            _worded("`auto` or a list of backends", parse_backends, value)
        return value

    @field_validator("openai_url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        return value and _worded("a base address", check_url, value, value)

    @field_validator("api_keys")
    @classmethod
    def _are_pairs(cls, value: SecretStr) -> SecretStr:
        _worded("`name=key` pairs", parse_pairs, value.get_secret_value())
        return value

    @field_validator("audio_url_prefixes")
    @classmethod
    def _are_prefixes(cls, value: str) -> str:
        for prefix in _list(value):
            # Without the closing slash "http://store" would let "http://store.example.com" in.
            scheme, _, rest = prefix.partition("://")
            if scheme not in ("http", "https", "file") or len(rest) < 2 or not rest.endswith("/"):
                raise ValueError(f"addresses like 'http://store:9000/lectures/', which {prefix!r} is not")
        return value

    @model_validator(mode="after")
    def _keys_fit(self) -> "LLMSettings":
        if self.routes_file is None and self.backends != "auto":
            self.check_keys(spec.name for spec in parse_backends(self.backends) if spec.kind == "openai")
        return self

    def check_keys(self, openai_backends: Iterable[str]) -> None:
        """Stops a key from going to the wrong server. Raises ValueError with a sentence."""
        named = set(parse_pairs(self.api_keys.get_secret_value()))
        check_keys(list(openai_backends), bool(self.api_key.get_secret_value()), named)

    def audio_prefixes(self) -> tuple[str, ...]:
        """The allowed beginnings of `audio_url` addresses."""
        return tuple(_list(self.audio_url_prefixes))

    def key_of(self, backend: str) -> str:
        """The API key that the backend is to be sent, "" for none."""
        return parse_pairs(self.api_keys.get_secret_value()).get(backend, self.api_key.get_secret_value())


def _list(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def _worded(wanted: str, parse, *arguments):
    """Runs a parser; its complaint is put behind what was wanted ("should be <wanted>: <complaint>")."""
    try:
        return parse(*arguments)
    except ValueError as error:
        raise ValueError(f"{wanted}: {error}") from None
