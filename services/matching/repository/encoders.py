"""SQL for the change from one encoder to another: which one serves, what the next has still to read, what is left."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.matching.calls.challenges import of_calls
from services.matching.models import Call, EncoderRow, Organisation, Statement, Vector
from services.matching.repository.calls import is_open
from shared.contracts.profiles import OrganisationStatus

Table = type[Statement] | type[Call]
SERVES = col(EncoderRow.serving).is_(True)


@dataclass(frozen=True)
class Progress:
    """How many texts of statements and calls there are to read, and how many an encoder has read of them."""

    read: int
    of: int


async def begin(session: AsyncSession, version: str, recipe: Mapping[str, Any], at: datetime) -> None:
    """Note which encoder is chosen: it serves if none does yet; those that nobody names any more retire."""
    new = insert(EncoderRow).values(version=version, constants=dict(recipe), since=at)
    update = {"constants": new.excluded.constants, "retired_at": None}
    await session.execute(new.on_conflict_do_update(index_elements=["version"], set_=update))
    if await serving(session) is None:
        first = sa.update(EncoderRow).where(col(EncoderRow.version) == version)
        await session.execute(first.values(serving=True, applied_at=at))
    left = sa.update(EncoderRow).where(
        ~SERVES, col(EncoderRow.version) != version, col(EncoderRow.retired_at).is_(None)
    )
    await session.execute(left.values(retired_at=at))


async def serving(session: AsyncSession) -> str | None:
    """Return the version of the encoder that serves, ``None`` before there is one."""
    return await session.scalar(sa.select(col(EncoderRow.version)).where(SERVES))


async def serves(session: AsyncSession, version: str) -> bool:
    """Whether this encoder serves, or none does yet; it does so at least until the transaction ends."""
    found = await session.scalar(sa.select(col(EncoderRow.version)).where(SERVES).with_for_update(read=True))
    return found == version or (found is None and await serving(session) is None)


async def to_read(
    session: AsyncSession,
    table: Table,
    model: str,
    unreadable: Collection[bytes],
    after: UUID | None,
    limit: int,
    today: date,
) -> Sequence[Any]:
    """Return statements of active organisations, or open calls, that have no vector under this name yet, in the order
    of their ids. ``unreadable``: texts left out.
    """
    query = sa.select(table).where(_counts(table, today), sa.not_(_has_vector(table, model)))
    if unreadable:
        query = query.where(sa.not_(col(table.text_hash) == sa.any_(_hashes(unreadable))))
    if after is not None:
        query = query.where(col(table.id) > after)
    return (await session.scalars(query.order_by(col(table.id)).limit(limit))).all()


async def count_read(session: AsyncSession, version: str, texts: Collection[bytes]) -> int:
    """Return how many of these texts an encoder has read."""
    these = col(Vector.text_hash) == sa.any_(_hashes(texts))
    mine = col(Vector.model).in_((version, of_calls(version)))
    query = sa.select(sa.func.count(col(Vector.text_hash).distinct())).where(mine, these)
    return int(await session.scalar(query) or 0)


def _hashes(texts: Collection[bytes]) -> sa.ColumnElement[Any]:
    """Return texts' hashes as one parameter, for there can be no more than 32,767 of them."""
    return sa.cast(list(texts), ARRAY(sa.LargeBinary))


async def progress(session: AsyncSession, models: Mapping[Table, str], today: date) -> Progress:
    """Return how much of what counts an encoder has read, who stores its vectors under these names."""
    read, of = 0, 0
    for table, model in models.items():
        count = sa.select(sa.func.count(), sa.func.count().filter(_has_vector(table, model))).select_from(table)
        row = (await session.execute(count.where(_counts(table, today)))).one()
        read, of = read + int(row[1]), of + int(row[0])
    return Progress(read, of)


def _counts(table: Table, today: date) -> sa.ColumnElement[bool]:
    """Return the condition that a row takes part and has something to read."""
    if table is Call:
        return sa.and_(col(Call.read_text) != "", is_open(today))
    owner = sa.and_(
        col(Organisation.id) == col(Statement.organisation_id), col(Organisation.status) == OrganisationStatus.ACTIVE
    )
    return sa.and_(col(Statement.read_text) != "", sa.exists().where(owner))


