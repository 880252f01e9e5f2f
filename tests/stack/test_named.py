"""What runs elsewhere, as the environment names it."""

import socket

import pytest

from viva.stack.named import named
from viva.stack.ports import LOOPBACK, free_ports


def test_who_listens_is_told_from_who_does_not():
    """By a connection, which a server of any kind takes."""
    with socket.create_server((LOOPBACK, 0)) as server:
        environ = {
            "VIVA_REDIS_URL": f"redis://{LOOPBACK}:{server.getsockname()[1]}/0",
            "VIVA_ASR_URL": f"http://{LOOPBACK}:{free_ports(1)[0]}",
        }
        assert {part.variable: part.listens for part in named(environ)} == {
            "VIVA_REDIS_URL": True,
            "VIVA_ASR_URL": False,
        }


@pytest.mark.parametrize(
    ("variable", "url", "port"),
    [
        ("VIVA_REDIS_URL", "redis://:secret@cache", 6379),
        ("VIVA_LLM_URL", "https://models.example/v1", 443),
        ("VIVA_TTS_URL", "http://[::1]/", 80),
    ],
)
def test_an_address_without_a_port_has_that_of_its_kind(variable, url, port):
    """As the services take it."""
    [part] = named({variable: url})
    assert part.address.endswith(f":{port}")
    assert "secret" not in part.address
    assert ("[::1]" in part.address) == ("[::1]" in url)


@pytest.mark.parametrize("url", ["", "unix:///run/redis.sock", "http://", "http://host:port", "http://[::1"])
def test_an_address_that_is_none_is_left_to_the_services(url):
    """They say what is wrong with it before anything starts."""
    assert list(named({"VIVA_REDIS_URL": url})) == []


@pytest.mark.parametrize("host", ["a..b", "x" * 64])
def test_nobody_listens_at_what_is_no_name(host):
    """Which the settings take, since it is an address by its letters."""
    [part] = named({"VIVA_ASR_URL": f"http://{host}/"})
    assert not part.listens
