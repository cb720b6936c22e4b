"""The searchable inter-regional database: filters, full text, keyset pages."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from services.profiles.cursor import Place
from services.profiles.models import membership, organisation, statement
from shared.contracts.profiles import OrganisationKind, OrganisationStatus

SIMILAR_ENOUGH = 0.45
"""Least trigram similarity of a word in the name: forgives a misspelt letter or two."""
_THRESHOLD = "pg_trgm.word_similarity_threshold"


@dataclass(frozen=True)
class Search:
    """What is looked for. Several values of one field mean any of them; ``sectors`` holds all codes that count."""

    text: str | None = None
    countries: Collection[str] = ()
    kinds: Collection[OrganisationKind] = ()
    sectors: Collection[str] = ()
    tags: Collection[str] = ()
    region: str | None = None
    cluster: UUID | None = None
    status: OrganisationStatus = OrganisationStatus.ACTIVE
    withdrawn_only_of: frozenset[UUID] | None = None
    """Whose withdrawn organisations may be seen (own ones and members of own clusters); ``None``: everybody's."""


def _conditions(search: Search) -> list[sa.ColumnElement[bool]]:
    table = organisation.c
    found: list[sa.ColumnElement[bool]] = [table.status == search.status]
    if search.countries:
        found.append(table.country.in_(search.countries))
    if search.kinds:
        found.append(table.kind.in_(search.kinds))
    if search.sectors:
        found.append(table.sectors.overlap(sa.cast(list(search.sectors), table.sectors.type)))
    if search.tags:
        found.append(table.tags.contains(sa.cast(list(search.tags), table.tags.type)))
    if search.region:
        found.append(table.region.startswith(search.region, autoescape=True))
    if search.cluster:
        members = sa.select(membership.c.organisation_id).where(membership.c.cluster_id == search.cluster)
        found.append(table.id.in_(members))
    if search.status is OrganisationStatus.WITHDRAWN and search.withdrawn_only_of is not None:
        own = search.withdrawn_only_of
        members = sa.select(membership.c.organisation_id).where(membership.c.cluster_id.in_(own))
        found.append(table.id.in_(own) | table.id.in_(members))
    return found


def _literally(text: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """Escape the wildcards of LIKE."""
    for letter in ("\\", "%", "_"):
        text = sa.func.replace(text, letter, "\\" + letter)
    return text


async def search_page(
    session: AsyncSession, search: Search, after: Place | None, limit: int
) -> Sequence[sa.RowMapping]:
    """Return up to ``limit`` organisations after a place: by relevance when a text is looked for, else by name.

    Each row has the list's columns, ``rank`` (integer) and ``name_key``, which make the place of the next page.
    """
    table = organisation.c
    conditions = _conditions(search)
    rank: sa.ColumnElement[int] = sa.literal(0)
    if search.text:
        words = sa.func.websearch_to_tsquery("simple", sa.func.unaccent(search.text))
        await session.execute(sa.select(sa.func.set_config(_THRESHOLD, str(SIMILAR_ENOUGH), True)))
        plain = sa.func.lower(sa.func.unaccent(search.text))
        likeness = sa.func.word_similarity(plain, table.name_key)
        conditions.append(
            table.search.bool_op("@@")(words)
            | table.name_key.like(sa.func.concat("%", _literally(plain), "%"))
            | plain.bool_op("<%")(table.name_key)
        )
        # An integer, so that the cursor compares exactly.
        rank = sa.cast((sa.func.ts_rank(table.search, words) + likeness) * 1_000_000, sa.BigInteger)
    columns = [
        c for c in table if c.name not in ("search", "national_id", "supplied_id", "undertaking_group", "source")
    ]
    found = sa.select(*columns, rank.label("rank")).where(*conditions).subquery("found")
    page = sa.select(found)
    if after:
        page = page.where(
            sa.or_(
                found.c.rank < after.rank,
                sa.and_(
                    found.c.rank == after.rank,
                    sa.tuple_(found.c.name_key, found.c.id)
                    > sa.tuple_(sa.literal(after.name_key), sa.literal(after.id)),
                ),
            )
        )
    page = page.order_by(found.c.rank.desc(), found.c.name_key, found.c.id).limit(limit)
    return (await session.execute(page)).mappings().all()


async def statement_counts(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, dict[str, int]]:
    """Return how many offers and needs each organisation has."""
    query = (
        sa.select(statement.c.organisation_id, statement.c.role, sa.func.count())
        .where(statement.c.organisation_id.in_(ids))
        .group_by(statement.c.organisation_id, statement.c.role)
    )
    found: dict[UUID, dict[str, int]] = {}
    for organisation_id, role, number in await session.execute(query):
        found.setdefault(organisation_id, {})[role] = number
    return found
