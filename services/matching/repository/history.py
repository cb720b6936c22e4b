"""SQL for what matching remembers: encoders and rankers by version, scorings, profile versions, outcomes, ties."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.matching.models import EncoderRow, Outcome, ProfileVersion, RankerRow, Scoring, Vector
from services.matching.ranking.network import Tie

TIES = ("connected", "visited", "paid")
"""Outcomes that begin a tie of the network; an answer alone does not."""


async def encoder_constants(session: AsyncSession, version: str) -> dict[str, Any] | None:
    """Return the constants of an encoder, ``None`` if it was never used here."""
    return await session.scalar(sa.select(col(EncoderRow.constants)).where(col(EncoderRow.version) == version))


async def ranker_in_state(session: AsyncSession, state: str) -> RankerRow | None:
    """Return the active or the shadow ranker."""
    return (await session.scalars(sa.select(RankerRow).where(col(RankerRow.state) == state))).one_or_none()


async def ranker(session: AsyncSession, version: str) -> RankerRow | None:
    """Return a ranker of any state."""
    return await session.get(RankerRow, version)


async def add_ranker(session: AsyncSession, values: Mapping[str, Any]) -> bool:
    """Store a ranker unless its version, or another one in its state, is there; returns whether it was stored."""
    statement = insert(RankerRow).values(dict(values)).on_conflict_do_nothing()
    return bool((await session.execute(statement.returning(col(RankerRow.version)))).scalar())


async def set_ranker_state(session: AsyncSession, version: str, state: str, report: Mapping[str, Any]) -> None:
    """Move a ranker to another state, with the report that says why."""
    change = sa.update(RankerRow).where(col(RankerRow.version) == version)
    await session.execute(change.values(state=state, report=dict(report)))


async def one_at_a_time(session: AsyncSession) -> None:
    """Let rounds that write and erasures come one after the other, until the transaction ends.

    An erasure in the middle of a round would not see what the round is about to keep of the erased organisation.
    """
    await session.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('matching.history'))"))


async def keep_profiles(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep profile versions that a scoring has used.

    Of a known one more statements may have been read by now; one that was kept before regions counted gets its region.
    """
    if not rows:
        return
    new = insert(ProfileVersion)
    more = sa.func.cardinality(new.excluded.text_hashes) > sa.func.cardinality(col(ProfileVersion.text_hashes))
    known, placed = col(ProfileVersion.facts), sa.func.jsonb_build_object("region", new.excluded.facts["region"])
    update = {
        "facts": sa.case((more, new.excluded.facts), else_=known.op("||")(placed)),
        "text_hashes": sa.case((more, new.excluded.text_hashes), else_=col(ProfileVersion.text_hashes)),
    }
    changed = sa.or_(more, sa.not_(known.op("?", return_type=sa.Boolean())("region")))
    keep = new.on_conflict_do_update(index_elements=["organisation_id", "version"], set_=update, where=changed)
    await session.execute(keep, [dict(each) for each in rows])


async def profile_versions(session: AsyncSession, versions: Mapping[UUID, str]) -> dict[UUID, ProfileVersion]:
    """Return these versions of these organisations' profiles, as far as they are kept."""
    keys = sa.tuple_(col(ProfileVersion.organisation_id), col(ProfileVersion.version))
    query = sa.select(ProfileVersion).where(keys.in_(list(versions.items())))
    return {row.organisation_id: row for row in (await session.scalars(query)).all()}


