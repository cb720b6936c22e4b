"""From the bytes of a file to validated calls: every fault by row, field and rule, no value quoted. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json

from services.matching.calls.records import FIELD_OF_RULE, CallRecord
from shared.importing import Line, LineReader, RowError, WrongEncodingError

MAX_FILE_BYTES = 20 * 1024 * 1024
MAX_IGNORED_FIELDS = 20

FAULTS = {
    "row-too-large": "The row is larger than 256 KB.",
    "nul-character": "The row contains a NUL character.",
    "encoding": "The row is not UTF-8 (perhaps Latin-1): save the file as UTF-8.",
    "malformed-json": "The row is no JSON object.",
    "duplicate-id": "An earlier row of this file has the same supplied_id; that one counts.",
}
WRONG_ENCODING = RowError(0, "file", "encoding", "The file is not UTF-8 (it looks like UTF-16): save it as UTF-8.")
FILE_TOO_LARGE = RowError(0, "file", "file-too-large", "The file is larger than 20 MB; rows beyond were not read.")

_RULES = {
    "missing": "required",
    "too_long": "too-many",
    "enum": "unknown-word",
    "decimal_parsing": "invalid-amount",
    "decimal_type": "invalid-amount",
    "decimal_max_digits": "invalid-amount",
    "decimal_max_places": "invalid-amount",
    "decimal_whole_digits": "invalid-amount",
    "finite_number": "invalid-amount",
    "greater_than_equal": "invalid-amount",
}
"""How pydantic names a breach → how our report names it; the rest are breaches of our own rules or “malformed”."""


@dataclass(frozen=True)
class ParsedCall:
    """A good row has a record; a bad one has errors."""

    row: int
    record: CallRecord | None = None
    errors: tuple[RowError, ...] = ()


class CallFileParser:
    """Parses one file of JSON lines. ``broken`` is set when the file as a whole can't be read."""

    def __init__(self) -> None:
        self._lines = LineReader()
        self._size = 0
        self._seen: set[str] = set()
        self.broken: RowError | None = None
        self.ignored_fields: set[str] = set()

    def feed(self, chunk: bytes) -> Iterator[ParsedCall]:
        """Take more bytes and yield the rows that are complete."""
        self._size += len(chunk)
        if self._size > MAX_FILE_BYTES:
            self.broken = self.broken or FILE_TOO_LARGE
        if self.broken is None:
            yield from self._rows(self._lines.feed(chunk))

    def finish(self) -> Iterator[ParsedCall]:
        """Yield the last row."""
        if self.broken is None:
            yield from self._rows(self._lines.finish())

    def _rows(self, lines: Iterator[Line]) -> Iterator[ParsedCall]:
        try:
            for line in lines:
                if line.text is None or line.text.strip():
                    yield self._row(line)
        except WrongEncodingError:
            self.broken = WRONG_ENCODING

    def _row(self, line: Line) -> ParsedCall:
        if line.text is None:
            return _fault(line.number, "row", line.fault or "encoding")
        try:
            value = from_json(line.text, allow_inf_nan=False)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            return _fault(line.number, "row", "malformed-json")
        unknown = [name[:60] for name in value if name not in CallRecord.model_fields]
        self.ignored_fields.update(unknown[: MAX_IGNORED_FIELDS - len(self.ignored_fields)])
        try:
            record = CallRecord.model_validate(value)
        except ValidationError as error:
            return ParsedCall(line.number, errors=row_errors(line.number, error))
        if record.supplied_id in self._seen:
            return _fault(line.number, "supplied_id", "duplicate-id")
        self._seen.add(record.supplied_id)
        return ParsedCall(line.number, record)


def row_errors(row: int, error: ValidationError) -> tuple[RowError, ...]:
    """Return what is wrong with a row, without any of its values."""
    found = (each for each in error.errors(include_url=False)[:20])
    return tuple(RowError(row, _field(each), _rule(each), each["msg"]) for each in found)


def _field(error: ErrorDetails) -> str:
    return ".".join(str(each) for each in error["loc"]) or FIELD_OF_RULE.get(error["type"], "row")


def _rule(error: ErrorDetails) -> str:
    kind = error["type"]
    if "-" in kind or kind == "malformed":
        return kind
    return "required" if error["input"] is None else _RULES.get(kind, "malformed")


def _fault(row: int, field: str, rule: str) -> ParsedCall:
    return ParsedCall(row, errors=(RowError(row, field, rule, FAULTS[rule]),))
