"""Reads benchmark files, packed or not, and says clearly what is wrong with one."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


class BenchmarkError(Exception):
    """A benchmark file is not there or not what it must be; the message says which one and where."""


def lines_of(path: Path) -> list[str]:
    """Return the lines of a text file that are not empty."""
    try:
        if path.suffix == ".gz":
            with gzip.open(path, "rt", encoding="utf-8") as file:
                text = file.read()
        else:
            text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BenchmarkError(f"{path} can't be read: {error}") from error
    # Not splitlines(): a title may hold one of the other characters that it takes for the end of a line.
    return [line for line in text.split("\n") if line.strip()]


def records_of(path: Path, needed: Iterable[str]) -> list[dict[str, Any]]:
    """Return the JSON objects of a file with one a line; each must have the fields ``needed``."""
    found = []
    for number, line in enumerate(lines_of(path), 1):
        try:
            record = json.loads(line)
        except ValueError as error:
            raise BenchmarkError(f"{path}, line {number}: no JSON ({error})") from error
        missing = [name for name in needed if not isinstance(record, dict) or name not in record]
        if missing:
            raise BenchmarkError(f"{path}, line {number}: {', '.join(missing)} missing")
        found.append(record)
    if not found:
        raise BenchmarkError(f"{path} is empty")
    return found
