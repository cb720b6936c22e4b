"""SQL for the projections: organisations, their statements, and the vectors of the statements' texts."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from pgvector import HalfVector
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.dialects.postgresql import array as pg_array
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.matching.models import Call, Organisation, ProfileVersion, Statement, Vector, change_sequence
from shared.contracts import Version
from shared.contracts.profiles import OrganisationStatus
from shared.database import upsert_if_newer

ERASED = "erased"
"""Status of an organisation that profiles has erased, besides those of the contract."""

NEXT_CHANGE = change_sequence.next_value()


def _any(values: Collection[UUID] | Collection[bytes], kind: Any = sa.Uuid) -> Any:
    """Return ids (or others) as one array: a query can have 32,767 parameters, and a site more organisations."""
    return sa.any_(sa.cast(list(values), ARRAY(kind)))


async def save_organisation(
    session: AsyncSession, organisation_id: UUID, version: Version, values: Mapping[str, Any]
) -> bool:
    """Write the projection unless it is stale (then ``False``); gives it a new change number."""
    columns = {**values, "change_sequence": NEXT_CHANGE}
    return await upsert_if_newer(session, Organisation, {"id": organisation_id}, version, columns)


async def replace_statements(
    session: AsyncSession, organisation_id: UUID, statements: Sequence[dict[str, Any]]
) -> None:
    """Make the organisation's statements these; unchanged texts stay encoded, vectors nobody needs any more are
    deleted.
    """
    mine = col(Statement.organisation_id) == organisation_id
    before = set((await session.scalars(sa.select(col(Statement.text_hash)).where(mine))).all())
    kept = [each["id"] for each in statements]
    await session.execute(sa.delete(Statement).where(mine, col(Statement.id).not_in(kept)))
    if statements:
        new = insert(Statement).values([{**each, "organisation_id": organisation_id} for each in statements])
        changed = sa.or_(
            col(Statement.text_hash) != new.excluded.text_hash, col(Statement.language) != new.excluded.language
        )
        update: dict[str, Any] = {
            name: new.excluded[name] for name in statements[0] if name not in ("id", "encoded_with")
        }
        update["organisation_id"] = new.excluded.organisation_id
        update["encoded_with"] = sa.case((changed, sa.null()), else_=col(Statement.encoded_with))
        await session.execute(new.on_conflict_do_update(index_elements=["id"], set_=update))
    await forget_vectors(session, before - {each["text_hash"] for each in statements})


async def forget_vectors(session: AsyncSession, text_hashes: Collection[bytes]) -> None:
    """Delete the vectors of these texts, as far as no statement and no call says them any more and no replay needs
    them.
    """
    if text_hashes:
        said, called = (sa.exists().where(col(each.text_hash) == col(Vector.text_hash)) for each in (Statement, Call))
        kept = sa.exists().where(col(ProfileVersion.text_hashes).op("@>")(pg_array([col(Vector.text_hash)])))
        these = col(Vector.text_hash) == _any(text_hashes, sa.LargeBinary)
        orphan = sa.and_(these, sa.not_(said), sa.not_(called), sa.not_(kept))
        await session.execute(sa.delete(Vector).where(orphan))


async def owe_round(session: AsyncSession, organisation_ids: Collection[UUID]) -> None:
    """Have the next round look at these organisations again."""
    again = sa.update(Organisation).where(col(Organisation.id) == _any(organisation_ids)).values(matched_sequence=None)
    await session.execute(again)


async def statements_to_read(session: AsyncSession, limit: int) -> Sequence[Statement]:
    """Return statements of active organisations that no model has read yet, in the order of their ids."""
    active = sa.exists().where(
        col(Organisation.id) == col(Statement.organisation_id), col(Organisation.status) == OrganisationStatus.ACTIVE
    )
    query = sa.select(Statement).where(col(Statement.encoded_with).is_(None), active)
    return (await session.scalars(query.order_by(col(Statement.id)).limit(limit))).all()


async def known_vectors(session: AsyncSession, model: str, text_hashes: Collection[bytes]) -> set[bytes]:
    """Return which of these texts have a vector by this model already."""
    query = sa.select(col(Vector.text_hash)).where(col(Vector.model) == model, col(Vector.text_hash).in_(text_hashes))
    return set((await session.scalars(query)).all())


async def save_vectors(
    session: AsyncSession,
    encoder: str,
    read: Mapping[UUID, bytes],
    vectors: Iterable[tuple[bytes, npt.NDArray[np.float16]]],
    table: type[Statement] | type[Call] = Statement,
    mark: bool = True,
    model: str | None = None,
) -> int:
    """Store vectors (text hash, values) and mark statements (id → text hash) as read; returns how many.

    ``table``: the calls' one, to do the same for calls. Not ``mark``: by an encoder that does not serve yet. ``model``:
    under which name vectors are stored, if not under the encoder's. What was
    changed or erased meanwhile is left alone, and its vector is not stored: locking the rows makes an erasure wait or
    be seen. Locked ones are skipped, not waited for; they are read again in the next batch.
    """
    query = sa.select(col(table.id), col(table.text_hash)).where(col(table.id).in_(list(read)))
    locked = await session.execute(query.order_by(col(table.id)).with_for_update(skip_locked=True))
    still = {row.id: row.text_hash for row in locked if read[row.id] == row.text_hash}
    wanted = set(still.values())
    rows = [
        {"text_hash": text_hash, "model": model or encoder, "values": HalfVector(values)}
        for text_hash, values in vectors
        if text_hash in wanted
    ]
    if rows:
        await session.execute(insert(Vector).on_conflict_do_nothing(), rows)
    if still and mark:
        done = sa.update(table).where(col(table.id).in_(list(still))).values(encoded_with=encoder)
        await session.execute(done)
    return len(still)


@dataclass(frozen=True)
class Change:
    """Where an organisation stands: its change number, its statements, how many of them are read."""

    number: int
    statements: int
    read: int


async def oldest_open(session: AsyncSession) -> int:
    """Return the transaction before which all have ended: what is not seen yet is written by it or by later ones, and
    carries their numbers in ``changed_in``, in whatever order they commit.
    """
    oldest = sa.text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
    return int(await session.scalar(oldest) or 0)


async def changes_since(session: AsyncSession, transaction: int) -> dict[UUID, Change]:
    """Return where the organisations stand that were changed in this transaction or later, and perhaps some more."""
    query = sa.text(
        "SELECT o.id, o.change_sequence, count(s.id), count(s.encoded_with) FROM organisation o"
        " LEFT JOIN statement s ON s.organisation_id = o.id WHERE o.id IN ("
        "SELECT id FROM organisation WHERE changed_in >= CAST(CAST(:since AS text) AS xid8)"
        " UNION SELECT organisation_id FROM statement WHERE changed_in >= CAST(CAST(:since AS text) AS xid8))"
        " GROUP BY o.id"
    )
    return {row[0]: Change(*row[1:]) for row in await session.execute(query, {"since": str(transaction)})}


async def all_changes(session: AsyncSession) -> dict[UUID, Change]:
    """Return where every organisation stands."""
    query = sa.text(
        "SELECT o.id, o.change_sequence, coalesce(s.said, 0), coalesce(s.read, 0) FROM organisation o LEFT JOIN"
        " (SELECT organisation_id, count(*) AS said, count(encoded_with) AS read FROM statement"
        " GROUP BY organisation_id) s ON s.organisation_id = o.id"
    )
    return {row[0]: Change(*row[1:]) for row in (await session.execute(query)).all()}


async def organisation(session: AsyncSession, organisation_id: UUID) -> Organisation | None:
    """Return one projection, ``None`` if profiles never told of it."""
    return await session.get(Organisation, organisation_id)


async def statements_of(session: AsyncSession, ids: Collection[UUID]) -> Sequence[Statement]:
    """Return the statements of these organisations, ordered by id."""
    query = sa.select(Statement).where(col(Statement.organisation_id) == _any(ids)).order_by(col(Statement.id))
    return (await session.scalars(query)).all()


async def vectors_of(session: AsyncSession, model: str, ids: Collection[UUID]) -> dict[bytes, npt.NDArray[np.float16]]:
    """Return the stored vectors of these organisations' statements by text hash."""
    hashes = sa.select(col(Statement.text_hash)).where(col(Statement.organisation_id) == _any(ids))
    return await read_vectors(session, model, hashes)


