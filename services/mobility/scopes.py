"""What a caller may see: every reading statement of the repository takes one of these."""

from dataclasses import dataclass
from uuid import UUID

from shared.auth import Principal, RoleName
from shared.problems import Problem, forbidden

PARTY_ROLES = (RoleName.SME_CONTACT, RoleName.HUB_MANAGER)
FUNDER_ROLES = (RoleName.VOUCHER_ADMINISTRATOR, RoleName.AUDITOR)


@dataclass(frozen=True)
class Scope:
    """``parties``: organisations the caller acts for; ``funders``: those whose money the caller manages or audits.

    ``everything``: an operator, or an auditor of no organisation in particular; both only read.
    """

    everything: bool = False
    parties: frozenset[UUID] = frozenset()
    funders: frozenset[UUID] = frozenset()
    person_id: UUID | None = None


def scope_of(caller: Principal) -> Scope:
    """Return what the caller may see. A link's one-action token and a plain service token see nothing."""
    roaming_auditor = any(role.name == RoleName.AUDITOR and not role.organisation_id for role in caller.roles)
    return Scope(
        everything=caller.has(RoleName.OPERATOR) or roaming_auditor,
        parties=frozenset(caller.organisations(*PARTY_ROLES)),
        funders=frozenset(caller.organisations(*FUNDER_ROLES)),
        person_id=caller.person_id if caller.roles else None,
    )


def person_of(caller: Principal) -> UUID:
    """Return the acting person's id; 403 for a service, because what is signed or paid is signed by somebody."""
    if caller.person_id is None:
        raise forbidden("A person must do this, not a service.")
    return caller.person_id


def require_any_role(caller: Principal) -> None:
    """Raise 403 for a caller without any role."""
    if not caller.roles:
        raise forbidden("This needs a role.")


def refused(verdict_rule: str, detail: str, findings: object) -> Problem:
    """422 for what a rule refuses: the deciding rule in ``rule``, all that were judged in ``verdict``."""
    return Problem(422, verdict_rule, detail, verdict=findings)
