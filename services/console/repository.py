"""All SQL of the console."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from services.console.models import (
    BrowserSession,
    OrganisationName,
    ProgrammeGist,
    RateCount,
    SignInToken,
    SuggestionGist,
    VisitGist,
)
from shared.contracts.matching import SuggestionState
from shared.contracts.mobility import VisitState
from shared.contracts.profiles import OrganisationKind, OrganisationStatus

NAMES_AT_ONCE = 500


async def add_session(session: AsyncSession, row: BrowserSession) -> None:
    """Remember a signed-in browser."""
    session.add(row)
    await session.flush()


async def live_session(session: AsyncSession, id_hash: str, moment: datetime) -> BrowserSession | None:
    """Return the session of that cookie unless it is revoked or over."""
    found: BrowserSession | None = await session.scalar(
        select(BrowserSession).where(
            col(BrowserSession.id_hash) == id_hash,
            col(BrowserSession.revoked_at).is_(None),
            col(BrowserSession.expires_at) > moment,
        )
    )
    return found


async def revoke_session(session: AsyncSession, id_hash: str, moment: datetime) -> None:
    """End one session."""
    await session.execute(
        sa.update(BrowserSession)
        .where(col(BrowserSession.id_hash) == id_hash, col(BrowserSession.revoked_at).is_(None))
        .values(revoked_at=moment)
    )


async def forget_person(session: AsyncSession, person_id: UUID) -> None:
    """Delete a person's sessions and sign-in links (she was erased)."""
    await session.execute(sa.delete(BrowserSession).where(col(BrowserSession.person_id) == person_id))
    await session.execute(sa.delete(SignInToken).where(col(SignInToken.person_id) == person_id))


async def revoke_sessions_of(session: AsyncSession, person_id: UUID, moment: datetime) -> int:
    """End all sessions of a person; return how many there were."""
    ended = await session.execute(
        sa.update(BrowserSession)
        .where(
            col(BrowserSession.person_id) == person_id,
            col(BrowserSession.revoked_at).is_(None),
            col(BrowserSession.expires_at) > moment,
        )
        .values(revoked_at=moment)
        .returning(col(BrowserSession.id_hash))
    )
    return len(ended.all())


async def add_sign_in_token(session: AsyncSession, row: SignInToken) -> None:
    """Remember a sign-in link that is about to be mailed."""
    session.add(row)
    await session.flush()


async def usable_sign_in_token(session: AsyncSession, token_hash: str, moment: datetime) -> SignInToken | None:
    """Return the link if it could still be used; nothing changes."""
    found: SignInToken | None = await session.scalar(
        select(SignInToken).where(
            col(SignInToken.token_hash) == token_hash,
            col(SignInToken.used_at).is_(None),
            col(SignInToken.expires_at) > moment,
        )
    )
    return found


async def use_sign_in_token(session: AsyncSession, token_hash: str, moment: datetime) -> SignInToken | None:
    """Consume a link: one statement, so that of two clicks at once only one finds it unused."""
    found: SignInToken | None = await session.scalar(
        sa.update(SignInToken)
        .where(
            col(SignInToken.token_hash) == token_hash,
            col(SignInToken.used_at).is_(None),
            col(SignInToken.expires_at) > moment,
        )
        .values(used_at=moment)
        .returning(SignInToken)
    )
    return found


async def count(session: AsyncSession, key: str, window_start: datetime) -> int:
    """Count one more of ``key`` in the window and return how many there are now, over all replicas."""
    statement = insert(RateCount).values(key=key, window_start=window_start, seen=1)
    seen = await session.scalar(
        statement.on_conflict_do_update(
            index_elements=["key", "window_start"], set_={"seen": RateCount.seen + 1}
        ).returning(col(RateCount.seen))
    )
    return int(seen or 0)


async def purge(session: AsyncSession, moment: datetime, keep: timedelta) -> None:
    """Delete what ended longer than ``keep`` ago: sessions, sign-in links and counts."""
    before = moment - keep
    await session.execute(sa.delete(BrowserSession).where(col(BrowserSession.expires_at) < before))
    await session.execute(sa.delete(SignInToken).where(col(SignInToken.expires_at) < before))
    await session.execute(sa.delete(RateCount).where(col(RateCount.window_start) < before))


async def organisations(session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, OrganisationName]:
    """Return the known organisations among ``ids``."""
    wanted = list(dict.fromkeys(ids))[:NAMES_AT_ONCE]
    if not wanted:
        return {}
    rows = await session.scalars(select(OrganisationName).where(col(OrganisationName.id).in_(wanted)))
    return {row.id: row for row in rows}


