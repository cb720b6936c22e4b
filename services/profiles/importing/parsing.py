"""From a stream of bytes to validated records: never raises, never loses a good row, memory bounded by one row."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json

from services.profiles.importing.columns import REQUIRED, record_of, unknown_columns
from services.profiles.importing.table import TableReader, header_of
from services.profiles.schemas import Record
from shared.importing import Line, LineReader, RowError, WrongEncodingError

MAX_FILE_BYTES = 50 * 1024 * 1024
MAX_IGNORED_FIELDS = 20


class FileFormat(StrEnum):
    """The two kinds of file."""

    JSONL = "jsonl"
    CSV = "csv"


FAULTS = {
    "row-too-large": "The row is larger than 256 KB.",
    "nul-character": "The row contains a NUL character.",
    "encoding": "The row is not UTF-8 (perhaps Latin-1): save the file as UTF-8.",
    "unbalanced-quotes": "A quotation mark is missing or stands inside a cell without being doubled.",
    "wrong-number-of-columns": "The row has another number of cells than the header.",
    "malformed-json": "The row is no JSON object.",
}
WRONG_FILE_ENCODING = RowError(0, "file", "encoding", "The file is not UTF-8 (it looks like UTF-16): save it as UTF-8.")
FILE_TOO_LARGE = RowError(0, "file", "file-too-large", "The file is larger than 50 MB; rows beyond were not read.")

# How pydantic names a breach → how our report names it; the rest are breaches of our own rules or "malformed".
_RULES = {
    "missing": "required",
    "string_too_long": "too-long",
    "too_long": "too-many",
    "enum": "unknown-word",
    "literal_error": "unknown-word",
    "timezone_aware": "time-without-zone",
}


@dataclass(frozen=True)
class ParsedRow:
    """A good row has a record; a bad one has errors."""

    row: int
    record: Record | None = None
    errors: list[RowError] = field(default_factory=list)


def _rule(error: ErrorDetails) -> str:
    if "-" in error["type"] or error["type"] == "required":
        return error["type"]
    return "required" if error["input"] is None else _RULES.get(error["type"], "malformed")


def row_errors(row: int, error: ValidationError) -> list[RowError]:
    """Return what is wrong with a row, without any of its values."""
    return [
        RowError(row, ".".join(map(str, each["loc"])) or _field_of(each["type"]), _rule(each), each["msg"])
        for each in error.errors(include_url=False)[:20]
    ]


def _field_of(rule: str) -> str:
    return "region" if rule == "region-outside-country" else "row"


class FileParser:
    """Parses one file. ``broken`` is set when the file as a whole can't be read; then no more rows come."""

    def __init__(self, file_format: FileFormat) -> None:
        self._format = file_format
        self._lines = LineReader()
        self._size = 0
        self._table: TableReader | None = None
        self._columns: list[str] = []
        self.broken: RowError | None = None
        self.ignored_fields: set[str] = set()

    def feed(self, chunk: bytes) -> Iterator[ParsedRow]:
        """Take more bytes and yield the rows that are complete."""
        self._size += len(chunk)
        if self.broken:
            return
        if self._size > MAX_FILE_BYTES:
            self.broken = FILE_TOO_LARGE
            return
        try:
            for line in self._lines.feed(chunk):
                yield from self._parse(line)
        except WrongEncodingError:
            self.broken = WRONG_FILE_ENCODING

    def finish(self) -> Iterator[ParsedRow]:
        """Yield the last rows of the file."""
        if not self.broken:
            try:
                for line in self._lines.finish():
                    yield from self._parse(line)
            except WrongEncodingError:
                self.broken = WRONG_FILE_ENCODING
        if self._table:
            for row in self._table.finish():
                yield self._of_cells(row.number, row.cells, row.fault)

    def _parse(self, line: Line) -> Iterator[ParsedRow]:
        if self.broken:
            return
        if self._format is FileFormat.JSONL:
            if line.text is None or line.text.strip():
                yield self._of_json(line)
        elif self._table is None:
            self._read_header(line)
        else:
            for row in self._table.feed(line):
                yield self._of_cells(row.number, row.cells, row.fault)

    def _read_header(self, line: Line) -> None:
        if line.text is not None and not line.text.strip():
            return
        try:
            delimiter, names = header_of(line.text or "")
        except ValueError:
            names, delimiter = [], ","
        missing = [name for name in REQUIRED if name not in names]
        if missing:
            self.broken = RowError(
                line.number, missing[0], line.fault or "missing-column", f"The header lacks {', '.join(missing)}."
            )
        elif len(set(names)) < len(names):
            self.broken = RowError(line.number, "file", "duplicate-column", "Two columns have the same name.")
        else:
            self._columns = names
            self._table = TableReader(delimiter, len(names))
            self._ignore(unknown_columns(names))

    def _ignore(self, names: list[str]) -> None:
        for name in names:
            if len(self.ignored_fields) < MAX_IGNORED_FIELDS:
                self.ignored_fields.add(name[:60])

    def _of_cells(self, number: int, cells: list[str] | None, fault: str | None) -> ParsedRow:
        if cells is None:
            return self._fault(number, fault or "unbalanced-quotes")
        return self._validated(number, record_of(self._columns, cells))

    def _of_json(self, line: Line) -> ParsedRow:
        if line.text is None:
            return self._fault(line.number, line.fault or "encoding")
        try:
            value = from_json(line.text, allow_inf_nan=False)
        except ValueError:
            return self._fault(line.number, "malformed-json")
        if not isinstance(value, dict):
            return self._fault(line.number, "malformed-json")
        self._ignore([name for name in value if name not in Record.model_fields])
        return self._validated(line.number, value)

    def _validated(self, number: int, value: dict[str, Any]) -> ParsedRow:
        try:
            record = Record.model_validate(value)
        except ValidationError as error:
            return ParsedRow(number, errors=row_errors(number, error))
        if record.national_id is None and record.supplied_id is None:
            message = "A row needs a national_id or a supplied_id, by which a second import finds it again."
            return ParsedRow(number, errors=[RowError(number, "supplied_id", "id-required", message)])
        return ParsedRow(number, record)

    @staticmethod
    def _fault(number: int, rule: str) -> ParsedRow:
        return ParsedRow(number, errors=[RowError(number, "row", rule, FAULTS[rule])])