async def read_vectors(
    session: AsyncSession, model: str, hashes: sa.Select[Any]
) -> dict[bytes, npt.NDArray[np.float16]]:
    """Return the vectors of the texts that a query names by their hashes."""
    # The binary form of halfvec (two 16-bit numbers, then big-endian halves) is read 50 times as fast as its text.
    binary = sa.func.halfvec_send(col(Vector.values), type_=sa.LargeBinary)
    query = sa.select(col(Vector.text_hash), binary).where(
        col(Vector.model) == model, col(Vector.text_hash).in_(hashes)
    )
    found = await session.execute(query)
    return {row[0]: np.frombuffer(row[1], ">f2", offset=4).astype(np.float16) for row in found}


async def members_of(session: AsyncSession, clusters: Collection[UUID]) -> Sequence[Organisation]:
    """Return the active members of these clusters, and the clusters themselves, ordered by id."""
    belongs = sa.or_(
        col(Organisation.clusters).op("&&")(sa.cast(list(clusters), ARRAY(sa.Uuid))), col(Organisation.id).in_(clusters)
    )
    query = sa.select(Organisation).where(belongs, col(Organisation.status) == OrganisationStatus.ACTIVE)
    return (await session.scalars(query.order_by(col(Organisation.id)))).all()


async def names_of(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, tuple[str, str]]:
    """Return name and country by id."""
    query = sa.select(col(Organisation.id), col(Organisation.name), col(Organisation.country))
    return {row[0]: (row[1], row[2]) for row in await session.execute(query.where(col(Organisation.id).in_(ids)))}


async def languages_of(session: AsyncSession, ids: Collection[UUID]) -> set[str]:
    """Return the languages that any of these organisations lists."""
    query = sa.select(col(Organisation.languages)).where(col(Organisation.id) == _any(ids))
    return {each for languages in await session.scalars(query) for each in languages}


async def change_sequences(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, int]:
    """Return the change numbers of these organisations as they are now."""
    query = sa.select(col(Organisation.id), col(Organisation.change_sequence))
    query = query.where(col(Organisation.id) == _any(ids))
    return {row[0]: row[1] for row in await session.execute(query)}
