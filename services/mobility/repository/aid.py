"""Small state aid: the register's awards and lines, declarations, and who belongs to one undertaking."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.mobility.aid import undertakings
from services.mobility.aid.headroom import Counted
from services.mobility.ledger import ZERO, Account
from services.mobility.models import AidAward, AidDeclaration, AidLine, LedgerEntry, Organisation, Voucher
from services.mobility.repository.pages import newest_first
from services.mobility.scopes import Scope
from shared.contracts import Version
from shared.contracts.mobility import StateAid


@dataclass(frozen=True)
class Undertaking:
    """Firms that count as one. ``group`` is ``None`` for a firm on its own."""

    members: frozenset[UUID]
    group: str | None = None


@dataclass(frozen=True)
class Net:
    """What is left of an award: in its own currency, and as it counts under the ceiling."""

    amount: Decimal = ZERO
    counted: Decimal = ZERO


async def undertaking(session: AsyncSession, organisation_id: UUID) -> Undertaking:
    """Return the firms linked with one, itself among them."""
    group = await session.scalar(
        sa.select(col(Organisation.undertaking_group)).where(col(Organisation.organisation_id) == organisation_id)
    )
    if group is None:
        return Undertaking(frozenset({organisation_id}))
    linked = sa.select(col(Organisation.organisation_id)).where(col(Organisation.undertaking_group) == group)
    return Undertaking(frozenset({organisation_id, *await session.scalars(linked)}), group)


async def lock(session: AsyncSession, members: Iterable[UUID], country: str) -> None:
    """Wait until nobody else grants aid to any of these firms in that country, until the transaction ends."""
    statement = sa.text("SELECT pg_advisory_xact_lock(each) FROM unnest(CAST(:locks AS bigint[])) AS each")
    await session.execute(statement, {"locks": undertakings.locks(members, country)})


async def counted(session: AsyncSession, whose: Undertaking, country: str, since: date) -> list[Counted]:
    """Return what counts for an undertaking in one country: its awards, and the newest declaration of each member."""
    net = sa.func.sum(col(AidLine.counted))
    awards = (
        sa.select(col(AidAward.regulation), col(AidAward.granted_on), net)
        .join(AidLine, col(AidLine.award_id) == col(AidAward.award_id))
        .where(col(AidAward.country) == country, col(AidAward.granted_on) >= since, _of(AidAward, whose))
        .group_by(col(AidAward.award_id))
        .having(net > 0)
    )
    found = [Counted(StateAid(kind), day, amount) for kind, day, amount in await session.execute(awards)]
    for declaration in await declarations(session, whose, country):
        for item in declaration.items:
            day = date.fromisoformat(item["granted_on"])
            if day >= since:
                found.append(Counted(StateAid(item["regulation"]), day, Decimal(item["counted"]), declared=True))
    return found


async def declarations(session: AsyncSession, whose: Undertaking, country: str | None = None) -> list[AidDeclaration]:
    """Return the newest declaration of each member (for each country), oldest first."""
    keys = (col(AidDeclaration.organisation_id), col(AidDeclaration.country))
    statement = (
        sa.select(AidDeclaration)
        .where(_of(AidDeclaration, whose))
        .ext(distinct_on(*keys))
        .order_by(*keys, col(AidDeclaration.declaration_id).desc())
    )
    if country:
        statement = statement.where(col(AidDeclaration.country) == country)
    return sorted(await session.scalars(statement), key=lambda each: each.declaration_id)


async def last_declaration(session: AsyncSession, organisation_id: UUID, country: str) -> AidDeclaration | None:
    """Return the newest declaration that the organisation itself has signed for that country."""
    statement = (
        sa.select(AidDeclaration)
        .where(col(AidDeclaration.organisation_id) == organisation_id, col(AidDeclaration.country) == country)
        .order_by(col(AidDeclaration.declaration_id).desc())
        .limit(1)
    )
    return (await session.scalars(statement)).one_or_none()


async def declarations_page(
    session: AsyncSession, organisation_id: UUID, country: str | None, limit: int, cursor: UUID | None
) -> tuple[list[AidDeclaration], UUID | None]:
    """Return what an organisation has declared, newest first."""
    statement = sa.select(AidDeclaration).where(col(AidDeclaration.organisation_id) == organisation_id)
    if country:
        statement = statement.where(col(AidDeclaration.country) == country)
    return await newest_first(session, statement, AidDeclaration.declaration_id, limit, cursor)


async def add(session: AsyncSession, *rows: AidAward | AidLine | AidDeclaration) -> None:
    """Insert, each after those it refers to."""
    for row in rows:
        session.add(row)
        await session.flush()


async def lock_of_voucher(session: AsyncSession, voucher_id: UUID) -> AidAward | None:
    """Return the aid that a voucher granted, locked; ``None`` if it granted none."""
    statement = sa.select(AidAward).where(col(AidAward.voucher_id) == voucher_id).with_for_update()
    return (await session.scalars(statement, execution_options={"populate_existing": True})).one_or_none()


async def lock_awards(session: AsyncSession, award_ids: Iterable[UUID]) -> dict[UUID, AidAward]:
    """Return awards by id, locked in the order of their ids."""
    statement = (
        sa.select(AidAward)
        .where(col(AidAward.award_id).in_(set(award_ids)))
        .order_by(col(AidAward.award_id))
        .with_for_update()
    )
    found = await session.scalars(statement, execution_options={"populate_existing": True})
    return {each.award_id: each for each in found}


async def change(session: AsyncSession, award: AidAward, version: Version, **values: Any) -> None:
    """Write a locked award's new version."""
    statement = (
        sa.update(AidAward)
        .where(col(AidAward.award_id) == award.award_id)
        .values(version_epoch=version.epoch, version_n=version.n, **values)
        .returning(AidAward)
    )
    await session.scalars(statement, execution_options={"populate_existing": True})


