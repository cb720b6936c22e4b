"""One batch of imported rows in one transaction: a few statements to read, decisions, a few statements to write."""

from dataclasses import dataclass, field
from enum import Enum
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.profiles import access, rules
from services.profiles.importing.spool import NumberedRecord
from services.profiles.person import Person, changed_person, new_person
from services.profiles.profile import Profile, changed_profile, new_profile
from services.profiles.repository import organisations, people
from services.profiles.schemas import ContactIn, Record
from services.profiles.storing import NOT_YET, store_people, store_profiles
from shared.auth import Principal
from shared.clock import now
from shared.contracts.profiles import OrganisationKind, OrganisationStatus
from shared.importing import Outcome, RowError
from shared.reference import COUNTRIES

Reference = tuple[UUID, OrganisationKind]


class Later(Enum):
    """The row names a cluster that may still come in this file."""

    LATER = "later"


@dataclass
class Named:
    """Whom the accepted rows of the file named so far."""

    organisations: set[UUID] = field(default_factory=set)
    people: set[UUID] = field(default_factory=set)


Verdict = Outcome | RowError | Later


class _RefusedError(Exception):
    """The row breaks a rule."""

    def __init__(self, field_name: str, rule: str, message: str) -> None:
        super().__init__(rule)
        self.field = field_name
        self.rule = rule
        self.message = message


class _PutAsideError(Exception):
    """The row waits for a cluster."""


@dataclass
class _Known:
    """What the database knows about the rows of a batch, kept up to date while they are decided one by one."""

    by_national: dict[str, Profile]
    by_supplied: dict[str, Profile]
    references: dict[str, Reference]
    people_by_supplied: dict[str, Person]
    people_by_email: dict[str, Person]
    clusters: dict[UUID, tuple[UUID, ...]]
    """Clusters of every organisation for which a known person acts."""
    profiles_to_save: list[tuple[Profile | None, Profile]] = field(default_factory=list)
    people_stored: dict[UUID, Person] = field(default_factory=dict)
    people_now: dict[UUID, Person] = field(default_factory=dict)
    people_to_save: dict[UUID, Person] = field(default_factory=dict)

    def keep_profile(self, stored: Profile | None, wanted: Profile) -> bool:
        """Let later rows find this organisation; returns whether it must be saved."""
        if wanted.national_id:
            self.by_national[wanted.national_id] = wanted
        if wanted.supplied_id:
            self.by_supplied[wanted.supplied_id] = wanted
        for reference in filter(None, (wanted.national_id, wanted.supplied_id)):
            self.references[reference] = (wanted.id, wanted.kind)
        differs = stored is None or wanted.differs_from(stored)
        if differs:
            self.profiles_to_save.append((stored, wanted))
        return differs

    def keep_person(self, person: Person) -> bool:
        """Let later rows find this person; returns whether this row changed her."""
        before = self.people_now.get(person.id)
        if before == person:
            return False
        if before:
            self.people_by_email.pop((before.email or "").lower(), None)
        self.people_now[person.id] = self.people_to_save[person.id] = person
        self.people_by_email[(person.email or "").lower()] = person
        if person.supplied_id:
            self.people_by_supplied[person.supplied_id] = person
        return True


async def _look_up(session: AsyncSession, records: list[Record]) -> _Known:
    found = await organisations.load_by_references(
        session,
        [each.national_id for each in records if each.national_id],
        [each.supplied_id for each in records if each.supplied_id],
    )
    references = await organisations.find_references(session, {ref for each in records for ref in each.member_of})
    contacts = [contact for each in records for contact in each.contacts]
    persons = await people.load_by_references(
        session,
        {each.supplied_id for each in contacts if each.supplied_id},
        {each.email.lower() for each in contacts},
    )
    acting_for = {each for person in persons.values() for each in person.organisation_ids}
    clusters = await organisations.clusters_of(session, acting_for)
    return _Known(
        by_national={each.national_id: each for each in found.values() if each.national_id},
        by_supplied={each.supplied_id: each for each in found.values() if each.supplied_id},
        references=references,
        people_by_supplied={each.supplied_id: each for each in persons.values() if each.supplied_id},
        people_by_email={(each.email or "").lower(): each for each in persons.values()},
        clusters={key: tuple(value) for key, value in clusters.items()},
        people_stored=dict(persons),
        people_now=dict(persons),
    )


