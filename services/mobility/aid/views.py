"""Small aid as it leaves the service: names beside ids, amounts with their currency."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.mobility.aid.granting import snapshot
from services.mobility.aid.headroom import Headroom, Level
from services.mobility.aid.rules import aid_rules
from services.mobility.ledger import CENT
from services.mobility.models import AidAward
from services.mobility.repository import aid as rows
from services.mobility.repository import organisations
from services.mobility.repository import programmes as programme_rows
from services.mobility.schemas.aid import AidOut, CeilingOut
from shared.contracts.money import Money


def money(amount: Decimal, currency: str) -> Money:
    """Return an amount in whole cents with its currency."""
    return Money(amount=amount.quantize(CENT), currency=currency)


def ceilings(room: Headroom) -> list[CeilingOut]:
    """Return each ceiling with how full it is."""
    return [_ceiling(each) for each in room.levels]


async def awards(session: AsyncSession, found: Sequence[AidAward], today: date) -> list[AidOut]:
    """Return awards as the API shows them, with four queries however many they are."""
    nets = await rows.nets(session, (each.award_id for each in found))
    granted = await rows.granted(session, (each.award_id for each in found))
    names = await organisations.names(session, _parties(found))
    programmes = await programme_rows.by_ids(session, (each.programme_id for each in found))
    return [
        _out(each, nets[each.award_id], granted[each.award_id], names, programmes[each.programme_id].name, today)
        for each in found
    ]


def _ceiling(level: Level) -> CeilingOut:
    rule = level.ceiling
    return CeilingOut(
        regulation=rule.regulation,
        ceiling=money(rule.amount, rule.currency),
        since=level.since,
        used=money(level.used, rule.currency),
        headroom=money(level.left, rule.currency),
        source=rule.source,
    )


def _parties(found: Iterable[AidAward]) -> set[UUID]:
    return {organisation for each in found for organisation in (each.beneficiary_id, each.funder_id)}


def _out(
    award: AidAward, net: rows.Net, granted: Decimal, names: dict[UUID, str], programme_name: str, today: date
) -> AidOut:
    told = award.reported_amount
    due = award.due_on is not None and net.amount != (told or 0)
    return AidOut(
        **snapshot(award, net.amount).model_dump(),
        names={"beneficiary": names.get(award.beneficiary_id, ""), "funder": names.get(award.funder_id, "")},
        programme_name=programme_name,
        legal_basis=_legal_basis(award),
        granted=money(granted, award.currency),
        counted=money(net.counted, award.ceiling_currency),
        reported=money(told, award.currency) if told is not None else None,
        register_reference=award.register_reference,
        overdue=due and award.due_on is not None and award.due_on < today,
    )


def _legal_basis(award: AidAward) -> str:
    """Return the law under which it was granted, to be named to the beneficiary and in the register."""
    ceilings = aid_rules().binding(award.country, award.regulation, award.granted_on)
    return next((each.source for each in ceilings if each.regulation is award.regulation), "")
