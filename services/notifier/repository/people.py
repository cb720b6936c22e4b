"""Statements on people: contact cards, roles, preferences, suppressed addresses."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.notifier.models import Notice, Person, PersonRole, Preference, Suppression
from shared.contracts.profiles import PersonChanged
from shared.database import upsert_if_newer


async def want_card(session: AsyncSession, snapshot: PersonChanged, now: datetime) -> None:
    """Note that a person changed and that her card has to be fetched. A stale event changes nothing."""
    values = {
        "organisation_ids": list(snapshot.organisation_ids),
        "wanted_at": now,
        "wanted_attempts": 0,
        "erased": False,
        "fresh": False,
        "consents": [],
    }
    await _upsert_keeping(session, snapshot, values, keep=("fresh", "consents"))


async def _upsert_keeping(
    session: AsyncSession, snapshot: PersonChanged, values: dict[str, Any], keep: Sequence[str]
) -> None:
    """Insert all values; on an existing row leave the columns in ``keep`` as they are."""
    table = sa.inspect(Person).local_table
    version = {"version_epoch": snapshot.version.epoch, "version_n": snapshot.version.n}
    statement = insert(Person).values(person_id=snapshot.person_id, **values, **version)
    changed = {name: statement.excluded[name] for name in (*values, *version) if name not in keep}
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["person_id"],
            set_=changed,
            where=sa.tuple_(table.c.version_epoch, table.c.version_n)
            < sa.tuple_(statement.excluded.version_epoch, statement.excluded.version_n),
        )
    )


async def erase(session: AsyncSession, snapshot: PersonChanged) -> bool:
    """Drop a person's card, roles and preferences; keep id and version, so that a late event can't bring her back."""
    nothing: dict[str, Any] = {
        "organisation_ids": [], "erased": True, "wanted_at": None, "wanted_attempts": 0, "fresh": False,
        "name": None, "email": None, "language": None, "time_zone": None, "consents": [], "noticed_at": None,
    }  # fmt: skip
    if not await upsert_if_newer(session, Person, {"person_id": snapshot.person_id}, snapshot.version, nothing):
        return False
    await forget_details(session, snapshot.person_id)
    return True


async def drop_card(session: AsyncSession, person_id: UUID) -> None:
    """Drop the card of a person whom profiles does not know (any more)."""
    nothing: dict[str, Any] = {
        "wanted_at": None, "fresh": False, "erased": True,
        "name": None, "email": None, "language": None, "time_zone": None, "consents": [], "noticed_at": None,
    }  # fmt: skip
    await session.execute(sa.update(Person).where(col(Person.person_id) == person_id).values(**nothing))
    await forget_details(session, person_id)


async def forget_details(session: AsyncSession, person_id: UUID) -> None:
    """Delete roles and preferences, and make what was waiting for the person moot."""
    await session.execute(sa.delete(PersonRole).where(col(PersonRole.person_id) == person_id))
    await session.execute(sa.delete(Preference).where(col(Preference.person_id) == person_id))
    await session.execute(
        sa.update(Notice).where(col(Notice.person_id) == person_id, col(Notice.state) == "waiting").values(state="moot")
    )


async def wanted(session: AsyncSession, now: datetime, limit: int) -> list[Person]:
    """Return people whose cards are to be fetched now, longest waiting first."""
    found = await session.scalars(
        sa.select(Person).where(col(Person.wanted_at) <= now).order_by(col(Person.wanted_at)).limit(limit)
    )
    return list(found)


async def want_later(session: AsyncSession, ids: Iterable[UUID], now: datetime) -> None:
    """Ask for these cards again after a pause that doubles from 1 s to 5 min."""
    pause = sa.func.least(300.0, sa.func.power(2.0, sa.func.least(col(Person.wanted_attempts), 9)))
    await session.execute(
        sa.update(Person)
        .where(col(Person.person_id).in_(set(ids)))
        .values(
            wanted_at=sa.literal(now, sa.DateTime(timezone=True)) + pause * timedelta(seconds=1),
            wanted_attempts=col(Person.wanted_attempts) + 1,
        )
    )


async def store_card(
    session: AsyncSession, person_id: UUID, card: dict[str, Any], roles: set[tuple[UUID, str]]
) -> None:
    """Replace a person's card (``name, email, language, time_zone, consents``) and roles; her notices are due again."""
    await session.execute(
        sa.update(Person)
        .where(col(Person.person_id) == person_id)
        .values(**card, wanted_at=None, wanted_attempts=0, fresh=True, erased=False)
    )
    await session.execute(sa.delete(PersonRole).where(col(PersonRole.person_id) == person_id))
    if roles:
        rows = [{"person_id": person_id, "organisation_id": each, "role": role} for each, role in sorted(roles)]
        await session.execute(sa.insert(PersonRole), rows)
    await session.execute(
        sa.update(Notice)
        .where(col(Notice.person_id) == person_id, col(Notice.state) == "waiting")
        .values(look_at=col(Notice.created_at))
    )


async def get(session: AsyncSession, person_id: UUID, *, lock: bool = False) -> Person | None:
    """Return a person, ``None`` if never heard of."""
    return await session.get(Person, person_id, with_for_update=lock or None, populate_existing=True)


async def organisations_of(session: AsyncSession, person_id: UUID) -> set[UUID]:
    """Return the organisations a person has a role in."""
    found = await session.scalars(
        sa.select(col(PersonRole.organisation_id)).where(col(PersonRole.person_id) == person_id)
    )
    return set(found)


async def contacts(session: AsyncSession, organisation_id: UUID, roles: Iterable[str]) -> list[Person]:
    """Return the people with a card who hold one of the roles for the organisation, oldest first."""
    holders = sa.select(col(PersonRole.person_id)).where(
        col(PersonRole.organisation_id) == organisation_id, col(PersonRole.role).in_(tuple(roles))
    )
    found = await session.scalars(
        sa.select(Person)
        .where(col(Person.person_id).in_(holders), col(Person.email).is_not(None))
        .order_by(col(Person.person_id))
    )
    return list(found)


async def note_noticed(session: AsyncSession, person_id: UUID, at: datetime) -> None:
    """Record when a person was told that we hold her address."""
    await session.execute(
        sa.update(Person)
        .where(col(Person.person_id) == person_id, col(Person.noticed_at).is_(None), col(Person.email).is_not(None))
        .values(noticed_at=at)
    )


async def preference(session: AsyncSession, person_id: UUID) -> Preference | None:
    """Return what the person chose here, ``None`` if nothing."""
    return await session.get(Preference, person_id, populate_existing=True)


async def store_preference(session: AsyncSession, person_id: UUID, at: datetime, values: dict[str, Any]) -> None:
    """Store a choice; columns not in ``values`` stay as they are. Waiting notices are looked at again."""
    statement = insert(Preference).values(person_id=person_id, changed_at=at, **({"suggestions": True} | values))
    changed = {**values, "changed_at": at}
    await session.execute(statement.on_conflict_do_update(index_elements=["person_id"], set_=changed))
    await session.execute(
        sa.update(Notice)
        .where(col(Notice.person_id) == person_id, col(Notice.state) == "waiting")
        .values(look_at=col(Notice.created_at))
    )


async def suppress(session: AsyncSession, address_hash: str, reason: str, at: datetime) -> None:
    """Note that an address can't be reached."""
    statement = insert(Suppression).values(address_hash=address_hash, reason=reason, at=at)
    await session.execute(statement.on_conflict_do_nothing())


async def suppressed(session: AsyncSession, address_hash: str) -> bool:
    """Whether an address is known not to be reachable."""
    return await session.get(Suppression, address_hash) is not None
