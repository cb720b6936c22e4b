"""Rows put aside until the whole file was read, on disk beyond a few megabytes."""

from collections.abc import Iterator
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile

from services.profiles.schemas import Record

IN_MEMORY = 4 * 1024 * 1024


@dataclass(frozen=True)
class NumberedRecord:
    """A validated record and its line in the file."""

    row: int
    record: Record


class Spool:
    """Keeps validated rows in order; reading gives them back once."""

    def __init__(self) -> None:
        self._file: SpooledTemporaryFile[bytes] = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115
        self.rows = 0

    def put(self, numbered: NumberedRecord) -> None:
        """Put one row aside. Fields the row did not name stay unnamed."""
        self._file.write(f"{numbered.row} {numbered.record.model_dump_json(exclude_unset=True)}\n".encode())
        self.rows += 1

    def take(self) -> Iterator[NumberedRecord]:
        """Yield the rows that were put aside."""
        self._file.seek(0)
        for line in self._file:
            row, _, record = line.partition(b" ")
            yield NumberedRecord(int(row), Record.model_validate_json(record))

    def close(self) -> None:
        """Give the space back."""
        self._file.close()
