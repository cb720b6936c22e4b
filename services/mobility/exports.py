"""CSV for spreadsheets: a cell that a spreadsheet would run as a formula is made plain text."""

import io
from collections.abc import Iterable, Mapping
from typing import Any

from defusedcsv import csv

_BEFORE_FORMULA = ("\t", "\r", "\n", " ")


def _plain(value: Any) -> Any:
    """Guard what ``defusedcsv`` does not: blanks and control characters in front of a formula's first sign."""
    if isinstance(value, str) and value.startswith(_BEFORE_FORMULA):
        return "'" + value
    return value


def to_csv(records: Iterable[Mapping[str, Any]], columns: tuple[str, ...]) -> str:
    """Return the records as CSV with a header line; ``None`` becomes an empty cell."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([_plain(record.get(column)) for column in columns] for record in records)
    return out.getvalue()
