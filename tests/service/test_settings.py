"""Settings: read from VIVA_ variables; a wrong one stops the start with a sentence."""

import pytest
from pydantic import Field, RedisDsn, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from viva.service.settings import ServiceSettings, load_settings, variable_name


class Example(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="VIVA_EXAMPLE_")
    port: int = Field(8099, ge=1, le=65535, validation_alias="VIVA_PORT", description="Port to listen on")
    speed: float = Field(1.0, gt=0, description="Speed of the example")
    key: SecretStr | None = Field(None, min_length=8, description="Key of the example")
    redis_url: RedisDsn | None = Field(None, description="Store of the example")
    bucket: str = Field("s3://example", description="Bucket of the example")

    @field_validator("bucket")
    @classmethod
    def _is_s3(cls, value: str) -> str:
        if not value.startswith("s3://"):
            raise ValueError("an s3:// address")
        return value


def test_values_come_from_the_environment():
    """Prefixed and common variables are read; what is set to nothing keeps its default."""
    settings = load_settings(Example, {"VIVA_EXAMPLE_SPEED": "2.5", "VIVA_PORT": "9000", "VIVA_HOST": ""})
    assert (settings.speed, settings.port, settings.host) == (2.5, 9000, "127.0.0.1")
    assert variable_name(Example, "speed") == "VIVA_EXAMPLE_SPEED"
    assert variable_name(Example, "port") == "VIVA_PORT"


def test_every_wrong_variable_gets_a_sentence(capsys):
    """The sentence has the variable, the value, what is needed and what it sets; secrets are not repeated."""
    with pytest.raises(SystemExit) as stop:
        load_settings(Example, {"VIVA_EXAMPLE_SPEED": "fast", "VIVA_PORT": "99999", "VIVA_EXAMPLE_KEY": "abc123"})
    assert stop.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert any("VIVA_PORT is wrong: '99999' should be less than or equal to 65535" in line for line in lines)
    assert any("VIVA_EXAMPLE_SPEED" in line and "Speed of the example" in line for line in lines)
    assert not any("abc123" in line for line in lines)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "redis//:hunter2@host:6379"),
        ("REDIS_URL", "redis://:hunter2@host:port"),
        ("REDIS_URL", "http://:hunter2@host"),
        ("REDIS_URL", "redis://:hunter2"),
        ("BUCKET", "https://key:hunter2@host/bucket"),
    ],
)
def test_a_password_in_an_address_is_not_repeated(name, value, capsys):
    """However wrong the address is: its variable and what is wrong are said, the address is not."""
    with pytest.raises(SystemExit):
        load_settings(Example, {f"VIVA_EXAMPLE_{name}": value})
    said = capsys.readouterr().err
    assert f"VIVA_EXAMPLE_{name} is wrong: the value given should be" in said
    assert "hunter2" not in said
