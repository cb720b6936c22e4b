"""Use cases of organisations: read, create, change, withdraw, erase."""

from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.profiles import access
from services.profiles.person import Person, erased_person
from services.profiles.profile import Profile, changed_profile, new_profile
from services.profiles.repository import organisations, people
from services.profiles.schemas import OrganisationIn
from services.profiles.storing import NOT_YET, store_people, store_profiles
from shared.audit import audit
from shared.auth import Principal
from shared.clock import now
from shared.contracts import Version
from shared.contracts.profiles import ORGANISATION_ERASED, OrganisationErased, OrganisationKind, OrganisationStatus
from shared.database import next_version
from shared.http import check_version
from shared.messaging import publish, redact
from shared.problems import conflict, forbidden, not_found, unprocessable


async def visible(session: AsyncSession, caller: Principal, organisation_id: UUID, *, lock: bool = False) -> Profile:
    """Return an organisation the caller may see; 404 otherwise, also for a foreign withdrawn one."""
    profile = (await organisations.load(session, [organisation_id], lock=lock)).get(organisation_id)
    if profile is None:
        raise not_found("organisation", organisation_id)
    if profile.status is OrganisationStatus.WITHDRAWN and not access.sees_withdrawn(caller, profile):
        raise not_found("organisation", organisation_id)
    return profile


async def editable(session: AsyncSession, caller: Principal, organisation_id: UUID) -> Profile:
    """Return and lock an organisation the caller may edit; 403 for one she only sees."""
    profile = await visible(session, caller, organisation_id, lock=True)
    if not access.may_edit(caller, profile):
        raise forbidden("Only its own contact, its hub or an operator may change an organisation.")
    return profile


async def _check_clusters(
    session: AsyncSession, caller: Principal, wanted: Iterable[UUID], profile: Profile | None
) -> None:
    wanted = set(wanted)
    kinds = await organisations.kinds_of(session, wanted)
    if wanted - set(kinds):
        raise unprocessable("unknown-cluster", "One of the clusters does not exist.")
    if any(kind is not OrganisationKind.CLUSTER for kind in kinds.values()):
        raise unprocessable("not-a-cluster", "One can only be a member of a cluster organisation.")
    if profile and profile.id in wanted:
        raise unprocessable("own-member", "A cluster is no member of itself.")
    if access.addable_clusters(caller, wanted, profile.clusters if profile else ()):
        raise forbidden("Only the hub of a cluster (or an operator) admits a member to it.")
    if profile and access.removable_clusters(caller, wanted, profile):
        raise forbidden("Only the member, the cluster's hub or an operator ends a membership.")


async def create(session: AsyncSession, caller: Principal, body: OrganisationIn) -> Profile:
    """Create an organisation: an operator any, a hub a member of its own cluster."""
    own = access.own_clusters(caller)
    if not access.is_operator(caller):
        if not own & set(body.clusters):
            raise forbidden("Only an operator, or a hub for a member of its cluster, may add an organisation.")
        if body.kind is OrganisationKind.CLUSTER:
            raise forbidden("Only an operator may add a cluster.")
    await _check_clusters(session, caller, body.clusters, None)
    wanted = new_profile(body, body.clusters, NOT_YET, now())
    [profile] = await store_profiles(session, [(None, wanted)])
    await audit(session, caller, "organisation-created", profile.id, profile.id)
    return profile


def _check_ids(caller: Principal, body: OrganisationIn, stored: Profile) -> None:
    """Ids decide which record an import lands on, so nobody claims one for herself: her hub may fill in, as it imports.

    Changing one takes an operator, who was let through before.
    """
    for given, known in ((body.national_id, stored.national_id), (body.supplied_id, stored.supplied_id)):
        if given and given != known and (known or not access.is_hub_of(caller, stored)):
            raise forbidden(
                "Only an operator may change a national or supplied id, only its hub fill in a missing one."
            )


