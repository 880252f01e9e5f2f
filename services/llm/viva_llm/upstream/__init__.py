"""A client for streamed answers: HTTP/1.1 over kept connections, with little between the socket and the reader.

`Pool` asks, `Connection` is the life of one connection, `ResponseParser` the wire format. docs/decisions/0008 says why
it is not aiohttp, which makes all other calls.
"""