async def nets(session: AsyncSession, award_ids: Iterable[UUID]) -> dict[UUID, Net]:
    """Return what is left of each award."""
    statement = (
        sa.select(col(AidLine.award_id), sa.func.sum(col(AidLine.amount)), sa.func.sum(col(AidLine.counted)))
        .where(col(AidLine.award_id).in_(set(award_ids)))
        .group_by(col(AidLine.award_id))
    )
    return {award_id: Net(amount, counting) for award_id, amount, counting in await session.execute(statement)}


async def granted(session: AsyncSession, award_ids: Iterable[UUID]) -> dict[UUID, Decimal]:
    """Return what was granted by each award, before anything was taken back."""
    lines = sa.select(col(AidLine.award_id), col(AidLine.amount))
    statement = lines.where(col(AidLine.award_id).in_(set(award_ids)), col(AidLine.amount) > 0)
    return dict(iter(await session.execute(statement)))


async def mismatches(session: AsyncSession, programme_id: UUID) -> list[str]:
    """Say where the register counts another amount for a voucher than the ledger holds reserved or paid for it."""
    held = (
        sa.select(sa.func.coalesce(sa.func.sum(col(LedgerEntry.amount)), 0))
        .where(
            col(LedgerEntry.voucher_id) == col(AidAward.voucher_id),
            col(LedgerEntry.account).in_((Account.RESERVED, Account.PAID)),
        )
        .scalar_subquery()
    )
    counting = (
        sa.select(sa.func.coalesce(sa.func.sum(col(AidLine.amount)), 0))
        .where(col(AidLine.award_id) == col(AidAward.award_id))
        .scalar_subquery()
    )
    statement = sa.select(col(AidAward.voucher_id), counting, held).where(
        col(AidAward.programme_id) == programme_id, counting != held
    )
    return [
        f"voucher {voucher_id}: {aid} of state aid in the register, {money} reserved or paid in the ledger"
        for voucher_id, aid, money in await session.execute(statement)
    ]


async def granted_to(session: AsyncSession, whose: Undertaking, since: date | None = None) -> list[AidAward]:
    """Return the awards of an undertaking, oldest first; ``since``: those granted on that day or later."""
    statement = sa.select(AidAward).where(_of(AidAward, whose))
    if since:
        statement = statement.where(col(AidAward.granted_on) >= since)
    return list(await session.scalars(statement.order_by(col(AidAward.granted_on), col(AidAward.award_id))))


async def register(
    session: AsyncSession, scope: Scope, funder_id: UUID | None, country: str | None, only_due: bool
) -> list[AidAward]:
    """Return the awards of the caller's funders, those first whose entry in the register is due first."""
    statement = _register(scope, funder_id, country, only_due)
    return list(await session.scalars(statement.order_by(col(AidAward.due_on), col(AidAward.award_id))))


async def queue(
    session: AsyncSession, scope: Scope, funder_id: UUID | None, limit: int, cursor: UUID | None
) -> tuple[list[AidAward], UUID | None]:
    """Return the awards that wait for the register, oldest first, and the cursor of the next page."""
    statement = _register(scope, funder_id, None, True)
    if cursor:
        statement = statement.where(col(AidAward.award_id) > cursor)
    found = list(await session.scalars(statement.order_by(col(AidAward.award_id)).limit(limit + 1)))
    return found[:limit], found[limit - 1].award_id if len(found) > limit else None


async def funds(session: AsyncSession, funders: Iterable[UUID], organisation_id: UUID) -> bool:
    """Whether the organisation has a claim on any of these funders."""
    claim = sa.exists().where(
        col(Voucher.beneficiary_id) == organisation_id, col(Voucher.funder_id).in_(frozenset(funders))
    )
    return bool(await session.scalar(sa.select(claim)))


def _register(scope: Scope, funder_id: UUID | None, country: str | None, only_due: bool) -> sa.Select[AidAward]:
    statement: sa.Select[Any] = sa.select(AidAward)
    if not scope.everything:
        statement = statement.where(col(AidAward.funder_id).in_(scope.funders))
    if funder_id:
        statement = statement.where(col(AidAward.funder_id) == funder_id)
    if country:
        statement = statement.where(col(AidAward.country) == country)
    if only_due:
        left = (
            sa.select(sa.func.sum(col(AidLine.amount)))
            .where(col(AidLine.award_id) == col(AidAward.award_id))
            .scalar_subquery()
        )
        differs = left != sa.func.coalesce(col(AidAward.reported_amount), 0)
        statement = statement.where(col(AidAward.due_on).is_not(None), differs)
    return statement


def _of(table: type[AidAward] | type[AidDeclaration], whose: Undertaking) -> sa.ColumnElement[bool]:
    """What belongs to an undertaking: its members' own, and what erased firms of its group left behind."""
    owner = col(AidAward.beneficiary_id) if table is AidAward else col(AidDeclaration.organisation_id)
    own = owner.in_(whose.members)
    if whose.group is None:
        return own
    erased = sa.select(col(Organisation.organisation_id)).where(col(Organisation.country) == "")
    return sa.or_(own, sa.and_(col(table.undertaking) == whose.group, owner.in_(erased)))
