"""Use cases of the projections: take over a profile, forget an erased one."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.encoder.spaces import read_text
from services.matching.encoder.text import text_hash
from services.matching.repository import history, profiles
from services.matching.roadmaps import redact_roadmaps
from services.matching.suggestions import redact_suggestions, work_to_do
from shared.contracts.profiles import OrganisationErased, OrganisationSnapshot, Statement
from shared.messaging import redact

MARKER_TAGS = "illustrative"
"""Tags that begin so mark made-up demo data; having one in common says nothing about a pair."""


async def take_over(session: AsyncSession, body: OrganisationSnapshot) -> bool:
    """Store a profile and its statements unless a newer version is known; a round is owed afterwards."""
    values: dict[str, Any] = {
        "kind": str(body.kind),
        "name": body.name,
        "country": body.country,
        "region": body.region,
        "sectors": list(body.sectors),
        "languages": list(body.languages),
        "tags": [tag for tag in body.tags if not tag.startswith(MARKER_TAGS)],
        "clusters": list(body.clusters),
        "undertaking_group": body.undertaking_group,
        "status": str(body.status),
    }
    if not await profiles.save_organisation(session, body.organisation_id, body.version, values):
        return False
    await profiles.replace_statements(session, body.organisation_id, [_row(each) for each in body.statements])
    work_to_do.ring_after_commit(session)
    return True


def _row(statement: Statement) -> dict[str, Any]:
    read = read_text(statement.text, statement.language)
    return {
        "id": statement.id,
        "role": str(statement.role),
        "text": statement.text,
        "language": read.language,
        "read_text": read.text,
        "text_hash": text_hash(read.language, read.text),
        "illustrative": statement.illustrative,
        "encoded_with": None,
    }


async def forget(session: AsyncSession, body: OrganisationErased) -> bool:
    """Erase an organisation: its words, their vectors, and what suggestions, roadmaps and the journal quote of it."""
    values: dict[str, Any] = {
        "kind": "",
        "name": "",
        "country": "",
        "region": None,
        "undertaking_group": None,
        "status": profiles.ERASED,
    }
    values |= {"sectors": [], "languages": [], "tags": [], "clusters": []}
    await history.one_at_a_time(session)
    if not await profiles.save_organisation(session, body.organisation_id, body.version, values):
        return False
    said = [each.id for each in await profiles.statements_of(session, [body.organisation_id])]
    await profiles.replace_statements(session, body.organisation_id, [])
    await profiles.forget_vectors(session, await history.forget_organisation(session, body.organisation_id))
    await redact(session, body.organisation_id)
    await redact_suggestions(session, body.organisation_id)
    await redact_roadmaps(session, body.organisation_id, said)
    return True
