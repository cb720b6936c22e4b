"""The example's two services: ``profiles`` announces organisations, ``matching`` projects them and reacts once."""

import os
import signal
import sys
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field

from shared.contracts import Version
from shared.contracts.profiles import (
    ORGANISATION_CHANGED,
    ORGANISATION_ERASED,
    OrganisationErased,
    OrganisationKind,
    OrganisationSnapshot,
)
from shared.database import Database, next_version, table_base, upsert_if_newer
from shared.messaging import Event, Handlers, Jobs, Unprocessable, claim, migrations, publish
from shared.messaging.consumer import Processor
from shared.messaging.relay import Relay
from shared.service import Service
from shared.settings import ServiceSettings

Base = table_base()


class Known(Base, table=True):  # type: ignore[misc, valid-type]
    """The projection: what the second service knows of an organisation, and how often it was written."""

    organisation_id: UUID = Field(primary_key=True)
    name: str
    version_epoch: int
    version_n: int
    highest_seen: int = 0


class Effect(Base, table=True):  # type: ignore[misc, valid-type]
    """The reaction's effect: one row is one mail, one payment. No unique key here on purpose."""

    id: int | None = Field(default=None, primary_key=True)
    organisation_id: UUID
    version: str


class Counter(Base, table=True):  # type: ignore[misc, valid-type]
    """The first service's aggregate."""

    organisation_id: UUID = Field(primary_key=True)
    n: int


def create_tables(connection: sa.Connection) -> None:
    """Create the messaging tables (as a migration does) and the example's own."""
    migrations.create(Operations(MigrationContext.configure(connection)))
    Base.metadata.create_all(connection)


def snapshot(organisation_id: UUID, n: int, name: str = "Acme", epoch: int = 1, **extra: Any) -> OrganisationSnapshot:
    """Return the snapshot of an example organisation."""
    return OrganisationSnapshot(
        organisation_id=organisation_id,
        version=Version(epoch=epoch, n=n),
        kind=OrganisationKind.SME,
        name=name,
        country="AT",
        updated_at=datetime(2026, 11, 1, tzinfo=UTC),
        **extra,
    )


async def announce(database: Database, organisation_id: UUID, name: str = "Acme") -> Version:
    """Change the aggregate and publish the change in one transaction."""
    async with database.transaction() as session:
        return await announce_in(session, organisation_id, name)


async def announce_in(session: AsyncSession, organisation_id: UUID, name: str = "Acme") -> Version:
    """Change the aggregate and publish the change in the caller's transaction."""
    insert = sa.text("INSERT INTO counter (organisation_id, n) VALUES (:id, 0) ON CONFLICT DO NOTHING")
    await session.execute(insert, {"id": organisation_id})
    locked = sa.text("SELECT n FROM counter WHERE organisation_id = :id FOR UPDATE")
    n = await session.scalar(locked, {"id": organisation_id})
    version = await next_version(session, Version(epoch=1, n=n or 0))
    update = sa.text("UPDATE counter SET n = :n WHERE organisation_id = :id")
    await session.execute(update, {"n": version.n, "id": organisation_id})
    await publish(session, ORGANISATION_CHANGED, snapshot(organisation_id, version.n, name, version.epoch))
    return version


sender = Service(name="profiles", settings=ServiceSettings)

handlers = Handlers("matching")
jobs = Jobs()


@handlers.on(ORGANISATION_CHANGED)
async def keep(session: AsyncSession, event: Event[OrganisationSnapshot]) -> None:
    """Project the organisation; react once per version; the name decides about failures."""
    organisation = event.body
    if organisation.name == "fails" or organisation.name in os.environ.get("EXAMPLE_FAILS", "").split(","):
        raise RuntimeError("the example fails on this name")
    if organisation.name == "impossible":
        raise Unprocessable("the example can't do this")
    values = {"name": organisation.name, "highest_seen": event.version.n}
    await upsert_if_newer(session, Known, {"organisation_id": organisation.organisation_id}, event.version, values)
    key = f"known:{organisation.organisation_id}:{event.version}"
    if os.environ.get("EXAMPLE_WITHOUT_BUSINESS_KEY") or await claim(session, key):
        session.add(Effect(organisation_id=organisation.organisation_id, version=str(event.version)))
        await session.flush()


@handlers.on(ORGANISATION_ERASED)
async def forget(session: AsyncSession, event: Event[OrganisationErased]) -> None:
    """Drop the projection of an erased organisation."""
    delete = sa.text("DELETE FROM known WHERE organisation_id = :id AND version_epoch <= :epoch")
    await session.execute(delete, {"id": event.body.organisation_id, "epoch": event.version.epoch})


receiver = Service(name="matching", settings=ServiceSettings, handlers=handlers, jobs=jobs)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(point: str) -> None:
    """Patch this process so that it is killed at a point of the messaging; the product itself has no such switch."""
    if point == "after publish, before mark":

        async def note(self: Relay, *_arguments: Any) -> None:
            _die()

        Relay._note = note  # type: ignore[method-assign]
    elif point == "before publish":

        async def send(self: Relay, *_arguments: Any) -> Any:
            _die()

        Relay._send = send  # type: ignore[method-assign]
    elif point == "after effect, before offset commit":
        process = Processor._process

        async def dying(self: Processor, *arguments: Any) -> None:
            await process(self, *arguments)
            _die()

        Processor._process = dying  # type: ignore[method-assign]
    elif point == "mid-handler":
        dispatch = Processor.dispatch

        async def dying_dispatch(self: Processor, *arguments: Any) -> None:
            await dispatch(self, *arguments)
            if arguments[1].headers.get("ce_aggregateversion") == "1.2":
                _die()

        Processor.dispatch = dying_dispatch  # type: ignore[method-assign]
    elif point == "after a dead letter":
        bury = Processor._give_up

        async def dying_bury(self: Processor, *arguments: Any) -> None:
            await bury(self, *arguments)
            _die()

        Processor._give_up = dying_bury  # type: ignore[method-assign]
    else:
        raise ValueError(point)


if __name__ == "__main__":
    if point := os.environ.get("EXAMPLE_DIES"):
        die_at(point)
    {"sender": sender, "receiver": receiver}[sys.argv.pop(1)].main()
