"""One HTTP/1.1 response, parsed from bytes as they come. No I/O."""

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from viva_llm.upstream.errors import BadResponse

# In bytes: of a head, and of whatever else comes in a row that is no body (chunk extensions, trailers).
_MOST_OVERHEAD = 64 * 1024
# Responses with a lower status (100 Continue, 103 Early Hints) are provisional: the real one follows.
_FIRST_FINAL_STATUS = 200


class ResponseParser:
    """Feeds on the bytes of a connection, from a request on; one for each response.

    The methods `on_...` are the C parser's to call.
    """

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        """By names in lower case; of several with one name the last."""
        self.has_begun = False
        """Whether any byte has come."""
        self.has_head = False
        """Whether `status` and `headers` are known."""
        self.has_body = False
        """Whether any of the body has come."""
        self.is_whole = False
        self.is_last = True
        """Whether the connection cannot be used for another request after this."""
        self._ends_with_connection = False
        self._pieces: list[bytes] = []
        self._overhead = 0
        self._parser: HttpResponseParser | None = HttpResponseParser(self)

    def feed(self, data: bytes) -> bytes:
        """The part of the body that is in these bytes. Raises BadResponse."""
        if self._parser is None:
            self.is_last = True  # bytes behind the end, which belong to no request
            return b""
        self.has_begun = True
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            raise BadResponse("it switched to another protocol") from None
        except HttpParserError as error:
            if not self.is_whole:
                raise BadResponse(f"it sent no HTTP: {error}") from None
        if self.is_whole:
            self._parser = None  # the two refer to one another: without this they would wait for the garbage collector
        return self._body_of(len(data))

    def end(self) -> None:
        """The connection has ended, and with it a response whose length the server did not say."""
        self._parser = None
        self.is_whole = self.is_whole or (self.has_head and self._ends_with_connection)

    def _body_of(self, received: int) -> bytes:
        pieces = self._pieces
        if pieces:
            self.has_body = True
            self._overhead = 0
            body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
            return body
        self._overhead += received
        if self._overhead > _MOST_OVERHEAD:
            raise BadResponse("it sent more around the body of its response than belongs there")
        return b""

    def on_message_begin(self) -> None:
        """A response begins: the one, another after a provisional one, or something behind the end."""
        self.is_last = True
        if not self.has_head:
            self.headers.clear()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; or a trailer, and nothing that we need is in those."""
        if not self.has_head:
            self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """A head is complete."""
        status = self._parser.get_status_code()
        if self.has_head or status < _FIRST_FINAL_STATUS:
            return
        self.status, self.has_head = status, True
        chunked = self.headers.get("transfer-encoding", "").lower().endswith("chunked")
        self._ends_with_connection = not chunked and "content-length" not in self.headers

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if not self.is_whole:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        """A response is whole."""
        if self.has_head and not self.is_whole:
            self.is_whole = True
            self.is_last = not self._parser.should_keep_alive()
