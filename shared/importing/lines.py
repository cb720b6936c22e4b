"""Bytes to numbered text lines, in bounded memory, whatever the bytes are."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass

MAX_LINE_BYTES = 256 * 1024
FOREIGN_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""How UTF-16 and UTF-32 (little-endian begins alike) files begin."""


class WrongEncodingError(Exception):
    """The file as a whole is not UTF-8 (it begins like UTF-16), so that no line of it can be read."""


@dataclass(frozen=True)
class Line:
    """One physical line without its end. ``text`` is ``None`` when ``fault`` says why it can't be read."""

    number: int
    text: str | None
    fault: str | None = None


class LineReader:
    """Cuts a stream of bytes at line feeds. A line over the limit is dropped while it streams by, and reported."""

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._limit = max_line_bytes
        self._rest = bytearray()
        self._number = 0
        self._dropping = False
        self._begun = False

    def feed(self, chunk: bytes) -> Iterator[Line]:
        """Take more bytes and yield the lines that ended; raises :class:`WrongEncodingError` at the beginning."""
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            yield from self._end_line(chunk[start:end])
            start = end + 1
        self._keep(chunk[start:])

    def finish(self) -> Iterator[Line]:
        """Yield the last line if the file does not end with a line feed."""
        if self._rest or self._dropping:
            yield from self._end_line(b"")

    def _keep(self, part: bytes) -> None:
        if self._dropping:
            return
        if len(self._rest) + len(part) > self._limit:
            self._dropping = True
            self._rest.clear()
        else:
            self._rest += part

    def _end_line(self, part: bytes) -> Iterator[Line]:
        self._keep(part)
        self._number += 1
        data, dropped = bytes(self._rest), self._dropping
        self._rest.clear()
        self._dropping = False
        if not self._begun:
            self._begun = True
            if data.startswith(FOREIGN_MARKS) or b"\0" in data[:4]:
                raise WrongEncodingError
            data = data.removeprefix(codecs.BOM_UTF8)
        yield self._line(data, dropped)

    def _line(self, data: bytes, dropped: bool) -> Line:
        if dropped:
            return Line(self._number, None, "row-too-large")
        if b"\0" in data:
            return Line(self._number, None, "nul-character")
        try:
            return Line(self._number, data.removesuffix(b"\r").decode("utf-8"))
        except UnicodeDecodeError:
            return Line(self._number, None, "encoding")
