"""Moving a programme's money: lock, check, append, and tell the others what is left."""

from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.mobility import ledger
from services.mobility.aid import granting
from services.mobility.ledger import ZERO, Balances, Occasion
from services.mobility.models import LedgerEntry, Programme, Voucher
from services.mobility.repository import ledger as entries
from services.mobility.repository import programmes as rows
from shared.clock import now
from shared.contracts.mobility import PROGRAMME_CHANGED, ProgrammeSnapshot
from shared.contracts.money import Money
from shared.database import next_version
from shared.ids import new_id
from shared.messaging import publish
from shared.problems import conflict


async def move_for_voucher(
    session: AsyncSession, voucher: Voucher, occasion: Occasion, amount: Decimal, made_by: UUID | None
) -> None:
    """Move money on behalf of a voucher and publish the programme with what is left.

    State aid goes with the money (:mod:`services.mobility.aid.granting`). Then the programme's row is locked: call it
    last, so that others wait as short as possible.
    Raises 409 ``budget-available`` when the budget does not suffice, and as :func:`granting.award` does.
    """
    await granting.follow(session, voucher, occasion, amount, made_by)
    programme = await rows.lock(session, voucher.programme_id)
    await _move(session, programme, occasion, amount, made_by, voucher.voucher_id)
    version = await next_version(session, programme.version)
    changed = await rows.change(session, programme.programme_id, version, changed_at=now())
    await publish_programme(session, changed)


async def set_budget(session: AsyncSession, programme: Programme, change: Decimal, made_by: UUID) -> None:
    """Raise or lower the budget of a locked programme by ``change``; 409 if what is lowered is taken already."""
    occasion = Occasion.BUDGETED if change > 0 else Occasion.BUDGET_LOWERED
    await _move(session, programme, occasion, abs(change), made_by)


async def publish_programme(session: AsyncSession, programme: Programme) -> None:
    """Publish the snapshot of a programme whose version was just raised."""
    found = (await entries.balances(session, [programme.programme_id]))[programme.programme_id]
    await publish(session, PROGRAMME_CHANGED, snapshot(programme, found))


def snapshot(programme: Programme, found: Balances) -> ProgrammeSnapshot:
    """Return a programme's event body; what is available is derived from the ledger."""
    stored = {n: getattr(programme, n) for n in ProgrammeSnapshot.model_fields if n in Programme.model_fields}
    return ProgrammeSnapshot(
        **stored,
        version=programme.version,
        budget=Money(amount=found.budget, currency=programme.currency),
        available=Money(amount=found.available, currency=programme.currency),
    )


async def _move(
    session: AsyncSession,
    programme: Programme,
    occasion: Occasion,
    amount: Decimal,
    made_by: UUID | None,
    voucher_id: UUID | None = None,
) -> None:
    found = (await entries.balances(session, [programme.programme_id]))[programme.programme_id]
    reserved = await entries.reserved_for(session, voucher_id) if voucher_id else ZERO
    try:
        ledger.check(occasion, amount, found.available, reserved)
        movement = ledger.lines(occasion, amount)
    except ledger.LedgerRefusalError as error:
        raise conflict(error.rule, error.detail, available=str(found.available)) from error
    movement_id = new_id()
    made_at = now()
    await entries.append(
        session,
        (
            LedgerEntry(
                movement_id=movement_id,
                programme_id=programme.programme_id,
                voucher_id=voucher_id,
                account=account,
                amount=signed,
                currency=programme.currency,
                occasion=occasion,
                made_by=made_by,
                made_at=made_at,
            )
            for account, signed in movement
        ),
    )
