"""SQL for open calls: what is imported, what waits to be read, what a round owes them, what is shown."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from uuid import UUID

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.matching.calls.records import CallStatus
from services.matching.models import Call, Suggestion, Vector
from services.matching.planning import NAMES_A_CALL
from services.matching.repository.profiles import NEXT_CHANGE, forget_vectors, read_vectors

Outcome = Literal["created", "updated", "unchanged"]


def is_open(today: date) -> sa.ColumnElement[bool]:
    """Return the SQL condition that a call can be answered on that day or later."""
    # Not a bound value: by the word itself the database knows that its index of unread calls will do.
    return sa.and_(col(Call.status) != sa.literal_column(f"'{CallStatus.CLOSED}'"), col(Call.closes_on) >= today)


async def save(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> list[Outcome]:
    """Insert calls or bring those with the same ``supplied_id`` up to date (each at most once in ``rows``).

    What has changed gets a new change number; a changed text is to be read again. The hash of an unchanged one stays
    as it is, though another release may have made it.
    """
    named = [row["supplied_id"] for row in rows]
    mine = col(Call.supplied_id).in_(named)
    before = set(await session.scalars(sa.select(col(Call.text_hash)).where(mine)))
    new = insert(Call).values([{**row, "encoded_with": None, "change_sequence": NEXT_CHANGE} for row in rows])
    told = [name for name in rows[0] if name not in ("id", "supplied_id", "text_hash")]
    read_again = sa.or_(col(Call.language) != new.excluded.language, col(Call.read_text) != new.excluded.read_text)
    values: dict[str, Any] = {name: new.excluded[name] for name in told}
    values["text_hash"] = sa.case((read_again, new.excluded.text_hash), else_=col(Call.text_hash))
    values["encoded_with"] = sa.case((read_again, sa.null()), else_=col(Call.encoded_with))
    values["change_sequence"] = NEXT_CHANGE
    now_told = sa.tuple_(*(new.excluded[name] for name in told))
    differs = sa.tuple_(*(getattr(Call, name) for name in told)).is_distinct_from(now_told)
    written = new.on_conflict_do_update(index_elements=["supplied_id"], set_=values, where=differs)
    result = await session.execute(written.returning(col(Call.supplied_id), col(Call.id)))
    ids = {row["supplied_id"]: row["id"] for row in rows}
    outcomes: dict[str, Outcome] = {
        supplied_id: "created" if ids[supplied_id] == call_id else "updated" for supplied_id, call_id in result
    }
    await forget_vectors(session, before - {row["text_hash"] for row in rows})
    return [outcomes.get(each, "unchanged") for each in named]


async def calls_to_read(session: AsyncSession, today: date, limit: int) -> Sequence[Call]:
    """Return open calls that no model has read yet; one that is over needs no reading."""
    query = sa.select(Call).where(col(Call.encoded_with).is_(None), is_open(today))
    return (await session.scalars(query.order_by(col(Call.id)).limit(limit))).all()


async def changes(session: AsyncSession, today: date, model: str) -> dict[UUID, int]:
    """Return the change numbers of open calls that have a vector under this name, whoever has read them since."""
    known = sa.exists().where(col(Vector.text_hash) == col(Call.text_hash), col(Vector.model) == model)
    query = sa.select(col(Call.id), col(Call.change_sequence)).where(known, is_open(today))
    return {row[0]: row[1] for row in await session.execute(query)}


async def calls(session: AsyncSession, ids: Collection[UUID]) -> Sequence[Call]:
    """Return these calls."""
    return (await session.scalars(sa.select(Call).where(_among(ids)))).all()


async def vectors_of(session: AsyncSession, model: str, ids: Collection[UUID]) -> dict[bytes, npt.NDArray[np.float16]]:
    """Return the vectors of these calls' texts that are stored under this name, by text hash."""
    return await read_vectors(session, model, sa.select(col(Call.text_hash)).where(_among(ids)))


