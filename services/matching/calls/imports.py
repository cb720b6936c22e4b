"""Use case: import a file of calls. Batches of rows, a transaction each; a bad row never loses its neighbours."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import structlog

from services.matching.calls.parsing import CallFileParser, ParsedCall
from services.matching.calls.programme_parts import words_of
from services.matching.calls.records import CallRecord, CallStatus
from services.matching.calls.text import read_text_of
from services.matching.encoder.spaces import read_text
from services.matching.encoder.text import text_hash
from services.matching.repository import calls as rows
from services.matching.suggestions import work_to_do
from shared.audit import audit
from shared.auth import Principal
from shared.clock import today
from shared.database import Database
from shared.ids import new_id
from shared.importing import Report, RowError

log = structlog.get_logger()

BATCH = 100
PIECE_BYTES = 8 * 1024
MAX_WARNINGS = 1_000


@dataclass
class CallReport(Report):
    """The report of an import; ``warnings`` name rows that were taken though nobody can answer them any more."""

    warnings: list[RowError] = field(default_factory=list)
    over: int = 0

    def warn_if_over(self, row: int, record: CallRecord, day: date) -> None:
        """Note a call that is kept, but shown and fitted to nobody."""
        if record.status is not CallStatus.CLOSED and record.all_deadlines[-1] >= day:
            return
        self.over += 1
        if len(self.warnings) < MAX_WARNINGS:
            closed = record.status is CallStatus.CLOSED
            rule, where = ("call-closed", "status") if closed else ("deadline-passed", "deadline")
            self.warnings.append(RowError(row, where, rule, "The call was taken, but it is over: it fits nobody."))


class CallImporter:
    """Imports one file. The same file again changes nothing: a call is known by its ``supplied_id``."""

    def __init__(self, database: Database, source: str | None) -> None:
        self._database = database
        self._source = source
        self._batch: list[tuple[int, CallRecord]] = []
        self._day = today()
        self.report = CallReport()

    async def run(self, chunks: AsyncIterator[bytes]) -> None:
        """Read the file to its end; the report says what became of each row."""
        parser = CallFileParser()
        async for chunk in chunks:
            for start in range(0, len(chunk), PIECE_BYTES):
                for row in parser.feed(chunk[start : start + PIECE_BYTES]):
                    await self._take(row)
                await asyncio.sleep(0)  # others have the event loop, too, be the file all tiny broken rows
            if parser.broken:
                break
        for row in parser.finish():
            await self._take(row)
        await self._flush()
        if parser.broken:
            self.report.note(parser.broken)
        self.report.ignored_fields |= parser.ignored_fields
        self.report.errors.sort(key=lambda each: each.row)

    async def _take(self, row: ParsedCall) -> None:
        if row.record is None:
            self.report.reject(row.errors)
            return
        self._batch.append((row.row, row.record))
        if len(self._batch) >= BATCH:
            await self._flush()

    async def _flush(self) -> None:
        """Store the batch in the order of ids, so that two imports can't lock each other out."""
        batch, self._batch = sorted(self._batch, key=lambda each: each[1].supplied_id), []
        if not batch:
            return
        values = await asyncio.to_thread(lambda: [_row(record, self._source) for _, record in batch])
        async with self._database.transaction() as session:
            outcomes = await rows.save(session, values)
            work_to_do.ring_after_commit(session)
        for (row, record), outcome in zip(batch, outcomes, strict=True):
            self.report.take(outcome)
            self.report.warn_if_over(row, record, self._day)


def _row(record: CallRecord, source: str | None) -> dict[str, Any]:
    read = read_text(read_text_of(record.title, record.description), record.language)
    deadlines = record.all_deadlines
    return {
        "id": new_id(),
        "supplied_id": record.supplied_id,
        "title": record.title,
        "text": record.description,
        "language": read.language,
        "programme": record.programme,
        "kind_of_action": record.kind_of_action,
        "status": str(record.status),
        "opens_on": record.opens_on,
        "deadlines": deadlines,
        "closes_on": deadlines[-1],
        "budget_min": record.budget_min,
        "budget_max": record.budget_max,
        "currency": record.currency,
        "url": record.url,
        "source": record.source or source,
        "read_text": read.text,
        "text_hash": call_hash(read.language, read.text, record.supplied_id),
    }


def call_hash(language: str, read: str, supplied_id: str) -> bytes:
    """Return the hash under which what was read of a call is stored.

    Never that of a statement with the same words, of which another vector is stored, and another one for calls of
    other programmes, whose words are read as well.
    """
    return text_hash(language, f"call {words_of(supplied_id)}\n{read}")


async def import_calls(
    database: Database, caller: Principal, chunks: AsyncIterator[bytes], source: str | None
) -> CallReport:
    """Import a file for an operator, who was checked before, and return the report."""
    importer = CallImporter(database, source)
    await importer.run(chunks)
    report = importer.report
    async with database.transaction() as session:
        await audit(session, caller, "calls.imported", None, new_id(), report.counts())
    log.info("calls imported", **report.counts())
    return report
