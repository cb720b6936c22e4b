"""Who may see and do what in matching."""

from uuid import UUID

from services.matching.repository.suggestions import Scope
from shared.auth import Principal, Role, RoleName
from shared.problems import forbidden

ACTING_ROLES = (RoleName.SME_CONTACT, RoleName.HUB_MANAGER)
READING_ROLES = (*ACTING_ROLES, RoleName.AUDITOR)


def scope_of(caller: Principal) -> Scope:
    """Return whose suggestions a caller may see.

    A contact or auditor those of the own organisation, a hub manager also those of the cluster's members; operators,
    and auditors of no organisation in particular, all of them; others, also services, none.
    """
    if caller.has(RoleName.OPERATOR) or Role(RoleName.AUDITOR) in caller.roles:
        return Scope(everything=True)
    own = caller.organisations(*READING_ROLES)
    return Scope(organisations=frozenset(own), clusters=frozenset(caller.organisations(RoleName.HUB_MANAGER)))


def inspection_scope_of(caller: Principal) -> Scope:
    """Return whose suggestions a caller may look into as operator or auditor, whatever else she is."""
    if caller.has(RoleName.OPERATOR) or Role(RoleName.AUDITOR) in caller.roles:
        return Scope(everything=True)
    return Scope(organisations=frozenset(caller.organisations(RoleName.AUDITOR)))


def may_answer(caller: Principal, suggestion_id: UUID, organisation_id: UUID, answer: str) -> bool:
    """Whether the caller may give this answer for that organisation: by role, or by the link of a mail made for just
    this.
    """
    if caller.is_service:
        return False
    if f"answer:{suggestion_id}:{organisation_id}:{answer}" in caller.actions:
        return True
    return organisation_id in caller.organisations(*ACTING_ROLES)


def sees_roadmaps_of(caller: Principal) -> set[UUID] | None:
    """Return the clusters whose roadmaps the caller may see; ``None`` means all."""
    if scope_of(caller).everything:
        return None
    return caller.organisations()


def require_draft_right(caller: Principal, cluster_ids: list[UUID]) -> None:
    """Raise 403 unless the caller is the hub manager of one of the clusters, or an operator."""
    if caller.has(RoleName.OPERATOR) or caller.organisations(RoleName.HUB_MANAGER) & set(cluster_ids):
        return
    raise forbidden("Only the hub manager of one of the clusters may ask for their roadmap.")