def _among(ids: Collection[UUID]) -> sa.ColumnElement[bool]:
    return col(Call.id) == sa.any_(sa.cast(list(ids), ARRAY(sa.Uuid)))


async def is_round_owed(session: AsyncSession, today: date) -> bool:
    """Whether suggestions may have to name another call: all that are open are read and one has changed since the last
    round, or one was closed, or a call that is named has come to its end.
    """
    changed = col(Call.matched_sequence).is_distinct_from(col(Call.change_sequence))
    unread = sa.exists().where(col(Call.encoded_with).is_(None), is_open(today))
    live = col(Suggestion.state).in_(NAMES_A_CALL)
    over = sa.and_(col(Suggestion.call).is_not(None), col(Suggestion.call)["deadline"].astext < today.isoformat(), live)
    owed = sa.or_(
        sa.and_(sa.exists().where(changed), sa.not_(unread)),
        sa.exists().where(changed, sa.not_(is_open(today))),
        sa.exists().where(over),
    )
    return bool(await session.scalar(sa.select(owed)))


async def unmatched(session: AsyncSession, today: date) -> dict[UUID, int]:
    """Return the change numbers of calls that no round has seen, as far as they are read or over."""
    changed = col(Call.matched_sequence).is_distinct_from(col(Call.change_sequence))
    known = sa.or_(col(Call.encoded_with).is_not(None), sa.not_(is_open(today)))
    query = sa.select(col(Call.id), col(Call.change_sequence)).where(changed, known)
    return {row[0]: row[1] for row in await session.execute(query)}


async def mark_matched(session: AsyncSession, seen: Mapping[UUID, int]) -> None:
    """Note which change of each call a round has seen; one changed meanwhile stays owed."""
    if seen:
        query = sa.text(
            'UPDATE "call" SET matched_sequence = change_sequence FROM unnest(CAST(:ids AS uuid[]),'
            " CAST(:changes AS bigint[])) AS seen (seen_id, change) WHERE id = seen_id AND change_sequence = change"
        )
        await session.execute(query, {"ids": list(seen), "changes": list(seen.values())})


@dataclass(frozen=True)
class Place:
    """Where a page ended: the day by which calls are ordered, and the id."""

    day: date
    call_id: UUID


async def page(
    session: AsyncSession, today: date, limit: int, words: str = "", only_open: bool = False, after: Place | None = None
) -> Sequence[tuple[Call, date]]:
    """Return calls with their next (or, when all have passed, last) deadline, the earliest first.

    ``words``: all of them stand in title or text (in any form that English gives them), or they are a part of the
    supplied id.
    """
    each = sa.func.unnest(col(Call.deadlines)).table_valued("day").render_derived()
    coming = sa.select(sa.func.min(each.c.day)).where(each.c.day >= today).correlate(Call).scalar_subquery()
    day = sa.func.coalesce(coming, col(Call.closes_on), type_=sa.Date)
    query = sa.select(Call, day)
    if only_open:
        query = query.where(is_open(today))
    if words:
        said = sa.func.to_tsvector(sa.literal_column("'english'"), col(Call.title) + " " + col(Call.text))
        asked = sa.func.websearch_to_tsquery(sa.literal_column("'english'"), words)
        query = query.where(sa.or_(said.op("@@")(asked), col(Call.supplied_id).icontains(words, autoescape=True)))
    if after is not None:
        query = query.where(sa.tuple_(day, col(Call.id)) > sa.tuple_(sa.literal(after.day), sa.literal(after.call_id)))
    found = await session.execute(query.order_by(day, col(Call.id)).limit(limit))
    return [(call, deadline) for call, deadline in found]


async def find(session: AsyncSession, call_id: UUID) -> Call | None:
    """Return one call."""
    return await session.get(Call, call_id)


async def still_open(session: AsyncSession, ids: Collection[UUID], today: date) -> dict[UUID, Call]:
    """Return those of the calls that can be answered today, by id."""
    if not ids:
        return {}
    return {each.id: each for each in await session.scalars(sa.select(Call).where(_among(ids), is_open(today)))}
