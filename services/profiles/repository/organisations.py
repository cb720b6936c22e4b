"""Organisations with their statements and memberships: reading, locking, saving."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.profiles.models import membership, organisation, statement
from services.profiles.profile import Profile
from shared.contracts import Version
from shared.contracts.profiles import OrganisationKind, OrganisationStatus, Statement, StatementRole

_PLAIN = ("national_id", "supplied_id", "name", "country", "region", "city", "website", "undertaking_group", "source")

# Weights: the name, then place and tags, then what it offers and needs. The sorting key is bounded, for it stands
# in the cursor of every page.
_DERIVE = sa.text("""
    UPDATE organisation o SET
        name_key = left(lower(unaccent(o.name)), 100),
        search = setweight(to_tsvector('simple', unaccent(o.name)), 'A')
            || setweight(to_tsvector('simple', unaccent(concat_ws(' ', o.city, array_to_string(o.tags, ' ')))), 'B')
            || setweight(to_tsvector('simple', unaccent(coalesce(said.texts, ''))), 'C')
    FROM (
        SELECT one.id, string_agg(s.text, ' ') AS texts
        FROM unnest(CAST(:ids AS uuid[])) AS one(id) LEFT JOIN statement s ON s.organisation_id = one.id
        GROUP BY one.id
    ) AS said
    WHERE o.id = said.id
