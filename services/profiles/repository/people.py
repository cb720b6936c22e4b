"""People with their roles and consents: reading, locking, saving, erasing."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from services.profiles.models import consent, person, role
from services.profiles.person import Consent, HeldRole, Person
from shared.auth import RoleName
from shared.contracts import Version
from shared.ids import new_id


async def load(session: AsyncSession, ids: Collection[UUID], *, lock: bool = False) -> dict[UUID, Person]:
    """Return the people that exist, erased ones too; with ``lock`` nobody else changes them meanwhile."""
    return await _load(session, person.c.id.in_(ids), lock) if ids else {}


async def load_by_references(
    session: AsyncSession, supplied_ids: Collection[str], emails: Collection[str]
) -> dict[UUID, Person]:
    """Return and lock the people that have one of these supplied ids or (lower-case) addresses."""
    condition = person.c.supplied_id.in_(supplied_ids) | sa.func.lower(person.c.email).in_(emails)
    return await _load(session, condition, lock=True)


async def find_by_email(session: AsyncSession, email: str) -> Person | None:
    """Return the person with this address, whatever its case."""
    found = await _load(session, sa.func.lower(person.c.email) == email.lower(), lock=False)
    return next(iter(found.values()), None)


async def load_of_organisations(
    session: AsyncSession, organisation_ids: Collection[UUID], *, lock: bool = False
) -> dict[UUID, Person]:
    """Return the people who hold a role in one of these organisations."""
    holders = sa.select(role.c.person_id).where(role.c.organisation_id.in_(organisation_ids))
    return await _load(session, person.c.id.in_(holders), lock) if organisation_ids else {}


async def _load(session: AsyncSession, condition: sa.ColumnElement[bool], lock: bool) -> dict[UUID, Person]:
    query = sa.select(person).where(condition).order_by(person.c.id)
    rows = (await session.execute(query.with_for_update() if lock else query)).all()
    ids = [row.id for row in rows]
    roles: dict[UUID, set[HeldRole]] = {}
    for held in await session.execute(sa.select(role).where(role.c.person_id.in_(ids))):
        roles.setdefault(held.person_id, set()).add(HeldRole(held.role, held.organisation_id))
    newest = sa.select(consent).where(consent.c.person_id.in_(ids))
    newest = newest.ext(distinct_on(consent.c.person_id, consent.c.purpose)).order_by(
        consent.c.person_id, consent.c.purpose, consent.c.at.desc(), consent.c.id.desc()
    )
    consents: dict[UUID, list[Consent]] = {}
    for said in await session.execute(newest):
        consents.setdefault(said.person_id, []).append(_consent(said))
    return {
        row.id: Person(
            id=row.id,
            version=Version(epoch=row.version_epoch, n=row.version_n),
            name=row.name,
            email=row.email,
            language=row.language,
            time_zone=row.time_zone,
            supplied_id=row.supplied_id,
            status=row.status,
            roles=frozenset(roles.get(row.id, ())),
            consents=tuple(consents.get(row.id, ())),
        )
        for row in rows
    }


def _consent(row: sa.Row[Any]) -> Consent:
    return Consent(row.purpose, row.given, row.at, row.wording, row.source, row.by_herself)


async def save(session: AsyncSession, changes: Sequence[tuple[Person | None, Person]]) -> None:
    """Write new, changed and erased people, ``(stored, wanted)`` each, in a few statements for all of them."""
    names = ("supplied_id", "name", "email", "language", "time_zone", "status")
    rows = [
        {
            "id": new.id,
            "version_epoch": new.version.epoch,
            "version_n": new.version.n,
            **{name: getattr(new, name) for name in names},
        }
        for _, new in changes
    ]
    created = [row for row, (old, _) in zip(rows, changes, strict=True) if old is None]
    updated = [{**row, "key": row["id"]} for row, (old, _) in zip(rows, changes, strict=True) if old]
    if created:
        await session.execute(sa.insert(person), created)
    if updated:
        values: dict[str, Any] = {name: sa.bindparam(name) for name in updated[0] if name not in ("id", "key")}
        await session.execute(sa.update(person).where(person.c.id == sa.bindparam("key")).values(values), updated)
    await _save_roles(session, changes)
    erased = [new.id for _, new in changes if new.status == "erased"]
    if erased:
        await session.execute(sa.delete(consent).where(consent.c.person_id.in_(erased)))
    said = [{"id": new_id(), "person_id": new.id, **vars(each)} for _, new in changes for each in new.new_consents]
    if said:
        await session.execute(sa.insert(consent), said)


async def _save_roles(session: AsyncSession, changes: Sequence[tuple[Person | None, Person]]) -> None:
    for old, new in changes:
        for lost in old.roles - new.roles if old else ():
            await session.execute(
                sa.delete(role).where(
                    role.c.person_id == new.id,
                    role.c.role == lost.role,
                    role.c.organisation_id.is_not_distinct_from(lost.organisation_id),
                )
            )
    gained = [
        {"id": new_id(), "person_id": new.id, "role": each.role, "organisation_id": each.organisation_id}
        for old, new in changes
        for each in sorted(new.roles - (old.roles if old else frozenset()), key=str)
    ]
    if gained:
        await session.execute(sa.insert(role), gained)


async def operators(session: AsyncSession) -> int:
    """Return how many people are operators."""
    query = sa.select(sa.func.count(role.c.person_id.distinct())).where(role.c.role == RoleName.OPERATOR)
    return int(await session.scalar(query) or 0)


async def consent_history(session: AsyncSession, person_id: UUID) -> list[Consent]:
    """Return every recorded answer of a person, oldest first."""
    query = sa.select(consent).where(consent.c.person_id == person_id).order_by(consent.c.at, consent.c.id)
    return [_consent(row) for row in await session.execute(query)]
