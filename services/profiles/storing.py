"""Saving organisations and people: the next version, the rows and the events, always together in one transaction."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from services.profiles.person import Person
from services.profiles.profile import Profile
from services.profiles.repository import organisations, people
from shared.clock import now
from shared.contracts import Version
from shared.contracts.profiles import (
    ORGANISATION_CHANGED,
    ORGANISATION_WITHDRAWN,
    PERSON_CHANGED,
    PERSON_ERASED,
    OrganisationStatus,
    PersonChanged,
    PersonErased,
)
from shared.database import next_version
from shared.messaging import publish_all
from shared.problems import conflict

NOT_YET = Version(epoch=0, n=0)
"""Version of what has not been stored yet."""


def _next(epoch: int, stored: Profile | Person | None) -> Version:
    return Version(epoch=epoch, n=(stored.version.n if stored else 0) + 1)


async def store_profiles(session: AsyncSession, changes: Sequence[tuple[Profile | None, Profile]]) -> list[Profile]:
    """Save organisations, ``(stored and locked, wanted)`` each, and publish one event each. Returns them as saved."""
    if not changes:
        return []
    epoch = (await next_version(session, None)).epoch
    moment = now()
    versioned = [(old, replace(new, version=_next(epoch, old), updated_at=moment)) for old, new in changes]
    try:
        await organisations.save(session, versioned)
    except IntegrityError as error:
        raise conflict("id-taken", "Another organisation has this national or supplied id.") from error
    await publish_all(
        session,
        (
            (
                ORGANISATION_WITHDRAWN if new.status is OrganisationStatus.WITHDRAWN else ORGANISATION_CHANGED,
                new.snapshot(),
            )
            for _, new in versioned
        ),
    )
    return [new for _, new in versioned]


async def store_people(session: AsyncSession, changes: Sequence[tuple[Person | None, Person]]) -> list[Person]:
    """Save people, ``(stored and locked, wanted)`` each, and publish one event each, with ids only."""
    if not changes:
        return []
    epoch = (await next_version(session, None)).epoch
    versioned = [(old, replace(new, version=_next(epoch, old))) for old, new in changes]
    try:
        await people.save(session, versioned)
    except IntegrityError as error:
        raise conflict("email-taken", "Another person has this address or supplied id.") from error
    await publish_all(
        session,
        (
            (PERSON_ERASED, _body(PersonErased, old or new, new.version))
            if new.status == "erased"
            else (PERSON_CHANGED, _body(PersonChanged, new, new.version))
            for old, new in versioned
        ),
    )
    return [replace(new, new_consents=()) for _, new in versioned]


def _body(kind: type[PersonChanged], person: Person, version: Version) -> PersonChanged:
    return kind(person_id=person.id, organisation_ids=person.organisation_ids, version=version)
