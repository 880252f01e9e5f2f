"""A multipart form with one file, parsed from bytes as they come. No I/O, and never more than a block in memory.

Frameworks put the whole body into a temporary file before they say how large it is; here each block of the file
leaves `feed` at once, so that the limit stops an upload while it runs.
"""

from __future__ import annotations

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from viva.errors import InvalidRequest

MAX_FIELD_BYTES = 16 * 1024
MAX_PARTS = 20


class LectureForm:
    """Turns chunks of a multipart body into blocks of its file and a dict of its fields.

    `fields` and `has_file` are complete after `flush`. Raises `InvalidRequest` for a body that is no such form.
    """

    def __init__(self, content_type: str, *, file_field: str = "file") -> None:
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if not boundary:
            raise InvalidRequest("The multipart body has no boundary in its Content-Type.", code="invalid_form")
        self._file_field = file_field
        self._blocks: list[bytes] = []
        self._parts = 0
        self.fields: dict[str, str] = {}
        self.has_file = False
        self._start_part()
        callbacks = {
            "on_part_begin": self._start_part,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }
        self._ended = False
        try:
            self._parser = MultipartParser(boundary, callbacks)
        except FormParserError as error:
            raise _broken() from error

    def feed(self, chunk: bytes) -> list[bytes]:
        """The blocks of the file that this chunk completes."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _broken() from error
        blocks, self._blocks = self._blocks, []
        return blocks

    def flush(self) -> None:
        """Say that the body has ended."""
        if not self._ended:
            raise _broken()

    def _start_part(self) -> None:
        self._parts = self._parts + 1
        if self._parts > MAX_PARTS:
            raise InvalidRequest("The form has too many parts.", code="invalid_form")
        self._name = b""
        self._value = b""
        self._disposition = b""
        self._field: str | None = None
        self._text = bytearray()
        self._in_file = False

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value
        self._name = self._value = b""

    def _headers_finished(self) -> None:
        options = parse_options_header(self._disposition)[1]
        self._field = options.get(b"name", b"").decode("utf-8", "replace")
        if self._field == self._file_field:
            if self.has_file:
                raise InvalidRequest("The form has more than one file.", code="invalid_form", param="file")
            self.has_file = self._in_file = True
        elif b"filename" in options:
            message = f"The file belongs into the field {self._file_field!r}, not {self._field[:40]!r}."
            raise InvalidRequest(message, code="invalid_form", param=self._file_field)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._blocks.append(data[start:end])
            return
        self._text += data[start:end]
        if len(self._text) > MAX_FIELD_BYTES:
            raise InvalidRequest(f"The field {self._field[:40]!r} is too long.", code="invalid_form")

    def _end_part(self) -> None:
        if not self._in_file and self._field:
            self.fields[self._field] = self._text.decode("utf-8", "replace")

    def _end(self) -> None:
        self._ended = True


def _broken() -> InvalidRequest:
    return InvalidRequest("The multipart body is broken or cut short.", code="invalid_form")
