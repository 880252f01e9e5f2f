"""Settings from VIVA_... variables, read once at start; a wrong one stops the start with a sentence."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import AnyUrl, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

LogLevel = Literal["debug", "info", "warning", "error"]


class ServiceSettings(BaseSettings):
    """What all services share. A service's own settings add their prefix and fields, each with a description."""

    model_config = SettingsConfigDict(env_prefix="VIVA_", extra="ignore", populate_by_name=True, frozen=True)

    host: str = Field("127.0.0.1", validation_alias="VIVA_HOST", description="Address to listen on")
    port: int = Field(8080, ge=1, le=65535, validation_alias="VIVA_PORT", description="Port to listen on")
    log_level: LogLevel = Field(
        "info",
        validation_alias="VIVA_LOG_LEVEL",
        description="Least level that is logged: debug, info, warning, error",
    )
    log_format: Literal["auto", "json", "text"] = Field(
        "auto",
        validation_alias="VIVA_LOG_FORMAT",
        description="`json`, `text`, or `auto`: text on a terminal, otherwise JSON; `viva run` asks for text",
    )
    models_dir: Path = Field(
        Path(".viva/models"),
        validation_alias="VIVA_MODELS_DIR",
        description="Folder that `viva models` fills and the engines look into",
    )
    drain_s: float = Field(
        20.0,
        ge=0,
        validation_alias="VIVA_DRAIN_S",
        description="Seconds that running requests get to end after SIGTERM",
    )
    keep_alive_s: int = Field(
        75,
        ge=1,
        validation_alias="VIVA_KEEP_ALIVE_S",
        description="Seconds that an idle connection is kept; more than the idle time of a load balancer in front",
    )
    ws_message_bytes: int = Field(
        4 * 1024**2,  # somebody may append a whole question in one message: 60 s of PCM, in base64
        ge=1024,
        validation_alias="VIVA_WS_MESSAGE_BYTES",
        description="Largest message taken from a WebSocket, in bytes; a larger one closes it with 1009",
    )
    ws_ping_s: float = Field(
        20.0,
        gt=0,
        validation_alias="VIVA_WS_PING_S",
        description="Seconds between pings on a WebSocket, and for which an answer to one is waited",
    )

    otlp_endpoint: str = Field(
        "",
        validation_alias="VIVA_OTLP_ENDPOINT",
        pattern=r"^(https?://\S+)?$",
        description="Where traces are sent: base URL of an OpenTelemetry collector (OTLP over HTTP), such as "
        "http://collector:4318; empty: nowhere",
    )
    otel_exporter_otlp_endpoint: str = Field(
        "",
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="The same by OpenTelemetry's own name; its other variables (OTEL_TRACES_SAMPLER, "
        "OTEL_EXPORTER_OTLP_HEADERS, ...) hold, too",
    )

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, **_sources: object
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What it is called with and nothing else: `read_settings` alone looks at the environment."""
        return (init_settings,)


Settings = TypeVar("Settings", bound=ServiceSettings)


def variable_name(settings_class: type[ServiceSettings], field: str) -> str:
    """The environment variable that sets a field."""
    info = settings_class.model_fields[field]
    if isinstance(info.validation_alias, str):
        return info.validation_alias
    return f"{settings_class.model_config.get('env_prefix', '')}{field}".upper()


def load_settings(settings_class: type[Settings], environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process, or one sentence per wrong variable on stderr and exit status 2."""
    try:
        return read_settings(settings_class, os.environ if environ is None else environ)
    except ValidationError as error:
        for sentence in explain(settings_class, error):
            print(sentence, file=sys.stderr)  # noqa: T201 - the logs are not set up before the settings are read
        raise SystemExit(2) from None


def read_settings(settings_class: type[Settings], environ: Mapping[str, str]) -> Settings:
    """The settings in `environ`; variables set to nothing count as unset. Raises pydantic's ValidationError."""
    values = {
        field: environ[name]
        for field in settings_class.model_fields
        if environ.get(name := variable_name(settings_class, field))
    }
    return settings_class(**values)


def explain(settings_class: type[ServiceSettings], error: ValidationError) -> list[str]:
    """One sentence for each wrong variable: its name, what is wrong with it, and what it is for."""
    names = {variable_name(settings_class, field): field for field in settings_class.model_fields}
    sentences = []
    for problem in error.errors(include_url=False, include_context=False):
        key = str(problem["loc"][0]) if problem["loc"] else ""
        field = names.get(key, key)
        reason = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ").rstrip(".")
        if field not in settings_class.model_fields:
            sentences.append(f"The settings do not fit together: {reason}.")
            continue
        info = settings_class.model_fields[field]
        name = variable_name(settings_class, field)
        value = "the value given" if _may_hold_secret(info, problem["input"]) else repr(problem["input"])
        sentences.append(f"{name} is wrong: {value} should be {reason}. It sets: {info.description}.")
    return sentences


def _may_hold_secret(info: FieldInfo, value: object) -> bool:
    """Whether a value is not to be repeated: a secret, or an address, in which a password may stand.

    A wrong address is all of it, since where the password stands in one that cannot be parsed nobody knows.
    """
    types = (info.annotation, *getattr(info.annotation, "__args__", ()))
    return SecretStr in types or any(_is_url(kind) for kind in types) or "@" in str(value)


def _is_url(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, AnyUrl)