class Batch:
    """Decides the rows of one batch. ``last``: no more clusters can come, so an unknown one is an error."""

    def __init__(self, caller: Principal, source: str | None, named: Named, *, last: bool) -> None:
        self._caller = caller
        self._source = source
        self._last = last
        self._operator = access.is_operator(caller)
        self._own = access.own_clusters(caller)
        self.named = Named(set(named.organisations), set(named.people))

    async def run(self, session: AsyncSession, rows: list[NumberedRecord]) -> list[Verdict]:
        """Import the rows in the session's transaction and say what became of each, in their order."""
        await organisations.lock_structure(session)
        known = await _look_up(session, [each.record for each in rows])
        verdicts: list[Verdict] = []
        for each in rows:
            try:
                verdicts.append(self._decide(known, each.record))
            except _RefusedError as error:
                verdicts.append(RowError(each.row, error.field, error.rule, error.message))
            except _PutAsideError:
                verdicts.append(Later.LATER)
        await store_profiles(session, known.profiles_to_save)
        await store_people(
            session, [(known.people_stored.get(key), person) for key, person in known.people_to_save.items()]
        )
        return verdicts

    def _decide(self, known: _Known, record: Record) -> Outcome:
        if self._source and record.source is None:
            record = record.model_copy(update={"source": self._source})
        stored = _match(known, record)
        self._check_scope(stored, record)
        clusters = self._clusters(known, stored, record)
        if stored is None:
            wanted = new_profile(record, clusters or (), NOT_YET, now())
        else:
            wanted = changed_profile(stored, record, clusters, only_given=True)
            if not rules.fits(each.text for each in wanted.statements):
                raise _RefusedError("row", "too-long", "With what is stored, its offers and needs are too long.")
        changed_people = self._contacts(known, wanted, record.contacts)
        # The whole row is good: only now does anything of it count.
        self.named.organisations.add(wanted.id)
        self.named.people.update(person.id for person in changed_people)
        touched = [known.keep_person(person) for person in changed_people]
        differs = known.keep_profile(stored, wanted)
        if stored is None:
            return "created"
        return "updated" if differs or any(touched) else "unchanged"

    def _check_scope(self, stored: Profile | None, record: Record) -> None:
        if stored and stored.id in self.named.organisations:
            raise _RefusedError(
                "supplied_id", "duplicate-in-file", "An earlier row of the file is the same organisation."
            )
        if stored and stored.status is OrganisationStatus.WITHDRAWN:
            raise _RefusedError("row", "withdrawn", "The organisation was withdrawn; imports do not change it.")
        if self._operator:
            return
        if stored and not self._own & {stored.id, *stored.clusters}:
            raise _RefusedError("row", "not-your-member", "The organisation is known and no member of your cluster.")
        before = stored.kind if stored else OrganisationKind.SME
        if OrganisationKind.CLUSTER in (record.kind, before) and record.kind is not before:
            raise _RefusedError("kind", "kind-not-allowed", "Only an operator makes an organisation a cluster.")

    def _clusters(self, known: _Known, stored: Profile | None, record: Record) -> set[UUID] | None:
        """Return the memberships the row leads to, ``None`` to leave them."""
        wanted: set[UUID] = set()
        for reference in record.member_of:
            if reference not in known.references:
                if not self._last:
                    raise _PutAsideError
                raise _RefusedError(
                    "member_of", "unknown-cluster", "A cluster in member_of is neither known nor in the file."
                )
            cluster_id, kind = known.references[reference]
            if kind is not OrganisationKind.CLUSTER:
                raise _RefusedError("member_of", "not-a-cluster", "One can only be a member of a cluster organisation.")
            if stored and stored.id == cluster_id:
                raise _RefusedError("member_of", "own-member", "A cluster is no member of itself.")
            wanted.add(cluster_id)
        before = set(stored.clusters) if stored else set()
        if access.addable_clusters(self._caller, wanted, before):
            raise _RefusedError("member_of", "foreign-cluster", "Only the hub of a cluster admits a member to it.")
        if not self._operator:
            # A hub speaks for its own cluster only: other memberships stay as they are.
            wanted |= before - self._own
            if stored is None and not wanted & self._own:
                raise _RefusedError(
                    "member_of", "not-your-member", "A new organisation must be a member of your cluster."
                )
        return wanted if stored is None or "member_of" in record.model_fields_set else None

    def _contacts(self, known: _Known, profile: Profile, contacts: list[ContactIn]) -> list[Person]:
        """Return the people the row names as they are afterwards; one named twice appears once."""
        after: dict[UUID, Person] = {}
        for index, contact in enumerate(contacts):
            where = f"contacts.{index}"
            if not access.role_fits(contact.role, profile.kind):
                raise _RefusedError(f"{where}.role", "role-does-not-fit", "Only a cluster organisation has a hub.")
            if not access.may_grant(self._caller, contact.role, profile.id, profile.clusters):
                raise _RefusedError(f"{where}.role", "role-not-allowed", "You may not give this role.")
            person = self._contact(known, profile, contact, after, where)
            after[person.id] = person
        return list(after.values())

    def _contact(
        self, known: _Known, profile: Profile, contact: ContactIn, after: dict[UUID, Person], where: str
    ) -> Person:
        by_id = known.people_by_supplied.get(contact.supplied_id or "")
        by_email = known.people_by_email.get(contact.email.lower())
        if by_id and by_email and by_id.id != by_email.id:
            raise _RefusedError(where, "ids-disagree", "The supplied id and the address belong to two people.")
        same_row = next((p for p in after.values() if (p.email or "").lower() == contact.email.lower()), None)
        stored = by_id or by_email or same_row
        if stored is None:
            return new_person(contact, profile.id, COUNTRIES[profile.country], NOT_YET)
        stored = after.get(stored.id, stored)
        reachable = {
            each
            for each in (*stored.organisation_ids, profile.id)
            if each == profile.id or self._own & {each, *known.clusters.get(each, ())}
        }
        identity = access.may_change_identity(self._caller, stored, reachable)
        if (stored.email or "").lower() != contact.email.lower() and not self._operator:
            raise _RefusedError(
                f"{where}.email", "email-change", "Only an operator may change a known person's address."
            )
        # The first row that names a person decides, so that the same file again changes nothing.
        first = stored.id not in self.named.people and stored.id not in after
        return changed_person(stored, contact, profile.id, identity=identity and first, may_overrule=self._operator)


def _match(known: _Known, record: Record) -> Profile | None:
    by_national = known.by_national.get(record.national_id or "")
    by_supplied = known.by_supplied.get(record.supplied_id or "")
    if by_national and by_supplied and by_national.id != by_supplied.id:
        raise _RefusedError("national_id", "ids-disagree", "National and supplied id belong to two organisations.")
    return by_national or by_supplied
