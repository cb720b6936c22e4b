"""Use cases of programmes: create, change the terms, list."""

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from services.mobility import budgets
from services.mobility.aid.settling import settle
from services.mobility.books import money
from services.mobility.models import Programme, Terms
from services.mobility.programme_rules import Rules
from services.mobility.repository import ledger as entries
from services.mobility.repository import organisations as organisation_rows
from services.mobility.repository import programmes as rows
from services.mobility.schemas import ProgrammeIn, ProgrammeOut
from services.mobility.scopes import person_of
from shared.audit import audit
from shared.auth import Principal, RoleName
from shared.clock import now
from shared.contracts import Version
from shared.database import next_version
from shared.http import check_version
from shared.ids import new_id
from shared.problems import forbidden, not_found, unprocessable


async def create(session: AsyncSession, caller: Principal, body: ProgrammeIn) -> ProgrammeOut:
    """Create a programme of one's own funder, with its first terms and its budget as the ledger's first movement."""
    require_administrator(caller, body.funder_id)
    person = person_of(caller)
    if not await organisation_rows.known(session, [body.funder_id]):
        raise unprocessable("known-organisation", f"funder_id: no organisation {body.funder_id} is known here.")
    version = await next_version(session, None)
    programme = Programme(
        programme_id=new_id(),
        funder_id=body.funder_id,
        kind=body.kind,
        currency=body.budget.currency,
        **_editable(body, version),
        **await settle(session, body.funder_id, body.budget.currency, body.state_aid, body.granting_country),
        version_epoch=version.epoch,
        version_n=version.n,
    )
    await rows.add(session, programme)
    await rows.add_terms(session, _terms(programme, body, person))
    await budgets.set_budget(session, programme, body.budget.amount, person)
    await budgets.publish_programme(session, programme)
    await audit(session, caller, "programme.create", body.funder_id, programme.programme_id)
    return await _view(session, programme)


async def change(
    session: AsyncSession, caller: Principal, programme_id: UUID, expected: Version, body: ProgrammeIn
) -> ProgrammeOut:
    """Give a programme new terms. Claims made before keep the terms of their day.

    ``expected`` is the version of the terms that the caller has read; money that moved meanwhile does not matter.
    """
    if await rows.get(session, programme_id) is None:
        raise not_found("programme", programme_id)
    programme = await rows.lock(session, programme_id)
    require_administrator(caller, programme.funder_id)
    person = person_of(caller)
    check_version(expected, programme.terms_version)
    for name, stays, given in (
        ("funder_id", programme.funder_id, body.funder_id),
        ("kind", programme.kind, body.kind),
        ("currency", programme.currency, body.budget.currency),
    ):
        if stays != given:
            raise unprocessable("fixed-from-the-start", f"{name} of a programme stays {stays}.")
    before = (await entries.balances(session, [programme_id]))[programme_id].budget
    version = await next_version(session, programme.version)
    aid = await settle(session, body.funder_id, body.budget.currency, body.state_aid, body.granting_country, programme)
    programme = await rows.change(session, programme_id, version, **_editable(body, version), **aid)
    await rows.add_terms(session, _terms(programme, body, person))
    if body.budget.amount != before:
        await budgets.set_budget(session, programme, body.budget.amount - before, person)
    await budgets.publish_programme(session, programme)
    await audit(session, caller, "programme.change", programme.funder_id, programme_id, {"terms": str(version)})
    return await _view(session, programme)


async def read(session: AsyncSession, programme_id: UUID) -> ProgrammeOut:
    """Return one programme."""
    programme = await rows.get(session, programme_id)
    if programme is None:
        raise not_found("programme", programme_id)
    return await _view(session, programme)


async def page(
    session: AsyncSession, limit: int, cursor: UUID | None, *, funder_id: UUID | None, only_open: bool
) -> tuple[list[ProgrammeOut], UUID | None]:
    """Return programmes, newest first."""
    open_at = now() if only_open else None
    found, following = await rows.page(session, limit, cursor, funder_id=funder_id, open_at=open_at)
    return await _views(session, found), following


def require_administrator(caller: Principal, funder_id: UUID) -> None:
    """Raise 403 unless the caller is a voucher administrator of that funder."""
    if funder_id not in caller.organisations(RoleName.VOUCHER_ADMINISTRATOR):
        raise forbidden("Only a voucher administrator of this funder may do this.")


def local_moment(programme: Programme) -> datetime:
    """Return the present moment in the funder's time zone: deadlines are judged there."""
    return now().astimezone(ZoneInfo(programme.time_zone))


def rules(terms: Terms) -> Rules:
    """Return stored terms as rules."""
    return Rules.model_validate({"rules": terms.rules})


def _editable(body: ProgrammeIn, version: Version) -> dict[str, Any]:
    """The columns that new terms may change."""
    return {
        "name": body.name,
        "opens_on": body.opens_on,
        "closes_on": body.closes_on,
        "time_zone": body.time_zone,
        "terms_epoch": version.epoch,
        "terms_n": version.n,
        "changed_at": now(),
    }


def _terms(programme: Programme, body: ProgrammeIn, person: UUID) -> Terms:
    return Terms(
        programme_id=programme.programme_id,
        epoch=programme.terms_epoch,
        n=programme.terms_n,
        name=body.name,
        budget=body.budget.amount,
        opens_on=body.opens_on,
        closes_on=body.closes_on,
        rules=[rule.model_dump(mode="json") for rule in body.rules],
        made_by=person,
        made_at=now(),
    )


async def _view(session: AsyncSession, programme: Programme) -> ProgrammeOut:
    return (await _views(session, [programme]))[0]


async def _views(session: AsyncSession, programmes: list[Programme]) -> list[ProgrammeOut]:
    terms = await rows.current_terms(session, programmes)
    found = await entries.balances(session, (each.programme_id for each in programmes))
    names = await organisation_rows.names(session, (each.funder_id for each in programmes))
    return [
        ProgrammeOut(
            **budgets.snapshot(each, found[each.programme_id]).model_dump(),
            funder_name=names.get(each.funder_id, ""),
            time_zone=each.time_zone,
            terms_version=str(each.terms_version),
            rules=terms[each.programme_id].rules,
            balances=money(found[each.programme_id], each.currency),
        )
        for each in programmes
    ]