async def add_scorings(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep what suggestions were scored with."""
    if rows:
        await session.execute(insert(Scoring).on_conflict_do_nothing(), [dict(each) for each in rows])


async def scoring(session: AsyncSession, suggestion_id: UUID, version: str | None) -> Scoring | None:
    """Return the scoring that a version (``epoch.n``) of a suggestion goes back to, or the newest one.

    An answer or a call gives a suggestion a new version, but its score is that of the version before.
    """
    query = sa.select(Scoring).where(col(Scoring.suggestion_id) == suggestion_id)
    found = sorted((await session.scalars(query)).all(), key=lambda row: _place(row.version))
    by_then = [row for row in found if version is None or _place(row.version) <= _place(version)]
    return by_then[-1] if by_then else None


def _place(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


async def scorings(session: AsyncSession) -> Sequence[Scoring]:
    """Return all scorings, oldest first."""
    return (await session.scalars(sa.select(Scoring).order_by(col(Scoring.at), col(Scoring.suggestion_id)))).all()


async def stored_vectors(
    session: AsyncSession, encoder: str, text_hashes: Collection[bytes]
) -> dict[bytes, npt.NDArray[np.float16]]:
    """Return fused vectors by text hash, as an encoder (perhaps one of before) has made them."""
    binary = sa.func.halfvec_send(col(Vector.values), type_=sa.LargeBinary)
    query = sa.select(col(Vector.text_hash), binary)
    query = query.where(col(Vector.model) == encoder, col(Vector.text_hash).in_(text_hashes))
    rows = await session.execute(query)
    return {row[0]: np.frombuffer(row[1], ">f2", offset=4).astype(np.float16) for row in rows}


async def add_outcome(session: AsyncSession, values: Mapping[str, Any]) -> None:
    """Note what came of a pair."""
    await session.execute(insert(Outcome).values(dict(values)))


async def outcomes(session: AsyncSession) -> Sequence[Outcome]:
    """Return all outcomes, oldest first."""
    return (await session.scalars(sa.select(Outcome).order_by(col(Outcome.at), col(Outcome.id)))).all()


async def pair_of_subject(session: AsyncSession, subject_id: UUID) -> tuple[UUID, UUID] | None:
    """Return the pair that an outcome about this visit concerned."""
    query = sa.select(col(Outcome.first_id), col(Outcome.second_id)).where(col(Outcome.subject_id) == subject_id)
    row = (await session.execute(query.limit(1))).one_or_none()
    return None if row is None else (row[0], row[1])


async def ties(session: AsyncSession) -> list[Tie]:
    """Return the dated ties between organisations: connections, completed visits, paid vouchers."""
    query = sa.select(col(Outcome.at), col(Outcome.first_id), col(Outcome.second_id)).where(col(Outcome.kind).in_(TIES))
    return [Tie(row[0], row[1], row[2]) for row in await session.execute(query)]


async def newest_tie(session: AsyncSession) -> tuple[int, datetime | None]:
    """Return how many ties there are and when the newest began: whether the network must be read again."""
    query = sa.select(sa.func.count(), sa.func.max(col(Outcome.at))).where(col(Outcome.kind).in_(TIES))
    row = (await session.execute(query)).one()
    return int(row[0]), row[1]


async def forget_organisation(session: AsyncSession, organisation_id: UUID) -> set[bytes]:
    """Delete an erased organisation's profile versions, and what its pairs' scorings and outcomes tell of it.

    Returns the texts that the profile versions said.
    """
    versions = sa.delete(ProfileVersion).where(col(ProfileVersion.organisation_id) == organisation_id)
    said = (await session.scalars(versions.returning(col(ProfileVersion.text_hashes)))).all()
    partners: set[UUID] = set()
    for table in (Scoring, Outcome):
        sides = sa.or_(col(table.first_id) == organisation_id, col(table.second_id) == organisation_id)
        gone = await session.execute(sa.delete(table).where(sides).returning(col(table.first_id), col(table.second_id)))
        partners |= {side for row in gone for side in row}
    # What partners said in a pair with it can't be replayed either: nothing is kept that nothing needs.
    theirs = col(ProfileVersion.organisation_id) == sa.any_(sa.cast(list(partners), ARRAY(sa.Uuid)))
    unused = sa.delete(ProfileVersion).where(theirs, sa.not_(scored_with())).returning(col(ProfileVersion.text_hashes))
    said = [*said, *(await session.scalars(unused)).all()]
    return {each for hashes in said for each in hashes}


def scored_with() -> sa.ColumnElement[bool]:
    """Return the condition that a scoring was made with a profile version: its replay needs it."""
    return sa.exists().where(
        sa.or_(
            col(Scoring.first_id) == col(ProfileVersion.organisation_id),
            col(Scoring.second_id) == col(ProfileVersion.organisation_id),
        ),
        col(Scoring.profiles)[sa.cast(col(ProfileVersion.organisation_id), sa.Text)].astext
        == col(ProfileVersion.version),
    )
