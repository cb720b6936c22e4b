"""The facts that matching works on: organisations and statements as plain values, and who may meet whom. Pure."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from shared.contracts.profiles import OrganisationKind, StatementRole

_SME, _CLUSTER, _RESEARCH, _AUTHORITY, _FINANCIER, _PROVIDER = (
    OrganisationKind.SME,
    OrganisationKind.CLUSTER,
    OrganisationKind.RESEARCH,
    OrganisationKind.PUBLIC_AUTHORITY,
    OrganisationKind.FINANCIER,
    OrganisationKind.SERVICE_PROVIDER,
)

MAY_MEET: frozenset[frozenset[OrganisationKind]] = frozenset(
    frozenset(pair)
    for pair in (
        (_SME, _SME),
        (_SME, _CLUSTER),
        (_SME, _RESEARCH),
        (_SME, _FINANCIER),
        (_SME, _PROVIDER),
        (_CLUSTER, _CLUSTER),
        (_CLUSTER, _RESEARCH),
        (_CLUSTER, _AUTHORITY),
        (_CLUSTER, _PROVIDER),
        (_CLUSTER, _FINANCIER),
        (_RESEARCH, _RESEARCH),
        (_AUTHORITY, _AUTHORITY),
    )
)
"""Kinds that may be suggested to each other. An authority doesn't meet single firms here: that is procurement."""


@dataclass(frozen=True)
class Party:
    """An active organisation as matching sees it."""

    id: UUID
    kind: OrganisationKind
    name: str
    country: str
    sectors: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    clusters: tuple[UUID, ...] = ()
    undertaking_group: str | None = None
    region: str | None = None


@dataclass(frozen=True)
class StatementFact:
    """One offer or need, cleaned, in the language it is read in."""

    id: UUID
    organisation_id: UUID
    role: StatementRole
    language: str
    text: str


Pair = tuple[UUID, UUID]
"""Two organisations, the smaller id first."""


def pair_of(one: UUID, other: UUID) -> Pair:
    """Return the key of a pair, whichever way round it is named."""
    return (one, other) if one < other else (other, one)


def firm_of(party: Party) -> str:
    """Return a name without case, accents and punctuation: a firm that is registered twice has one."""
    decomposed = unicodedata.normalize("NFKD", party.name.casefold())
    return "".join(filter(str.isalnum, decomposed)) or str(party.id)


def may_meet(one: Party, other: Party) -> bool:
    """Whether two organisations may be suggested to each other at all.

    They must lie in different countries, be of kinds that may meet, and not belong together already (the same
    undertaking group, the same name, or one a member of the other).
    """
    return (
        one.id != other.id
        and one.country != other.country
        and frozenset((one.kind, other.kind)) in MAY_MEET
        and not (one.undertaking_group and one.undertaking_group == other.undertaking_group)
        and firm_of(one) != firm_of(other)
        and one.id not in other.clusters
        and other.id not in one.clusters
    )


def by_id(parties: Iterable[Party]) -> dict[UUID, Party]:
    """Return parties by id, in the order of their ids."""
    return {party.id: party for party in sorted(parties, key=lambda party: party.id)}
