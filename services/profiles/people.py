"""Use cases of people: contact cards, consents, adding a contact, export and erasure."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.profiles import access
from services.profiles.organisations import visible
from services.profiles.person import (
    HeldRole,
    Person,
    changed_person,
    erased_person,
    new_person,
    with_consent,
)
from services.profiles.repository import organisations, people
from services.profiles.schemas import ConsentOut, ContactIn, PersonExport, PersonIn
from services.profiles.storing import NOT_YET, store_people
from shared.audit import audit
from shared.auth import Principal, RoleName
from shared.clock import now
from shared.contracts import Version
from shared.contracts.profiles import OrganisationStatus
from shared.http import check_version
from shared.ids import new_id
from shared.problems import conflict, forbidden, not_found, unprocessable
from shared.reference import COUNTRIES

ANSWERING_SERVICES = frozenset({"console", "notifier"})
"""Services that pass on what a person decided by a link (for example to unsubscribe)."""


async def reach(session: AsyncSession, caller: Principal, organisation_ids: Collection[UUID]) -> set[UUID]:
    """Return those of the organisations whose people the caller may see: own ones, and members of own clusters."""
    own, hubs = caller.organisations(), access.own_clusters(caller)
    clusters = await organisations.clusters_of(session, organisation_ids) if hubs else {}
    return {each for each in organisation_ids if each in own or hubs & set(clusters.get(each, ()))}


async def active(session: AsyncSession, person_id: UUID, *, lock: bool = False) -> Person:
    """Return a person; 404 if there is none or she was erased."""
    person = (await people.load(session, [person_id], lock=lock)).get(person_id)
    if person is None or person.status != "active":
        raise not_found("person", person_id)
    return person


async def seen(
    session: AsyncSession, caller: Principal, person_id: UUID, *, lock: bool = False
) -> tuple[Person, set[UUID] | None]:
    """Return a person and the organisations for which the caller sees her roles (``None``: all of them)."""
    person = await active(session, person_id, lock=lock)
    if access.is_self(caller, person) or access.is_operator(caller) or caller.service in access.CARD_READERS:
        return person, None
    within = await reach(session, caller, person.organisation_ids)
    if not within:
        raise not_found("person", person_id)
    return person, within


async def change(
    session: AsyncSession, caller: Principal, person_id: UUID, body: PersonIn, expected: Version | None
) -> Person:
    """Change language, time zone or consent. Consent is hers alone (or passed on by a service, or an operator)."""
    stored, _ = await seen(session, caller, person_id, lock=True)
    if not (access.is_self(caller, stored) or access.is_operator(caller) or caller.service in ANSWERING_SERVICES):
        raise forbidden("Only she herself or an operator may change a person.")
    if expected:
        check_version(expected, stored.version)
    wanted = replace(stored, language=body.language or stored.language, time_zone=body.time_zone or stored.time_zone)
    by_herself = access.is_self(caller, stored) or caller.service in ANSWERING_SERVICES
    wanted = with_consent(wanted, body.consent, by_herself=by_herself)
    if wanted == stored:
        return stored
    [person] = await store_people(session, [(stored, wanted)])
    detail: dict[str, Any] = {"consent_given": body.consent.given} if body.consent else {}
    await audit(session, caller, "person-changed", None, person_id, detail)
    return person


async def add_contact(
    session: AsyncSession, caller: Principal, organisation_id: UUID, body: ContactIn
) -> tuple[Person, set[UUID] | None]:
    """Give a person a role in an organisation; she is made if the address is new. Doing it again changes nothing.

    Returns her, and the organisations whose roles the caller sees (``None``: all). From then on she is a colleague: who
    added a known person sees her name and language as colleagues do, neither her roles elsewhere nor her answers.
    """
    profile = await visible(session, caller, organisation_id)
    if not access.may_grant(caller, body.role, organisation_id, profile.clusters):
        raise forbidden("You may not give this role in this organisation.")
    if not access.role_fits(body.role, profile.kind):
        raise unprocessable("role-does-not-fit", "Only a cluster organisation has a hub.")
    if profile.status is OrganisationStatus.WITHDRAWN:
        raise conflict("withdrawn", "A withdrawn organisation gets no contacts.")
    if body.consent and not access.may_record_consent(caller, body.consent.given, profile.id, profile.clusters):
        raise forbidden("Only she herself, her hub or an operator may record that she agreed.")
    references = [body.supplied_id] if body.supplied_id else []
    found = await people.load_by_references(session, references, [body.email.lower()])
    if len(found) > 1:
        raise conflict("ids-disagree", "The supplied id and the address belong to two people.")
    stored = next(iter(found.values()), None)
    if stored is None:
        wanted = new_person(body, organisation_id, COUNTRIES[profile.country], NOT_YET)
    else:
        if (stored.email or "").lower() != body.email.lower() and not access.is_operator(caller):
            raise forbidden("Only an operator may change the address of a known person.")
        within = await reach(session, caller, {*stored.organisation_ids, organisation_id})
        identity = access.may_change_identity(caller, stored, within)
        wanted = changed_person(
            stored, body, organisation_id, identity=identity, may_overrule=access.is_operator(caller)
        )
    shown = None if access.is_operator(caller) else await reach(session, caller, wanted.organisation_ids)
    if wanted == stored:
        return wanted, shown
    [person] = await store_people(session, [(stored, wanted)])
    await audit(session, caller, "contact-added", organisation_id, person.id, {"role": body.role.value})
    return person, shown


async def erase(session: AsyncSession, caller: Principal, person_id: UUID) -> None:
    """Erase a person: her row keeps only the id, and every service is told to drop her card."""
    await organisations.lock_structure(session)
    stored, _ = await seen(session, caller, person_id, lock=True)
    if not (access.is_self(caller, stored) or access.is_operator(caller)):
        raise forbidden("Only she herself or an operator may erase a person.")
    if any(each.role == RoleName.OPERATOR for each in stored.roles) and await people.operators(session) == 1:
        raise conflict("last-operator", "She is the last operator; name another one first.")
    await store_people(session, [(stored, erased_person(stored))])
    await audit(session, caller, "person-erased", None, person_id)


async def export(session: AsyncSession, caller: Principal, person_id: UUID) -> PersonExport:
    """Return all that profiles holds about a person, to herself or an operator."""
    person, _ = await seen(session, caller, person_id)
    if not (access.is_self(caller, person) or access.is_operator(caller)):
        raise forbidden("Only she herself or an operator may export a person's data.")
    profiles = await organisations.load(session, person.organisation_ids)
    history = await people.consent_history(session, person_id)
    return PersonExport(
        card=person.card(),
        supplied_id=person.supplied_id,
        organisations=[
            {"id": each.id, "name": each.name, "country": each.country, "status": each.status}
            for each in profiles.values()
        ],
        consent_history=[ConsentOut(**vars(each)) for each in history],
        exported_at=now(),
    )


async def ensure_first_operator(session: AsyncSession, email: str, name: str, language: str) -> bool:
    """Make the first operator if there is none; ``False`` if there was one. A known person with the address is used."""
    await organisations.lock_structure(session)
    if await people.operators(session):
        return False
    found = await people.load_by_references(session, [], [email.lower()])
    stored = next(iter(found.values()), None)
    role = HeldRole(RoleName.OPERATOR.value)
    person = stored or Person(id=new_id(), version=NOT_YET, name=name, email=email, language=language, time_zone="UTC")
    await store_people(session, [(stored, replace(person, roles=person.roles | {role}))])
    return True
