"""Projections: organisations, people (ids only) and connections."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.mobility import facts
from services.mobility.aid import undertakings
from services.mobility.models import Connection, Organisation, Person
from shared.contracts.matching import SuggestionSnapshot
from shared.contracts.profiles import (
    OrganisationErased,
    OrganisationKind,
    OrganisationSnapshot,
    OrganisationStatus,
    PersonChanged,
)
from shared.database import upsert_if_newer


async def known(session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, Organisation]:
    """Return those of the organisations that are known here."""
    statement = sa.select(Organisation).where(col(Organisation.organisation_id).in_(set(ids)))
    return {each.organisation_id: each for each in await session.scalars(statement)}


def fact(row: Organisation) -> facts.Organisation:
    """Return a projected organisation as the rules know it."""
    return facts.Organisation(row.organisation_id, row.name, row.kind, row.country, frozenset(row.clusters), row.active)


async def names(session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return the names of the organisations that are known here."""
    return {key: each.name for key, each in (await known(session, ids)).items()}


async def lock_person(session: AsyncSession, person_id: UUID) -> Person | None:
    """Return the person, locked: requests for visits of one person queue up here."""
    statement = sa.select(Person).where(col(Person.person_id) == person_id).with_for_update()
    return (await session.scalars(statement)).one_or_none()


async def connection(session: AsyncSession, connection_id: UUID) -> Connection | None:
    """Return a connection by its id (that of its suggestion)."""
    return await session.get(Connection, connection_id)


async def put_organisation(session: AsyncSession, body: OrganisationSnapshot) -> bool:
    """Project a profile; ``False`` if a newer one is stored."""
    values = {
        "kind": body.kind,
        "name": body.name,
        "country": body.country,
        "city": body.city,
        "clusters": list(body.clusters),
        "active": body.status is OrganisationStatus.ACTIVE,
        "undertaking_group": undertakings.key(body.undertaking_group),
        "sectors": list(body.sectors),
    }
    return await upsert_if_newer(session, Organisation, {"organisation_id": body.organisation_id}, body.version, values)


async def erase_organisation(session: AsyncSession, body: OrganisationErased) -> bool:
    """Forget the profile but keep the id: vouchers paid to it stay in the ledger."""
    values: dict[str, Any] = {
        "kind": OrganisationKind.SME,
        "name": "",
        "country": "",
        "city": None,
        "clusters": [],
        "active": False,
        "undertaking_group": None,
        "sectors": [],
    }
    return await upsert_if_newer(session, Organisation, {"organisation_id": body.organisation_id}, body.version, values)


async def put_person(session: AsyncSession, body: PersonChanged, erased: bool) -> bool:
    """Project that a person exists and for whom she works; ``False`` if something newer is stored."""
    values = {"organisation_ids": [] if erased else list(body.organisation_ids), "erased": erased}
    return await upsert_if_newer(session, Person, {"person_id": body.person_id}, body.version, values)


async def put_connection(session: AsyncSession, body: SuggestionSnapshot) -> bool:
    """Project a connection; ``False`` if something newer is stored."""
    values = {"first_id": body.first_id, "second_id": body.second_id, "connected_at": body.connected_at}
    return await upsert_if_newer(session, Connection, {"suggestion_id": body.suggestion_id}, body.version, values)