def _has_vector(table: Table, model: str) -> sa.ColumnElement[bool]:
    return sa.exists().where(col(Vector.text_hash) == col(table.text_hash), col(Vector.model) == model)


async def lock_serving(session: AsyncSession) -> str | None:
    """Return who serves, locked: rounds and readers that go by it end first, others wait and see the next one."""
    return await session.scalar(sa.select(col(EncoderRow.version)).where(SERVES).with_for_update())


async def hand_over(session: AsyncSession, old: str, new: str, models: Mapping[Table, str], at: datetime) -> None:
    """Let another encoder serve, under :func:`lock_serving`. What it has not read is to be read as if it were new.

    The marks of the rest stay: who still shows what the encoder of before has read, goes on finding it.
    """
    for table, model in models.items():
        unread = sa.and_(col(table.encoded_with).is_not(None), sa.not_(_has_vector(table, model)))
        await session.execute(sa.update(table).where(unread).values(encoded_with=None))
    stops = sa.update(EncoderRow).where(col(EncoderRow.version) == old)
    await session.execute(stops.values(serving=False, retired_at=at))
    begins = sa.update(EncoderRow).where(col(EncoderRow.version) == new)
    await session.execute(begins.values(serving=True, applied_at=None, retired_at=None))


async def is_round_owed(session: AsyncSession) -> bool:
    """Whether an encoder has taken over and no round has been held with it yet."""
    return bool(await session.scalar(sa.select(sa.exists().where(SERVES, col(EncoderRow.applied_at).is_(None)))))


async def mark_applied(session: AsyncSession, version: str, at: datetime) -> None:
    """Note when the first round was held with the encoder that serves."""
    first = sa.update(EncoderRow).where(
        col(EncoderRow.version) == version, SERVES, col(EncoderRow.applied_at).is_(None)
    )
    await session.execute(first.values(applied_at=at))


async def retired(session: AsyncSession, before: datetime) -> Sequence[tuple[str, datetime]]:
    """Return the encoders that nobody names since then or longer, and since when nobody does."""
    query = sa.select(col(EncoderRow.version), col(EncoderRow.retired_at)).where(_retired(before))
    rows = await session.execute(query.order_by(col(EncoderRow.version)))
    return [(row.version, row.retired_at) for row in rows]


def _retired(before: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(~SERVES, col(EncoderRow.retired_at) <= before)


async def needed(session: AsyncSession, version: str) -> set[bytes]:
    """Return the texts whose vectors by this encoder are what a past score can be had again from."""
    query = sa.text(
        "SELECT DISTINCT decode(said ->> 'text_hash', 'hex') FROM scoring"
        " CROSS JOIN jsonb_array_elements(scoring.met) pair CROSS JOIN jsonb_array_elements_text(pair) quoted"
        " JOIN profile_version kept ON kept.organisation_id IN (scoring.first_id, scoring.second_id)"
        " AND kept.version = scoring.profiles ->> kept.organisation_id::text"
        " CROSS JOIN jsonb_array_elements(kept.facts -> 'statements') said"
        " WHERE scoring.encoder = :version AND said ->> 'id' = quoted"
    )
    return set(await session.scalars(query, {"version": version}))


async def delete_vectors(
    session: AsyncSession, version: str, before: datetime, kept: Collection[bytes], after: bytes, limit: int
) -> tuple[bytes | None, int]:
    """Delete the vectors of the next texts after this one, as far as they are not to be kept and the encoder has been
    retired since ``before``. Returns the last of these texts (``None`` at the end) and how many vectors went.
    """
    locked = (
        sa.select(col(EncoderRow.version))
        .where(col(EncoderRow.version) == version, _retired(before))
        .with_for_update(read=True)
    )
    if await session.scalar(locked) is None:
        return None, 0
    mine = col(Vector.model).in_((version, of_calls(version)))
    page = sa.select(col(Vector.text_hash)).distinct().where(mine, col(Vector.text_hash) > after)
    found = (await session.scalars(page.order_by(col(Vector.text_hash)).limit(limit))).all()
    gone = [each for each in found if each not in kept]
    if gone:
        these = col(Vector.text_hash) == sa.any_(_hashes(gone))
        await session.execute(sa.delete(Vector).where(mine, these))
    return (found[-1] if found else None), len(gone)