async def members(session: AsyncSession, cluster_id: UUID, limit: int) -> list[OrganisationName]:
    """Return the active members of a cluster by name."""
    rows = await session.scalars(
        select(OrganisationName)
        .where(
            col(OrganisationName.clusters).contains([cluster_id]),
            col(OrganisationName.status) == OrganisationStatus.ACTIVE,
        )
        .order_by(col(OrganisationName.name))
        .limit(limit)
    )
    return list(rows)


async def clusters(session: AsyncSession, limit: int) -> list[OrganisationName]:
    """Return the active cluster organisations by name, also those without members."""
    rows = await session.scalars(
        select(OrganisationName)
        .where(
            col(OrganisationName.kind) == OrganisationKind.CLUSTER,
            col(OrganisationName.status) == OrganisationStatus.ACTIVE,
        )
        .order_by(col(OrganisationName.name))
        .limit(limit)
    )
    return list(rows)


async def member_counts(session: AsyncSession, limit: int) -> list[tuple[OrganisationName, int]]:
    """Return the active clusters that have members, with how many, by name."""
    members_of = (
        sa.select(sa.func.unnest(col(OrganisationName.clusters)).label("cluster_id"))
        .where(col(OrganisationName.status) == OrganisationStatus.ACTIVE)
        .subquery()
    )
    counted = (
        sa.select(members_of.c.cluster_id, sa.func.count().label("members"))
        .group_by(members_of.c.cluster_id)
        .subquery()
    )
    rows = await session.execute(
        sa.select(OrganisationName, counted.c.members)
        .join(counted, counted.c.cluster_id == col(OrganisationName.id))
        .where(
            col(OrganisationName.kind) == OrganisationKind.CLUSTER,
            col(OrganisationName.status) == OrganisationStatus.ACTIVE,
        )
        .order_by(col(OrganisationName.name))
        .limit(limit)
    )
    return [(row[0], int(row[1])) for row in rows]


async def suggestion(session: AsyncSession, suggestion_id: UUID) -> SuggestionGist | None:
    """Return the gist of a suggestion."""
    found: SuggestionGist | None = await session.get(SuggestionGist, suggestion_id)
    return found


async def connections(session: AsyncSession, organisation_ids: Iterable[UUID], limit: int) -> list[SuggestionGist]:
    """Return the connections of these organisations, newest first (ids are UUIDv7)."""
    ours = list(organisation_ids)
    rows = await session.scalars(
        select(SuggestionGist)
        .where(
            col(SuggestionGist.state) == SuggestionState.CONNECTED,
            sa.or_(col(SuggestionGist.first_id).in_(ours), col(SuggestionGist.second_id).in_(ours)),
        )
        .order_by(col(SuggestionGist.id).desc())
        .limit(limit)
    )
    return list(rows)


async def programmes(
    session: AsyncSession, ids: Iterable[UUID] | None = None, limit: int = 100, open_on: date | None = None
) -> list[ProgrammeGist]:
    """Return programmes by name: those of ``ids``, or all.

    ``open_on``: only those open around that day; which day it is for the funder, only mobility knows.
    """
    statement = select(ProgrammeGist).order_by(col(ProgrammeGist.name)).limit(limit)
    if ids is not None:
        statement = statement.where(col(ProgrammeGist.id).in_(list(ids)))
    if open_on is not None:
        day = timedelta(days=1)
        statement = statement.where(
            col(ProgrammeGist.opens_on) <= open_on + day, col(ProgrammeGist.closes_on) >= open_on - day
        )
    return list(await session.scalars(statement))


async def visits(
    session: AsyncSession, organisation_ids: Iterable[UUID], states: Iterable[VisitState], limit: int = 100
) -> list[VisitGist]:
    """Return the visits that these organisations make, newest first."""
    rows = await session.scalars(
        select(VisitGist)
        .where(
            col(VisitGist.visitor_id).in_(list(organisation_ids)), col(VisitGist.state).in_([str(s) for s in states])
        )
        .order_by(col(VisitGist.starts_on).desc())
        .limit(limit)
    )
    return list(rows)


async def visits_by_id(session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, VisitGist]:
    """Return the known visits among ``ids``."""
    wanted = list(dict.fromkeys(ids))[:NAMES_AT_ONCE]
    rows = await session.scalars(select(VisitGist).where(col(VisitGist.id).in_(wanted)))
    return {row.id: row for row in rows}


async def forget_organisation(session: AsyncSession, organisation_id: UUID) -> None:
    """Delete what quotes an erased organisation; its own row stays as a nameless tombstone."""
    await session.execute(
        sa.delete(SuggestionGist).where(
            sa.or_(col(SuggestionGist.first_id) == organisation_id, col(SuggestionGist.second_id) == organisation_id)
        )
    )
