"""Use cases that only read: headroom before an award, and the data of a statement letter."""

from datetime import date, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.mobility.aid import granting, views
from services.mobility.aid.declaring import items_of
from services.mobility.aid.headroom import earliest
from services.mobility.aid.rules import aid_rules
from services.mobility.repository import aid as rows
from services.mobility.repository import organisations
from services.mobility.repository.aid import Undertaking
from services.mobility.schemas.aid import DeclarationDutyOut, HeadroomOut, StatementCountry, StatementOut
from services.mobility.scopes import PARTY_ROLES, scope_of
from shared.auth import Principal
from shared.clock import today
from shared.contracts.mobility import StateAid
from shared.problems import forbidden, not_found

KINDS = (StateAid.DE_MINIMIS, StateAid.SGEI, StateAid.AGRICULTURE)


async def headroom(
    session: AsyncSession, caller: Principal, organisation_id: UUID, country: str, regulation: StateAid, on: date | None
) -> HeadroomOut:
    """Return what the organisation's undertaking may still be granted on a day, today (UTC) unless one is named."""
    await require_reader(session, caller, organisation_id)
    day = on or today()
    whose = await rows.undertaking(session, organisation_id)
    room = await granting.headroom(session, organisation_id, country, regulation, day)
    names = await _names(session, whose)
    return HeadroomOut(
        organisation_id=organisation_id,
        name=names[organisation_id],
        undertaking=names,
        country=country,
        regulation=regulation,
        on=day,
        ceilings=views.ceilings(room),
        headroom=views.money(room.left, room.currency) if room.left is not None and room.currency else None,
        declaration=await _duty(session, organisation_id, country, regulation, day),
    )


async def statement(session: AsyncSession, caller: Principal, organisation_id: UUID, on: date | None) -> StatementOut:
    """Return all small aid of the organisation's undertaking that counts on a day, by granting country.

    Its own people are told the sum of all linked firms but read only what it got itself: whoever says that she belongs
    to a group must not read its papers.
    """
    all_of_it = await require_reader(session, caller, organisation_id)
    day = on or today()
    whose = await rows.undertaking(session, organisation_id)
    names = await _names(session, whose)
    if not all_of_it:
        whose = Undertaking(frozenset({organisation_id}))
    awards = await views.awards(session, await rows.granted_to(session, whose), today())
    declared = await rows.declarations(session, whose)
    countries = []
    for country in sorted({*(each.country for each in awards), *(each.country for each in declared)}):
        since = earliest(aid_rules(), country, day)
        rooms = [await granting.headroom(session, organisation_id, country, kind, day) for kind in KINDS]
        levels = {each.source: each for room in rooms for each in views.ceilings(room)}
        countries.append(
            StatementCountry(
                country=country,
                ceilings=list(levels.values()),
                awards=[each for each in awards if each.country == country and since <= each.granted_on <= day],
                declared=[
                    item
                    for each in declared
                    if each.country == country
                    for item in items_of(each)
                    if since <= item.granted_on <= day
                ],
            )
        )
    return StatementOut(
        organisation_id=organisation_id, name=names[organisation_id], undertaking=names, on=day, countries=countries
    )


async def require_reader(session: AsyncSession, caller: Principal, organisation_id: UUID) -> bool:
    """Raise unless the caller may see an organisation's aid: its own people, and the funders on whom it has a claim.

    Operators and auditors of no organisation in particular see everything. 403 without such a role, 404 for an unknown
    organisation. Returns whether the caller may also read what linked firms got: its own people may not.
    """
    scope = scope_of(caller)
    all_of_it = scope.everything or await rows.funds(session, scope.funders, organisation_id)
    if not (all_of_it or organisation_id in caller.organisations(*PARTY_ROLES)):
        raise forbidden("Only the organisation itself and funders on whom it has a claim may see its state aid.")
    if not await organisations.known(session, [organisation_id]):
        raise not_found("organisation", organisation_id)
    return all_of_it


async def _duty(
    session: AsyncSession, organisation_id: UUID, country: str, regulation: StateAid, on: date
) -> DeclarationDutyOut:
    duty = aid_rules().declaration_duty(country, regulation, on)
    last = await rows.last_declaration(session, organisation_id, country)
    until = last.declared_on + timedelta(days=duty.good_for_days) if duty and last else None
    return DeclarationDutyOut(
        needed=duty is not None and (until is None or until < on),
        declared_on=last.declared_on if last else None,
        good_until=until,
        source=duty.source if duty else None,
    )


async def _names(session: AsyncSession, whose: Undertaking) -> dict[UUID, str]:
    known = await organisations.names(session, whose.members)
    return {each: known.get(each, "") for each in sorted(whose.members)}
