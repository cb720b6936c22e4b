"""Import files as people write them, and what the reader makes of them."""

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

from services.profiles.importing import FileFormat, FileParser, ParsedRow

HEADER = "supplied_id,kind,name,country\n"


def a_row(number: int = 1, **said: Any) -> dict[str, Any]:
    return {"supplied_id": f"x-{number}", "kind": "sme", "name": f"Firm {number}", "country": "AT", **said}


def read(content: bytes | str, file_format: str = "jsonl", chunk: int = 65_536) -> tuple[list[ParsedRow], FileParser]:
    data = content.encode() if isinstance(content, str) else content
    parser = FileParser(FileFormat(file_format))
    rows: list[ParsedRow] = []
    for start in range(0, len(data), chunk):
        rows += parser.feed(data[start : start + chunk])
    rows += parser.finish()
    return rows, parser


def faults(rows: Iterable[ParsedRow]) -> list[tuple[int, str, str]]:
    return [(each.row, each.field, each.rule) for row in rows for each in row.errors]


def names(rows: Iterable[ParsedRow]) -> list[str]:
    return [row.record.name for row in rows if row.record]


def jsonl(*rows: Any) -> str:
    return "".join(json.dumps(each) + "\n" for each in rows)


def table(*rows: Iterable[str], header: str = HEADER, delimiter: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return header.replace(",", delimiter) + out.getvalue()
