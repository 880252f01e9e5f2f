"""What can go wrong with a connection to a model server."""


class UpstreamError(Exception):
    """The root.

    UpstreamError
      NoConnection          nobody answers at the address, or its TLS cannot be trusted
        UnknownName         its name means no address
      ClosedUnanswered      closed before the first byte of a response
      BrokenOff             closed in the middle of one
      BadResponse           what came is no HTTP response, or larger than one may be
    """


class NoConnection(UpstreamError):
    """Nobody answers at the address, or its TLS cannot be trusted."""


class UnknownName(NoConnection):
    """The name means no address."""


class ClosedUnanswered(UpstreamError):
    """The server closed the connection before it said anything to the request."""


class BrokenOff(UpstreamError):
    """The connection ended in the middle of a response."""


class BadResponse(UpstreamError):
    """What came is no HTTP response, or larger than one may be."""