""")


async def lock_structure(session: AsyncSession) -> None:
    """Serialise what touches many organisations and people at once (imports, erasures), so that none deadlock."""
    await session.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('profiles.structure'))"))


async def load(session: AsyncSession, ids: Collection[UUID], *, lock: bool = False) -> dict[UUID, Profile]:
    """Return the organisations that exist; with ``lock`` nobody else changes them until the transaction ends."""
    return await _load(session, organisation.c.id.in_(ids), lock) if ids else {}


async def load_by_references(
    session: AsyncSession, national_ids: Collection[str], supplied_ids: Collection[str]
) -> dict[UUID, Profile]:
    """Return and lock the organisations that have one of these national or supplied ids."""
    condition = organisation.c.national_id.in_(national_ids) | organisation.c.supplied_id.in_(supplied_ids)
    return await _load(session, condition, lock=True)


async def _load(session: AsyncSession, condition: sa.ColumnElement[bool], lock: bool) -> dict[UUID, Profile]:
    columns = [c for c in organisation.c if c.name not in ("name_key", "search")]
    query = sa.select(*columns).where(condition).order_by(organisation.c.id)
    rows = (await session.execute(query.with_for_update() if lock else query)).mappings().all()
    ids = [row["id"] for row in rows]
    statements = await _statements(session, ids)
    clusters = await clusters_of(session, ids)
    return {row["id"]: _profile(row, statements.get(row["id"], ()), clusters.get(row["id"], ())) for row in rows}


def _profile(row: Mapping[Any, Any], statements: Iterable[Statement], clusters: Iterable[UUID]) -> Profile:
    return Profile(
        id=row["id"],
        kind=OrganisationKind(row["kind"]),
        status=OrganisationStatus(row["status"]),
        sectors=tuple(row["sectors"]),
        languages=tuple(row["languages"]),
        tags=tuple(row["tags"]),
        updated_at=row["updated_at"],
        version=Version(epoch=row["version_epoch"], n=row["version_n"]),
        statements=tuple(statements),
        clusters=tuple(clusters),
        **{name: row[name] for name in _PLAIN},
    )


async def _statements(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, list[Statement]]:
    query = sa.select(statement).where(statement.c.organisation_id.in_(ids))
    found: dict[UUID, list[Statement]] = {}
    for row in await session.execute(query.order_by(statement.c.organisation_id, statement.c.position)):
        said = Statement(
            id=row.id, role=StatementRole(row.role), text=row.text, language=row.language, illustrative=row.illustrative
        )
        found.setdefault(row.organisation_id, []).append(said)
    return found


async def clusters_of(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """Return the clusters of each organisation."""
    query = sa.select(membership).where(membership.c.organisation_id.in_(ids)).order_by(membership.c.cluster_id)
    found: dict[UUID, list[UUID]] = {}
    for row in await session.execute(query):
        found.setdefault(row.organisation_id, []).append(row.cluster_id)
    return found


async def members_of(session: AsyncSession, cluster_id: UUID) -> list[UUID]:
    """Return the organisations that are members of a cluster."""
    query = sa.select(membership.c.organisation_id).where(membership.c.cluster_id == cluster_id)
    return list(await session.scalars(query))


async def kinds_of(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, OrganisationKind]:
    """Return the kind of each organisation that exists."""
    query = sa.select(organisation.c.id, organisation.c.kind).where(organisation.c.id.in_(ids))
    return {row.id: OrganisationKind(row.kind) for row in await session.execute(query)}


async def find_references(
    session: AsyncSession, references: Collection[str]
) -> dict[str, tuple[UUID, OrganisationKind]]:
    """Return organisations by supplied or national id; a supplied id goes before an equal national one."""
    query = sa.select(
        organisation.c.id, organisation.c.kind, organisation.c.supplied_id, organisation.c.national_id
    ).where(organisation.c.supplied_id.in_(references) | organisation.c.national_id.in_(references))
    rows = (await session.execute(query)).all() if references else []
    by_national = {row.national_id: (row.id, OrganisationKind(row.kind)) for row in rows if row.national_id}
    by_supplied = {row.supplied_id: (row.id, OrganisationKind(row.kind)) for row in rows if row.supplied_id}
    return by_national | by_supplied


def _columns(profile: Profile) -> dict[str, Any]:
    return {
        "id": profile.id,
        "kind": profile.kind.value,
        "status": profile.status.value,
        "sectors": list(profile.sectors),
        "languages": list(profile.languages),
        "tags": list(profile.tags),
        "updated_at": profile.updated_at,
        "version_epoch": profile.version.epoch,
        "version_n": profile.version.n,
        **{name: getattr(profile, name) for name in _PLAIN},
    }


async def save(session: AsyncSession, changes: Sequence[tuple[Profile | None, Profile]]) -> None:
    """Write new and changed organisations, ``(stored, wanted)`` each, in a few statements for all of them."""
    created = [_columns(new) for old, new in changes if old is None]
    updated = [_columns(new) for old, new in changes if old is not None]
    if created:
        await session.execute(sa.insert(organisation), created)
    if updated:
        values: dict[str, Any] = {name: sa.bindparam(name) for name in updated[0] if name != "id"}
        query = sa.update(organisation).where(organisation.c.id == sa.bindparam("key")).values(values)
        await session.execute(query, [{**each, "key": each["id"]} for each in updated])
    await _save_memberships(session, changes)
    await _save_statements(session, changes)
    await session.execute(_DERIVE, {"ids": [new.id for _, new in changes]})


async def _save_memberships(session: AsyncSession, changes: Sequence[tuple[Profile | None, Profile]]) -> None:
    left, joined = [], []
    for old, new in changes:
        before, after = set(old.clusters if old else ()), set(new.clusters)
        left += [(new.id, each) for each in before - after]
        joined += [{"organisation_id": new.id, "cluster_id": each} for each in sorted(after - before)]
    if left:
        pair = sa.tuple_(membership.c.organisation_id, membership.c.cluster_id)
        await session.execute(sa.delete(membership).where(pair.in_(left)))
    if joined:
        await session.execute(sa.insert(membership), joined)


async def _save_statements(session: AsyncSession, changes: Sequence[tuple[Profile | None, Profile]]) -> None:
    gone: list[UUID] = []
    said: list[dict[str, Any]] = []
    for old, new in changes:
        if old and old.statements == new.statements:
            continue
        kept = {each.id for each in new.statements}
        gone += [each.id for each in (old.statements if old else ()) if each.id not in kept]
        said += [
            {"organisation_id": new.id, "position": position, **each.model_dump(mode="json"), "id": each.id}
            for position, each in enumerate(new.statements)
        ]
    if gone:
        await session.execute(sa.delete(statement).where(statement.c.id.in_(gone)))
    if said:
        upsert = insert(statement)
        await session.execute(
            upsert.on_conflict_do_update(
                index_elements=["id"],
                set_={name: upsert.excluded[name] for name in ("position", "language", "illustrative")},
            ),
            said,
        )


async def delete(session: AsyncSession, organisation_id: UUID) -> None:
    """Delete an organisation with its statements, memberships and the roles of its people."""
    await session.execute(sa.delete(organisation).where(organisation.c.id == organisation_id))
