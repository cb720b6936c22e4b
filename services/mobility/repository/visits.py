"""Visits and their signatures."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.mobility.models import Signature, Visit, Voucher
from services.mobility.repository.pages import newest_first
from services.mobility.scopes import Scope
from services.mobility.visit_states import LIVE
from shared.contracts import Version
from shared.contracts.mobility import Party, VisitKind, VisitState

PARTY_COLUMNS = {
    Party.VISITOR: col(Visit.visitor_id),
    Party.VISITOR_HUB: col(Visit.visitor_hub_id),
    Party.HOST: col(Visit.host_id),
    Party.HOST_HUB: col(Visit.host_hub_id),
}


def _visible(scope: Scope) -> sa.ColumnElement[bool]:
    """The visits a caller may see: as a party, as the visiting person, or as the funder of a voucher for it."""
    if scope.everything:
        return sa.true()
    funded = sa.exists().where(col(Voucher.visit_id) == col(Visit.visit_id), col(Voucher.funder_id).in_(scope.funders))
    return sa.or_(
        *(column.in_(scope.parties) for column in PARTY_COLUMNS.values()),
        col(Visit.visitor_person_id) == scope.person_id,
        funded,
    )


def _unsigned(party: Party) -> sa.ColumnElement[bool]:
    signed = sa.exists().where(col(Signature.visit_id) == col(Visit.visit_id), col(Signature.party) == party)
    return sa.and_(col(Visit.state) == VisitState.REQUESTED, ~signed)


async def add(session: AsyncSession, visit: Visit) -> None:
    """Insert; raises ``IntegrityError`` (constraint ``visit_one_at_a_time``) when the person is away already."""
    session.add(visit)
    await session.flush()


async def get(session: AsyncSession, visit_id: UUID, scope: Scope) -> Visit | None:
    """Return a visit that the caller may see."""
    return (
        await session.scalars(sa.select(Visit).where(col(Visit.visit_id) == visit_id, _visible(scope)))
    ).one_or_none()


async def lock(session: AsyncSession, visit_id: UUID, scope: Scope, *, share: bool = False) -> Visit | None:
    """Return a visit that the caller may see, locked; ``share`` only keeps others from changing it."""
    statement = sa.select(Visit).where(col(Visit.visit_id) == visit_id, _visible(scope)).with_for_update(read=share)
    return (await session.scalars(statement, execution_options={"populate_existing": True})).one_or_none()


async def change(
    session: AsyncSession, visit: Visit, old: VisitState, new: VisitState, version: Version, **values: Any
) -> bool:
    """Move a visit from ``old`` to ``new``; ``False`` if it is in ``old`` no more."""
    statement = (
        sa.update(Visit)
        .where(col(Visit.visit_id) == visit.visit_id, col(Visit.state) == old)
        .values(state=new, version_epoch=version.epoch, version_n=version.n, **values)
        .returning(Visit)
    )
    changed = await session.scalars(statement, execution_options={"populate_existing": True})
    return changed.one_or_none() is not None


async def page(
    session: AsyncSession,
    scope: Scope,
    limit: int,
    cursor: UUID | None,
    *,
    organisation_id: UUID | None = None,
    state: VisitState | None = None,
    waiting_for: UUID | Party | None = None,
) -> tuple[list[Visit], UUID | None]:
    """Return visits, newest first. ``waiting_for``: an organisation, or a party for which the caller can sign."""
    statement = sa.select(Visit).where(_visible(scope))
    if organisation_id:
        statement = statement.where(sa.or_(*(column == organisation_id for column in PARTY_COLUMNS.values())))
    if state:
        statement = statement.where(col(Visit.state) == state)
    if isinstance(waiting_for, Party):
        mine = sa.true() if scope.everything else PARTY_COLUMNS[waiting_for].in_(scope.parties)
        statement = statement.where(_unsigned(waiting_for), mine)
    elif waiting_for:
        waiting = (sa.and_(_unsigned(party), column == waiting_for) for party, column in PARTY_COLUMNS.items())
        statement = statement.where(sa.or_(*waiting))
    return await newest_first(session, statement, Visit.visit_id, limit, cursor)


async def live_visits_of(session: AsyncSession, person_id: UUID, kind: VisitKind) -> int:
    """Count the person's visits of that kind that were neither refused nor cancelled."""
    statement = sa.select(sa.func.count()).where(
        col(Visit.visitor_person_id) == person_id, col(Visit.kind) == kind, col(Visit.state).in_(LIVE)
    )
    return int(await session.scalar(statement) or 0)


async def sign(session: AsyncSession, signature: Signature) -> None:
    """Insert one party's decision; a party decides once (primary key)."""
    session.add(signature)
    await session.flush()


async def signatures(session: AsyncSession, visit_ids: Iterable[UUID]) -> dict[UUID, list[Signature]]:
    """Return the decisions on each visit."""
    found: dict[UUID, list[Signature]] = defaultdict(list)
    for each in await session.scalars(sa.select(Signature).where(col(Signature.visit_id).in_(set(visit_ids)))):
        found[each.visit_id].append(each)
    return found
