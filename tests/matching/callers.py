"""Calls as they are imported, and days on which tests take place."""

import json
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from services.matching.calls.imports import CallImporter, CallReport
from tests.matching.conftest import Matching

TODAY = date(2026, 11, 22)


def call(supplied_id: str, title: str, deadline: str = "2027-03-01", **more: Any) -> dict[str, Any]:
    """Return a row of an import. In English: the stand-ins for models know nothing of other languages' centres."""
    return {"supplied_id": supplied_id, "title": title, "deadline": deadline, "language": "en", **more}


async def pieces(content: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    """Yield bytes as they arrive in a request."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def load(matching: Matching, rows: Iterable[dict[str, Any] | str]) -> CallReport:
    """Import calls and return the report."""
    lines = (each if isinstance(each, str) else json.dumps(each) for each in rows)
    importer = CallImporter(matching.context.database, "test")
    await importer.run(pieces("\n".join(lines).encode()))
    return importer.report


def it_is(day: date, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the service's clock show noon of a day."""
    monkeypatch.setattr("shared.clock.now", lambda: datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
