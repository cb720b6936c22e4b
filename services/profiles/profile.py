"""An organisation's whole state, pure: what changed, what its statements are, what the world is told."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.profiles.schemas import OrganisationFields, StatementIn
from shared.contracts import Version
from shared.contracts.profiles import (
    OrganisationKind,
    OrganisationSnapshot,
    OrganisationStatus,
    Statement,
    StatementRole,
)
from shared.ids import new_id

_SAID_BY_FIELDS = (
    "kind",
    "name",
    "country",
    "region",
    "city",
    "website",
    "sectors",
    "languages",
    "tags",
    "undertaking_group",
    "source",
)


@dataclass(frozen=True)
class Profile:
    """One organisation at one version."""

    id: UUID
    kind: OrganisationKind
    name: str
    country: str
    version: Version
    updated_at: datetime
    region: str | None = None
    city: str | None = None
    website: str | None = None
    sectors: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    undertaking_group: str | None = None
    clusters: tuple[UUID, ...] = ()
    status: OrganisationStatus = OrganisationStatus.ACTIVE
    statements: tuple[Statement, ...] = ()
    national_id: str | None = None
    supplied_id: str | None = None
    source: str | None = None

    def snapshot(self) -> OrganisationSnapshot:
        """Return the event body: the public profile."""
        internal = ("id", "national_id", "supplied_id")
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in internal}
        return OrganisationSnapshot(organisation_id=self.id, **values)

    def differs_from(self, other: "Profile") -> bool:
        """Whether anything but version and time differs."""
        return replace(other, version=self.version, updated_at=self.updated_at) != self


def merge_statements(
    stored: Iterable[Statement], offers: list[StatementIn] | None, needs: list[StatementIn] | None
) -> tuple[Statement, ...]:
    """Return the statements as now said; ``None`` keeps those of a role.

    A statement whose text is unchanged keeps its id: suggestions quote it by id. A text said twice counts once.
    """
    stored = tuple(stored)
    merged: list[Statement] = []
    for role, said in ((StatementRole.OFFER, offers), (StatementRole.NEED, needs)):
        before = [each for each in stored if each.role is role]
        if said is None:
            merged += before
            continue
        known = {each.text: each.id for each in before}
        now_said = {each.text: each for each in reversed(said)}
        for text in dict.fromkeys(each.text for each in said):
            merged.append(
                Statement(
                    id=known.get(text) or new_id(),
                    role=role,
                    text=text,
                    language=now_said[text].language,
                    illustrative=now_said[text].illustrative,
                )
            )
    return tuple(merged)


def _said(body: OrganisationFields, names: Iterable[str]) -> dict[str, Any]:
    values = {name: getattr(body, name) for name in names}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def new_profile(body: OrganisationFields, clusters: Iterable[UUID], version: Version, at: datetime) -> Profile:
    """Return a new organisation."""
    return Profile(
        id=new_id(),
        version=version,
        updated_at=at,
        clusters=tuple(sorted(set(clusters))),
        statements=merge_statements((), body.offers, body.needs),
        national_id=body.national_id,
        supplied_id=body.supplied_id,
        **_said(body, _SAID_BY_FIELDS),
    )


def changed_profile(
    stored: Profile, body: OrganisationFields, clusters: Iterable[UUID] | None, *, only_given: bool
) -> Profile:
    """Return the organisation as the body says it, at the stored version.

    ``only_given``: fields the body does not name keep what is stored (imports); else all are replaced (PUT).
    ``clusters`` ``None`` keeps the memberships. Ids are filled in where missing, never replaced.
    """
    given = body.model_fields_set if only_given else set(type(body).model_fields)
    return replace(
        stored,
        clusters=stored.clusters if clusters is None else tuple(sorted(set(clusters))),
        statements=merge_statements(
            stored.statements,
            body.offers if "offers" in given else None,
            body.needs if "needs" in given else None,
        ),
        national_id=stored.national_id or body.national_id,
        supplied_id=stored.supplied_id or body.supplied_id,
        **_said(body, [name for name in _SAID_BY_FIELDS if name in given]),
    )
