"""Statements on the projections: organisations, programmes, suggestions."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.notifier.models import Notice, Organisation, Programme, Suggestion
from shared.contracts.matching import SuggestionSnapshot, SuggestionState
from shared.contracts.mobility import ProgrammeSnapshot
from shared.contracts.profiles import OrganisationErased, OrganisationSnapshot
from shared.database import upsert_if_newer


async def store_organisation(session: AsyncSession, snapshot: OrganisationSnapshot) -> None:
    """Project an organisation."""
    values = {
        "name": snapshot.name,
        "country": snapshot.country,
        "kind": snapshot.kind,
        "languages": list(snapshot.languages),
        "clusters": list(snapshot.clusters),
        "status": snapshot.status,
        "source": snapshot.source,
    }
    key = {"organisation_id": snapshot.organisation_id}
    await upsert_if_newer(session, Organisation, key, snapshot.version, values)


async def erase_organisation(session: AsyncSession, erased: OrganisationErased) -> bool:
    """Forget all but the id of an organisation, and the suggestions that quote it. ``False`` if stale."""
    values: dict[str, Any] = {
        "name": None,
        "country": None,
        "kind": None,
        "languages": [],
        "clusters": [],
        "status": "erased",
    }
    key = {"organisation_id": erased.organisation_id}
    if not await upsert_if_newer(session, Organisation, key, erased.version, {**values, "source": None}):
        return False
    either = sa.or_(
        col(Suggestion.first_id) == erased.organisation_id, col(Suggestion.second_id) == erased.organisation_id
    )
    await session.execute(
        sa.update(Suggestion).where(either).values(state=SuggestionState.WITHDRAWN, reason="", evidence=[], call=None)
    )
    return True


async def organisations(session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, Organisation]:
    """Return the organisations that are known and not erased, by id."""
    found = await session.scalars(
        sa.select(Organisation).where(
            col(Organisation.organisation_id).in_(set(ids)), col(Organisation.name).is_not(None)
        )
    )
    return {each.organisation_id: each for each in found}


async def store_programme(session: AsyncSession, snapshot: ProgrammeSnapshot) -> None:
    """Project a programme's name."""
    key = {"programme_id": snapshot.programme_id}
    await upsert_if_newer(session, Programme, key, snapshot.version, {"name": snapshot.name})


async def programme_name(session: AsyncSession, programme_id: UUID) -> str | None:
    """Return a programme's name, ``None`` while it is unknown."""
    programme = await session.get(Programme, programme_id)
    return programme.name if programme else None


async def store_suggestion(session: AsyncSession, snapshot: SuggestionSnapshot) -> bool:
    """Project a suggestion as it stands. ``False`` if a newer state is already there."""
    values = {
        "first_id": snapshot.first_id,
        "second_id": snapshot.second_id,
        "state": snapshot.state,
        "score": snapshot.score,
        "reason": snapshot.reason,
        "evidence": [each.model_dump(mode="json") for each in snapshot.evidence],
        "call": snapshot.call.model_dump(mode="json") if snapshot.call else None,
        "first_answer": snapshot.first_answer,
        "second_answer": snapshot.second_answer,
    }
    key = {"suggestion_id": snapshot.suggestion_id}
    return await upsert_if_newer(session, Suggestion, key, snapshot.version, values)


async def suggestions(session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, Suggestion]:
    """Return suggestions by id."""
    found = await session.scalars(sa.select(Suggestion).where(col(Suggestion.suggestion_id).in_(set(ids))))
    return {each.suggestion_id: each for each in found}


async def suggestions_of(session: AsyncSession, delivery_id: UUID) -> list[tuple[Suggestion, UUID]]:
    """Return the suggestions a delivery bundles, best first, each with the organisation it was sent on behalf of."""
    rows = await session.execute(
        sa.select(Suggestion, col(Notice.organisation_id))
        .join(Notice, col(Notice.subject_id) == col(Suggestion.suggestion_id))
        .where(col(Notice.delivery_id) == delivery_id)
        .order_by(col(Suggestion.score).desc(), col(Suggestion.suggestion_id))
    )
    return [(suggestion, organisation_id) for suggestion, organisation_id in rows]
