"""Choosing ports, and refusing one that is taken."""

import socket

import pytest

from viva.stack.ports import LOOPBACK, PortBusy, free_ports, require_free


def test_free_ports_are_different_and_can_be_bound():
    """All ports of one call can be listened on at once."""
    ports = free_ports(5)
    assert len(set(ports)) == 5
    for port in ports:
        require_free(LOOPBACK, port)


def test_a_taken_port_is_named_with_a_way_out():
    """The sentence has the port and a command with another one."""
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortBusy, match=rf"Port {port} is already in use.*VIVA_PORT=\d+ make run"):
            require_free(LOOPBACK, port)
