"""Choosing ports, and refusing one that is taken."""

import socket
from pathlib import Path

import pytest

from viva.stack.ports import LOOPBACK, AddressUnusable, PortBusy, free_ports, require_free

OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_free_ports_are_different_and_can_be_bound():
    """All ports of one call can be listened on at once."""
    ports = free_ports(5)
    assert len(set(ports)) == 5
    for port in ports:
        require_free(LOOPBACK, port)


@pytest.mark.skipif(
    not OUTGOING.exists() or int(OUTGOING.read_text().split()[0]) < 32_000,
    reason="for Linux as it is unless somebody sets it otherwise: it tells which ports outgoing connections get",
)
def test_free_ports_are_none_that_an_outgoing_connection_may_be_given():
    """Else any program's connection could take one before it is listened on."""
    assert max(free_ports(1_000)) < int(OUTGOING.read_text().split()[0])


def test_ports_that_are_taken_are_not_chosen(monkeypatch: pytest.MonkeyPatch):
    """Whoever listens keeps its port; when all are taken, that is said."""
    (port,) = free_ports(1)
    monkeypatch.setattr("viva.stack.ports._CHOSEN_FROM", range(port, port + 1))
    assert free_ports(1) == [port]
    with socket.socket() as taken:
        taken.bind((LOOPBACK, port))
        taken.listen()
        with pytest.raises(PortBusy, match="fewer than 1 are free"):
            free_ports(1)


def test_a_taken_port_is_named_with_a_way_out():
    """The sentence has the port and a command with another one."""
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortBusy, match=rf"Port {port} is already in use.*VIVA_PORT=\d+ make run"):
            require_free(LOOPBACK, port)


@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid"])
def test_an_address_of_another_machine_is_not_called_busy(host: str):
    """The sentence has the address, and ones that work."""
    (port,) = free_ports(1)
    with pytest.raises(AddressUnusable, match=f"{host} is not an address of this machine.*127.0.0.1"):
        require_free(host, port)


def test_a_port_of_the_administrator_is_not_called_busy(monkeypatch: pytest.MonkeyPatch):
    """Ports below 1024 are refused to other users; nobody need be listening there."""

    class Refusing(socket.socket):
        def bind(self, _address: object) -> None:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("viva.stack.ports.socket.socket", Refusing)
    with pytest.raises(AddressUnusable, match="Port 80 is kept for the administrator"):
        require_free(LOOPBACK, 80)
