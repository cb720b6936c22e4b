"""CSV lines to rows of cells (RFC 4180); one bad row never eats its neighbours."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from shared.importing import MAX_LINE_BYTES, Line

DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True)
class Row:
    """One row by its first line. ``cells`` is ``None`` when ``fault`` says why it can't be read."""

    number: int
    cells: list[str] | None
    fault: str | None = None


class _BrokenQuotesError(Exception):
    """A quote stands where RFC 4180 knows none."""


class _Cells:
    """Cells of one row while its lines come in."""

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter
        self.cells: list[str] = []
        self._open: list[str] | None = None

    @property
    def complete(self) -> bool:
        return self._open is None

    def add(self, text: str) -> None:
        """Read one more line; afterwards the row is complete or continues inside a quoted cell."""
        position = 0
        if self._open is not None:
            self._open.append("\n")
            position = self._quoted(text, 0)
        while position <= len(text) and self._open is None:
            position = self._cell(text, position)

    def _cell(self, text: str, position: int) -> int:
        """Read the cell that begins here; return where the next begins (beyond the end after the last)."""
        if text.startswith('"', position):
            self._open = []
            return self._quoted(text, position + 1)
        end = text.find(self._delimiter, position)
        end = len(text) if end < 0 else end
        cell = text[position:end]
        if '"' in cell:
            raise _BrokenQuotesError
        self.cells.append(cell)
        return end + 1

    def _quoted(self, text: str, position: int) -> int:
        assert self._open is not None
        while (end := text.find('"', position)) >= 0:
            self._open.append(text[position:end])
            after = text[end + 1 : end + 2]
            if after == '"':
                self._open.append('"')
                position = end + 2
            elif after in ("", self._delimiter):
                self.cells.append("".join(self._open))
                self._open = None
                return end + 2
            else:
                raise _BrokenQuotesError
        self._open.append(text[position:])
        return len(text) + 1


class TableReader:
    """Puts lines together to rows. ``columns`` is set by the reader of the header.

    A quote that is never closed would swallow all that follows. So when a row of several lines turns out broken
    (quotes, size, number of cells, end of file), only its first line is rejected and the others are read again.
    """

    def __init__(self, delimiter: str, columns: int) -> None:
        self._delimiter = delimiter
        self._columns = columns
        self._waiting: deque[Line] = deque()
        self._taken: list[Line] = []
        self._size = 0
        self._cells = _Cells(delimiter)

    def feed(self, line: Line) -> Iterator[Row]:
        """Take one more line and yield the rows that are decided by it."""
        self._waiting.append(line)
        yield from self._drain()

    def finish(self) -> Iterator[Row]:
        """Yield what is left at the end of the file: an open quote is a broken row, the lines after it are not."""
        while self._taken:
            yield self._break("unbalanced-quotes")
            yield from self._drain()

    def _drain(self) -> Iterator[Row]:
        while self._waiting:
            line = self._waiting.popleft()
            if line.text is None:
                if self._taken:
                    self._waiting.appendleft(line)
                    yield self._break("unbalanced-quotes")
                else:
                    yield Row(line.number, None, line.fault)
            elif self._taken or line.text.strip():
                yield from self._take(line, line.text)

    def _take(self, line: Line, text: str) -> Iterator[Row]:
        self._taken.append(line)
        self._size += len(text) + 1
        try:
            self._cells.add(text)
        except _BrokenQuotesError:
            yield self._break("unbalanced-quotes")
            return
        if not self._cells.complete:
            if self._size > MAX_LINE_BYTES:
                yield self._break("unbalanced-quotes")
        elif len(self._cells.cells) != self._columns:
            yield self._break("wrong-number-of-columns")
        else:
            yield Row(self._taken[0].number, self._cells.cells)
            self._reset()

    def _break(self, fault: str) -> Row:
        first, *others = self._taken
        self._waiting.extendleft(reversed(others))
        self._reset()
        return Row(first.number, None, fault)

    def _reset(self) -> None:
        self._taken, self._size, self._cells = [], 0, _Cells(self._delimiter)


def header_of(text: str) -> tuple[str, list[str]]:
    """Return the delimiter (the most frequent of ``, ; TAB``) and the column names; raises ``ValueError`` if broken."""
    delimiter = max(DELIMITERS, key=text.count)
    cells = _Cells(delimiter)
    try:
        cells.add(text)
    except _BrokenQuotesError as error:
        raise ValueError("broken quotes in the header") from error
    if not cells.complete:
        raise ValueError("open quote in the header")
    return delimiter, [name.strip().lower() for name in cells.cells]
