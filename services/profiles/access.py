"""Who may see and do what with organisations and people, pure."""

from collections.abc import Iterable
from uuid import UUID

from services.profiles.person import HeldRole, Person
from services.profiles.profile import Profile
from shared.auth import Principal, RoleName
from shared.contracts.profiles import OrganisationKind

CARD_READERS = frozenset({"notifier", "mobility", "console", "matching"})
"""Services that may read contact cards."""


def is_operator(caller: Principal) -> bool:
    """Whether the caller runs the platform."""
    return caller.has(RoleName.OPERATOR)


def own_clusters(caller: Principal) -> set[UUID]:
    """Clusters whose hub the caller is."""
    return caller.organisations(RoleName.HUB_MANAGER)


def is_hub_of(caller: Principal, profile: Profile) -> bool:
    """Whether the caller is the hub of this cluster, or of a cluster it is a member of."""
    return bool(own_clusters(caller) & {profile.id, *profile.clusters})


def may_edit(caller: Principal, profile: Profile) -> bool:
    """Its own contact, its hub, or an operator."""
    return is_operator(caller) or profile.id in caller.organisations(RoleName.SME_CONTACT) or is_hub_of(caller, profile)


def sees_contacts(caller: Principal, profile: Profile) -> bool:
    """Its own people, its hub, operators and services."""
    return (
        caller.is_service or is_operator(caller) or profile.id in caller.organisations() or is_hub_of(caller, profile)
    )


def sees_withdrawn(caller: Principal, profile: Profile) -> bool:
    """Who sees contacts, and auditors."""
    return sees_contacts(caller, profile) or caller.has(RoleName.AUDITOR)


def addable_clusters(caller: Principal, wanted: Iterable[UUID], stored: Iterable[UUID]) -> set[UUID]:
    """Return the new memberships among ``wanted`` that this caller may *not* declare: only its hub admits a member."""
    if is_operator(caller):
        return set()
    return set(wanted) - set(stored) - own_clusters(caller)


def removable_clusters(caller: Principal, wanted: Iterable[UUID], profile: Profile) -> set[UUID]:
    """Return the memberships left out of ``wanted`` that this caller may *not* end: it takes the hub or the member."""
    if is_operator(caller) or profile.id in caller.organisations(RoleName.SME_CONTACT):
        return set()
    return set(profile.clusters) - set(wanted) - own_clusters(caller)


def may_grant(caller: Principal, role: RoleName, organisation_id: UUID, clusters: Iterable[UUID]) -> bool:
    """Whether the caller may give this role for an organisation that is a member of ``clusters``."""
    if is_operator(caller):
        return True
    if role is RoleName.HUB_MANAGER:
        return organisation_id in own_clusters(caller)
    if role is RoleName.SME_CONTACT:
        own = organisation_id in caller.organisations(RoleName.SME_CONTACT)
        return own or bool(own_clusters(caller) & {organisation_id, *clusters})
    return False


def may_record_consent(caller: Principal, given: bool, organisation_id: UUID, clusters: Iterable[UUID]) -> bool:
    """Whether the caller may say for a contact what she answered: a yes only operators and hubs, who hold the proof."""
    hub = bool(own_clusters(caller) & {organisation_id, *clusters})
    return not given or hub or is_operator(caller)


def role_fits(role: RoleName, kind: OrganisationKind) -> bool:
    """Hubs are teams of cluster organisations; all other roles fit all kinds."""
    return role is not RoleName.HUB_MANAGER or kind is OrganisationKind.CLUSTER


def is_self(caller: Principal, person: Person) -> bool:
    """Whether she asks about herself, signed in."""
    return caller.person_id == person.id


def may_change_identity(caller: Principal, person: Person, within: Iterable[UUID]) -> bool:
    """Whether the caller may change name and language: not of somebody who also acts elsewhere.

    ``within``: the organisations over which the caller has authority.
    """
    if is_operator(caller):
        return True
    reach = set(within)
    return all(_within(each, reach) for each in person.roles)


def _within(held: HeldRole, reach: set[UUID]) -> bool:
    return held.organisation_id in reach and held.role in (RoleName.SME_CONTACT, RoleName.HUB_MANAGER)