async def change(
    session: AsyncSession, caller: Principal, organisation_id: UUID, body: OrganisationIn, expected: Version
) -> Profile:
    """Replace what an organisation says of itself, if ``expected`` is still its version (else 412)."""
    stored = await editable(session, caller, organisation_id)
    check_version(expected, stored.version)
    if stored.status is OrganisationStatus.WITHDRAWN:
        raise conflict("withdrawn", "A withdrawn organisation can't be changed.")
    if not access.is_operator(caller):
        if OrganisationKind.CLUSTER in (body.kind, stored.kind) and body.kind is not stored.kind:
            raise forbidden("Only an operator makes an organisation a cluster, or a cluster something else.")
        _check_ids(caller, body, stored)
    await _check_clusters(session, caller, body.clusters, stored)
    # The origin of the record is not among what an organisation says of itself.
    body = body.model_copy(update={"source": body.source or stored.source})
    wanted = changed_profile(stored, body, body.clusters, only_given=False)
    if access.is_operator(caller):
        wanted = replace(
            wanted,
            national_id=body.national_id or stored.national_id,
            supplied_id=body.supplied_id or stored.supplied_id,
        )
    if not wanted.differs_from(stored):
        return stored
    [profile] = await store_profiles(session, [(stored, wanted)])
    await audit(session, caller, "organisation-changed", profile.id, profile.id, {"version": str(profile.version)})
    return profile


async def withdraw(session: AsyncSession, caller: Principal, organisation_id: UUID) -> Profile:
    """Take an organisation out of everything; it is kept. Doing it again changes nothing."""
    stored = await editable(session, caller, organisation_id)
    if stored.status is OrganisationStatus.WITHDRAWN:
        return stored
    wanted = replace(stored, status=OrganisationStatus.WITHDRAWN)
    [profile] = await store_profiles(session, [(stored, wanted)])
    await audit(session, caller, "organisation-withdrawn", profile.id, profile.id)
    return profile


async def erase(session: AsyncSession, caller: Principal, organisation_id: UUID) -> None:
    """Erase an organisation for good: row, journal bodies, memberships, and the people who act for nobody else."""
    if not access.is_operator(caller):
        raise forbidden("Only an operator may erase an organisation.")
    await organisations.lock_structure(session)
    if not await erase_stored(session, caller, organisation_id):
        raise not_found("organisation", organisation_id)


async def erase_stored(session: AsyncSession, caller: Principal, organisation_id: UUID) -> bool:
    """Erase an organisation, whoever says so; ``False`` if there is none. Call it with the structure locked."""
    stored = (await organisations.load(session, [organisation_id], lock=True)).get(organisation_id)
    if stored is None:
        return False
    redacted = await redact(session, organisation_id)
    member_ids = await organisations.members_of(session, organisation_id)
    members = await organisations.load(session, member_ids, lock=True)
    await store_profiles(session, [(each, _without_cluster(each, organisation_id)) for each in members.values()])
    holders = await people.load_of_organisations(session, [organisation_id], lock=True)
    await store_people(session, [(each, _without_organisation(each, organisation_id)) for each in holders.values()])
    await organisations.delete(session, organisation_id)
    version = await next_version(session, stored.version)
    erased = OrganisationErased(organisation_id=organisation_id, erased_at=now(), version=version)
    await publish(session, ORGANISATION_ERASED, erased)
    detail = {"journal_rows_redacted": redacted, "members": len(members), "people": len(holders)}
    await audit(session, caller, "organisation-erased", organisation_id, organisation_id, detail)
    return True


def _without_cluster(member: Profile, cluster_id: UUID) -> Profile:
    return replace(member, clusters=tuple(each for each in member.clusters if each != cluster_id))


def _without_organisation(person: Person, organisation_id: UUID) -> Person:
    roles = frozenset(each for each in person.roles if each.organisation_id != organisation_id)
    return replace(person, roles=roles) if roles else erased_person(person)
