"""Use case: import a file. Batches of rows, a transaction each; a failing row never loses its neighbours."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from services.profiles import access
from services.profiles.import_batch import Batch, Later, Named, Verdict
from services.profiles.importing import FileFormat, FileParser, ParsedRow, Report, RowError
from services.profiles.importing.spool import NumberedRecord, Spool
from services.profiles.repository import imports as repository
from services.profiles.schemas import ImportOut, RowErrorOut
from shared.audit import audit
from shared.auth import Principal
from shared.clock import now
from shared.database import Database
from shared.ids import new_id
from shared.problems import Problem, forbidden, not_found

log = structlog.get_logger()

MAX_PASSES = 5
"""How often rows that wait for clusters are tried again: clusters of clusters rarely nest deeper."""
PIECE_BYTES = 8 * 1024


async def _pieces(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield small pieces and let others have the event loop between them: a file may be all tiny broken rows."""
    async for chunk in chunks:
        for start in range(0, len(chunk), PIECE_BYTES):
            yield chunk[start : start + PIECE_BYTES]
            await asyncio.sleep(0)


class Importer:
    """Imports one file on behalf of one caller."""

    def __init__(self, database: Database, caller: Principal, source: str | None, batch_size: int) -> None:
        self._database = database
        self._caller = caller
        self._source = source
        self._batch_size = batch_size
        self._named = Named()
        self._waiting = Spool()
        self.report = Report()

    async def run(self, chunks: AsyncIterator[bytes], file_format: FileFormat) -> None:
        """Read the file to its end; the report says what became of each row."""
        parser = FileParser(file_format)
        batch: list[NumberedRecord] = []
        async for piece in _pieces(chunks):
            for row in parser.feed(piece):
                await self._add(batch, row)
            if parser.broken:
                break
        for row in parser.finish():
            await self._add(batch, row)
        await self._flush(batch, last=False)
        await self._try_waiting()
        if parser.broken:
            self.report.note(parser.broken)
        self.report.ignored_fields |= parser.ignored_fields

    async def _add(self, batch: list[NumberedRecord], row: ParsedRow) -> None:
        if row.record is None:
            self.report.reject(row.errors)
            return
        batch.append(NumberedRecord(row.row, row.record))
        if len(batch) >= self._batch_size:
            await self._flush(batch, last=False)

    async def _try_waiting(self) -> None:
        """Try the rows that wait for clusters, until none of them gets further; then they are errors."""
        progress = True
        for _ in range(MAX_PASSES):
            if progress and self._waiting.rows:
                progress = await self._retry(last=False)
        await self._retry(last=True)
        self._waiting.close()

    async def _retry(self, *, last: bool) -> bool:
        """Try them once; returns whether any got further."""
        waiting, self._waiting = self._waiting, Spool()
        batch: list[NumberedRecord] = []
        for numbered in waiting.take():
            batch.append(numbered)
            if len(batch) >= self._batch_size:
                await self._flush(batch, last=last)
        await self._flush(batch, last=last)
        waiting.close()
        return self._waiting.rows < waiting.rows

    async def _flush(self, batch: list[NumberedRecord], *, last: bool) -> None:
        """Import the batch and empty it. If the database refuses it as a whole, each row is tried alone."""
        rows, batch[:] = list(batch), []
        if not rows:
            return
        try:
            verdicts = await self._transact(rows, last)
        except (DBAPIError, Problem) as error:
            _raise_if_away(error)
            log.info("import batch is tried row by row", rows=len(rows), fault=type(error).__name__)
            verdicts = [await self._alone(row, last) for row in rows]
        for row, verdict in zip(rows, verdicts, strict=True):
            self._note(row, verdict)

    async def _transact(self, rows: list[NumberedRecord], last: bool) -> list[Verdict]:
        batch = Batch(self._caller, self._source, self._named, last=last)
        async with self._database.transaction() as session:
            verdicts = await batch.run(session, rows)
        self._named = batch.named
        return verdicts

    async def _alone(self, row: NumberedRecord, last: bool) -> Verdict:
        try:
            return (await self._transact([row], last))[0]
        except (DBAPIError, Problem) as error:
            _raise_if_away(error)
            rule = error.rule if isinstance(error, Problem) else "conflict"
            return RowError(row.row, "row", rule, "The row contradicts what is stored; it was not taken.")

    def _note(self, row: NumberedRecord, verdict: Verdict) -> None:
        if verdict is Later.LATER:
            self._waiting.put(row)
        elif isinstance(verdict, RowError):
            self.report.reject([verdict])
        else:
            self.report.take(verdict)


def _raise_if_away(error: Exception) -> None:
    state = str(getattr(getattr(error, "orig", None), "sqlstate", "") or "")
    if isinstance(error, DBAPIError) and (error.connection_invalidated or state.startswith(("08", "57")) or not state):
        raise error


async def import_file(
    database: Database,
    caller: Principal,
    chunks: AsyncIterator[bytes],
    file_format: FileFormat,
    source: str | None,
    batch_size: int,
) -> ImportOut:
    """Import a file for an operator (anything) or a hub (its own cluster and its members) and return the report."""
    if not (access.is_operator(caller) or access.own_clusters(caller)):
        raise forbidden("Only an operator or a hub may import.")
    run_id, started_at = new_id(), now()
    async with database.transaction() as session:
        await repository.add(session, run_id, caller.subject, source, file_format.value, started_at)
    importer = Importer(database, caller, source, batch_size)
    await importer.run(chunks, file_format)
    report, finished_at = importer.report, now()
    report.errors.sort(key=lambda each: each.row)
    async with database.transaction() as session:
        await repository.finish(session, run_id, _stored_form(report), finished_at)
        await audit(session, caller, "imported", None, run_id, report.counts())
    log.info("import finished", import_id=str(run_id), **report.counts())
    return _answer(run_id, source, file_format.value, started_at, finished_at, _stored_form(report))


def _stored_form(report: Report) -> dict[str, object]:
    return {
        **report.counts(),
        "errors": [asdict(each) for each in report.errors],
        "errors_omitted": report.errors_omitted,
        "ignored_fields": sorted(report.ignored_fields),
    }


def _answer(
    run_id: UUID,
    source: str | None,
    file_format: str,
    started_at: datetime,
    finished_at: datetime | None,
    report: dict[str, object],
) -> ImportOut:
    empty = {"accepted": 0, "created": 0, "updated": 0, "unchanged": 0, "rejected": 0}
    values = {**empty, "errors": [], "errors_omitted": 0, "ignored_fields": [], **report}
    values["errors"] = [RowErrorOut.model_validate(each) for each in values["errors"]]  # type: ignore[attr-defined]
    return ImportOut.model_validate(
        {
            "id": run_id,
            "source": source,
            "format": file_format,
            "started_at": started_at,
            "finished_at": finished_at,
            **values,
        }
    )


async def report_of(session: AsyncSession, caller: Principal, run_id: UUID) -> ImportOut:
    """Return a report to whoever imported, or to an operator."""
    run = await repository.get(session, run_id)
    if run is None or not (access.is_operator(caller) or run["imported_by"] == caller.subject):
        raise not_found("import", run_id)
    return _answer(run_id, run["source"], run["format"], run["started_at"], run["finished_at"], run["report"])
