"""A person's whole state, pure: roles, consents, and what a contact's data change in it."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.profiles.schemas import ConsentIn, ConsentOut, ContactCard, ContactIn, RoleOut
from shared.auth import RoleName
from shared.contracts import Version
from shared.ids import new_id
from shared.reference import Country

PersonStatus = Literal["active", "erased"]


@dataclass(frozen=True, order=True)
class HeldRole:
    """A role held by a person; only ``operator`` is without an organisation."""

    role: str
    organisation_id: UUID | None = None


@dataclass(frozen=True)
class Consent:
    """The newest recorded answer for a purpose."""

    purpose: str
    given: bool
    at: datetime
    wording: str
    source: str
    by_herself: bool = False
    """Whether she gave it signed in or by a link of her own; else somebody recorded it for her."""


@dataclass(frozen=True)
class Person:
    """One person at one version. ``new_consents`` are recorded when she is saved."""

    id: UUID
    version: Version
    name: str | None = None
    email: str | None = None
    language: str | None = None
    time_zone: str | None = None
    supplied_id: str | None = None
    status: PersonStatus = "active"
    roles: frozenset[HeldRole] = frozenset()
    consents: tuple[Consent, ...] = ()
    new_consents: tuple[Consent, ...] = field(default=(), compare=False)

    @property
    def organisation_ids(self) -> tuple[UUID, ...]:
        return tuple(sorted({each.organisation_id for each in self.roles if each.organisation_id}))

    def card(self, only: Iterable[UUID] | None = None) -> ContactCard:
        """Return the contact card; with ``only`` neither other organisations' roles nor her answers are told."""
        shown = None if only is None else set(only)
        roles = sorted(self.roles, key=lambda each: (each.role, str(each.organisation_id)))
        return ContactCard(
            person_id=self.id,
            version=str(self.version),
            name=self.name or "",
            email=self.email or "",
            language=self.language or "en",
            time_zone=self.time_zone or "UTC",
            roles=[
                RoleOut(role=RoleName(each.role), organisation_id=each.organisation_id)
                for each in roles
                if shown is None or each.organisation_id in shown
            ],
            consents=[ConsentOut(**vars(each)) for each in self.consents] if shown is None else [],
            status=self.status,
        )


def with_consent(person: Person, said: ConsentIn | None, *, by_herself: bool = False) -> Person:
    """Record an answer unless the same or a newer one is known: an old yes never overrides a later no.

    Her own answer stands when somebody later records the same for her: neither its author nor its time changes, so that
    it still precedes what she decided in between elsewhere.
    """
    if said is None:
        return person
    newest = {each.purpose: each for each in person.consents}
    known = newest.get(said.purpose)
    if known and said.at <= known.at:
        return person
    if known and known.by_herself and not by_herself and said.given == known.given:
        return person
    consent = Consent(said.purpose, said.given, said.at, said.wording, said.source, by_herself)
    newest[said.purpose] = consent
    return replace(
        person,
        consents=tuple(newest[purpose] for purpose in sorted(newest)),
        new_consents=(*person.new_consents, consent),
    )


def held_role(role: RoleName, organisation_id: UUID) -> HeldRole:
    """Return the role as held: an operator's belongs to no organisation."""
    return HeldRole(role.value, None if role is RoleName.OPERATOR else organisation_id)


def new_person(contact: ContactIn, organisation_id: UUID, home: Country, version: Version) -> Person:
    """Return a person who is first heard of as this contact; ``home`` fills in language and time zone."""
    person = Person(
        id=new_id(),
        version=version,
        name=contact.name,
        email=contact.email,
        language=contact.language or home.language,
        time_zone=contact.time_zone or home.time_zone,
        supplied_id=contact.supplied_id,
        roles=frozenset({held_role(contact.role, organisation_id)}),
    )
    return with_consent(person, contact.consent)


def answered(person: Person, said: ConsentIn | None) -> bool:
    """Whether an answer of hers to what ``said`` is about is recorded already."""
    return said is not None and any(each.purpose == said.purpose for each in person.consents)


def changed_person(
    person: Person, contact: ContactIn, organisation_id: UUID, *, identity: bool, may_overrule: bool
) -> Person:
    """Return a known person as this contact. Without ``identity`` she only gains the role: the rest is hers.

    Language and time zone are hers in any case, once she is known: she may have chosen them since. So is an answer
    that is recorded, unless the caller ``may_overrule`` it: a colleague's yes never replaces her no.
    """
    person = replace(person, roles=person.roles | {held_role(contact.role, organisation_id)})
    if not identity:
        return person
    person = replace(
        person,
        name=contact.name,
        email=contact.email,
        supplied_id=person.supplied_id or contact.supplied_id,
    )
    if answered(person, contact.consent) and not may_overrule:
        return person
    return with_consent(person, contact.consent)


def erased_person(person: Person) -> Person:
    """Return what is left of an erased person: her id."""
    return Person(id=person.id, version=person.version, status="erased")
