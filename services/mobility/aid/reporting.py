"""Use cases of the reporting queue: what is due, the export for the country's register, and what it was told."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.mobility.aid import views
from services.mobility.aid.granting import snapshot
from services.mobility.models import AidAward
from services.mobility.programmes import require_administrator
from services.mobility.repository import aid as rows
from services.mobility.repository import organisations
from services.mobility.schemas.aid import AidOut, Reported
from services.mobility.scopes import Scope, person_of
from shared.audit import audit
from shared.auth import Principal
from shared.clock import now, today
from shared.contracts.mobility import AID_REPORTED
from shared.database import next_version
from shared.messaging import publish
from shared.problems import conflict, forbidden, not_found, unprocessable

COLUMNS = (
    "award_id",
    "beneficiary",
    "beneficiary_id",
    "beneficiary_country",
    "undertaking",
    "sectors",
    "authority",
    "country",
    "regulation",
    "legal_basis",
    "instrument",
    "measure",
    "granted_on",
    "granted",
    "amount",
    "currency",
    "counted",
    "counted_currency",
    "due_on",
    "reported_amount",
    "reported_at",
    "register_reference",
    "voucher_id",
)
"""The register's fields (Regulation (EU) 2023/2831, Article 6(1)): beneficiary, amount, day, authority, instrument,
sector by NACE; beside them what a clerk needs to find the award again."""

INSTRUMENT = "grant"
"""A voucher is a grant: its gross grant equivalent is its amount."""


async def queue(
    session: AsyncSession, scope: Scope, funder_id: UUID | None, limit: int, cursor: UUID | None
) -> tuple[list[AidOut], UUID | None]:
    """Return the awards that wait to be entered or corrected in a register, oldest first."""
    require_register_reader(scope)
    found, following = await rows.queue(session, scope, funder_id, limit, cursor)
    return await views.awards(session, found, today()), following


async def export(
    session: AsyncSession, scope: Scope, funder_id: UUID | None, country: str | None, only_due: bool
) -> list[dict[str, Any]]:
    """Return the register's fields of the caller's awards, one record for each, what is due first at the top."""
    require_register_reader(scope)
    found = await rows.register(session, scope, funder_id, country, only_due)
    shown = await views.awards(session, found, today())
    known = await organisations.known(session, (each.beneficiary_id for each in found))
    records = []
    for award, out in zip(found, shown, strict=True):
        firm = known.get(award.beneficiary_id)
        records.append(
            {
                **out.model_dump(mode="json", include=set(COLUMNS)),
                "beneficiary": out.names["beneficiary"],
                "beneficiary_country": firm.country if firm else "",
                "undertaking": award.undertaking or "",
                "sectors": " ".join(firm.sectors) if firm else "",
                "authority": out.names["funder"],
                "instrument": INSTRUMENT,
                "measure": out.programme_name,
                "granted": out.granted.amount,
                "amount": out.amount.amount,
                "currency": out.amount.currency,
                "counted": out.counted.amount,
                "counted_currency": out.counted.currency,
                "reported_amount": out.reported.amount if out.reported else None,
            }
        )
    return records


async def reported(session: AsyncSession, caller: Principal, body: Reported) -> list[AidOut]:
    """Record that awards were entered in the register, each with the amount that is left of it.

    Raises 404 for an award of nobody's, 403 for another funder's, 409 ``aid-not-due`` for what the register knows
    already, ``aid-amount-changed`` where another amount was entered than is left by now.
    """
    person = person_of(caller)
    entered = {each.award_id: each.amount for each in body.awards}
    if len(entered) != len(body.awards):
        raise unprocessable("awards-once", "An award is named twice.")
    found = await rows.lock_awards(session, entered)
    for award_id in entered:
        if award_id not in found:
            raise not_found("award", award_id)
        require_administrator(caller, found[award_id].funder_id)
    nets = await rows.nets(session, entered)
    for award_id, amount in entered.items():
        await _report(session, found[award_id], amount, nets[award_id].amount, person, body.reference)
    funder_id = next(iter(found.values())).funder_id
    detail = {"awards": {str(each): str(amount) for each, amount in entered.items()}, "reference": body.reference}
    await audit(session, caller, "state-aid.report", funder_id, None, detail)
    return await views.awards(session, [found[each] for each in entered], today())


async def _report(
    session: AsyncSession, award: AidAward, amount: Decimal, left: Decimal, person: UUID, reference: str
) -> None:
    if award.due_on is None or left == (award.reported_amount or 0):
        raise conflict("aid-not-due", f"The register waits for nothing of award {award.award_id}.")
    if amount != left:
        detail = (
            f"Of award {award.award_id} {left} {award.currency} is left by now, not {amount}; correct the register."
        )
        raise conflict("aid-amount-changed", detail, left=str(left))
    version = await next_version(session, award.version)
    values = {"reported_amount": left, "reported_at": now(), "reported_by": person, "register_reference": reference}
    await rows.change(session, award, version, changed_at=now(), **values)
    await publish(session, AID_REPORTED, snapshot(award, left))


def require_register_reader(scope: Scope) -> None:
    """Raise 403 for whoever manages and audits no funder's money."""
    if not (scope.everything or scope.funders):
        raise forbidden("Only funders' administrators and auditors may see a register.")
