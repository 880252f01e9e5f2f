"""TCP ports of this machine."""

import errno
import http.client
import random
import socket
from itertools import islice
from urllib.parse import urlsplit

from viva.errors import EngineUnavailable

LOOPBACK = "127.0.0.1"
_PATIENCE_S = 2.0
# Below what Linux (32768) and others (49152) give to outgoing connections: between the choice of a port and the
# listening on it, any connection of any program may be given one from there.
_CHOSEN_FROM = range(12_000, 32_000)


class PortBusy(EngineUnavailable):
    """Somebody else listens on the port that was asked for."""

    default_code = "port_busy"


def free_ports(count: int) -> list[int]:
    """Different ports that nobody listens on, at random, and by default none that an outgoing connection is given.

    Raises PortBusy when there are not so many.
    """
    shuffled = random.SystemRandom().sample(_CHOSEN_FROM, len(_CHOSEN_FROM))
    chosen = list(islice(filter(_is_free, shuffled), count))
    if len(chosen) < count:
        raise PortBusy(
            f"Of the ports {_CHOSEN_FROM.start} to {_CHOSEN_FROM.stop - 1} fewer than {count} are free here. "
            "Stop programs that listen on them."
        )
    return chosen


def _is_free(port: int) -> bool:
    try:
        require_free(LOOPBACK, port)
    except (PortBusy, AddressUnusable):
        return False
    return True


def free_or_another(port: int) -> int:
    """`port` if nobody listens on it, else one that is free."""
    try:
        require_free(LOOPBACK, port)
    except (PortBusy, AddressUnusable):
        return free_ports(1)[0]
    return port


def answers_ok(url: str) -> bool:
    """Whether a GET of `url` is answered with 200."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or LOOPBACK, where.port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", where.path or "/")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class AddressUnusable(EngineUnavailable):
    """This machine cannot listen at the address that was asked for."""

    default_code = "address_unusable"


def require_free(host: str, port: int) -> None:
    """Raises PortBusy if somebody listens on `port`, AddressUnusable if nobody could here."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                raise AddressUnusable(
                    f"{host} is not an address of this machine. Set VIVA_HOST to one that is: 127.0.0.1 for this "
                    "machine alone, 0.0.0.0 for all of its networks."
                ) from error
            if error.errno == errno.EACCES:
                raise AddressUnusable(
                    f"Port {port} is kept for the administrator. Choose another: VIVA_PORT=8080 make run"
                ) from error
            raise PortBusy(
                f"Port {port} is already in use: perhaps by another `viva run`. "
                f"Stop that program, or choose another port: VIVA_PORT={port + 1 if port < 65535 else 8090} make run"
            ) from error
