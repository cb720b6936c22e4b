"""Use cases of roadmaps in their first form: asked for, drafted by the queue, redacted after an erasure."""

import asyncio
from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.encoder.spaces import Space
from services.matching.engine import Engine
from services.matching.models import Roadmap
from services.matching.picture import Picture
from services.matching.repository import profiles
from services.matching.repository import roadmaps as rows
from services.matching.succession import follow
from services.matching.themes import Voice, find_themes
from shared.clock import now
from shared.contracts import Version
from shared.contracts.matching import ROADMAP_DRAFTED, RoadmapSnapshot, Theme
from shared.contracts.profiles import OrganisationKind, OrganisationStatus, StatementRole
from shared.database import Database, next_version
from shared.ids import new_id
from shared.messaging import Unprocessable, publish
from shared.problems import unprocessable

DRAFT = "draft-roadmap"
"""The job that finds a roadmap's themes."""

DRAFTING, DRAFTED = "drafting", "drafted"


class NotReadYetError(Exception):
    """Some statements of the members wait to be read: the job is tried again later."""


async def ask_for_roadmap(session: AsyncSession, engine: Engine, cluster_ids: Collection[UUID]) -> Roadmap:
    """Store a roadmap that is to be drafted. Raises a 422 problem unless two or more active clusters are named."""
    wanted = sorted(set(cluster_ids))
    if len(wanted) < 2:
        raise unprocessable("too-few-clusters", "A roadmap needs two or more different clusters.")
    names = []
    for each in wanted:
        found = await profiles.organisation(session, each)
        if found is None or found.status != OrganisationStatus.ACTIVE or found.kind != OrganisationKind.CLUSTER:
            raise unprocessable("no-such-cluster", f"There is no active cluster {each}.", cluster_id=str(each))
        names.append(found.name)
    version = await next_version(session, None)
    roadmap = Roadmap(
        id=new_id(), cluster_ids=wanted, title="Roadmap of " + " and ".join(names), state=DRAFTING, themes=[],
        model_version=engine.version, asked_at=now(),
        version_epoch=version.epoch, version_n=version.n,
    )  # fmt: skip
    await rows.add(session, roadmap)
    return roadmap


async def draft_roadmap(database: Database, engine: Engine, roadmap_id: UUID) -> None:
    """Find the themes of the clusters' members' statements and tell everyone. A second run changes nothing."""
    shown = await follow(database, engine)
    will_read = await engine.reads(shown)
    async with database.session() as session:
        roadmap = await rows.find(session, roadmap_id)
        if roadmap is None:
            raise Unprocessable(f"there is no roadmap {roadmap_id}")
        if roadmap.state == DRAFTED:
            return
        voices = await _voices(session, shown, will_read, roadmap.cluster_ids)
    themes = await asyncio.to_thread(find_themes, voices, roadmap.cluster_ids)
    async with database.transaction() as session:
        locked = await rows.lock(session, roadmap_id)
        if locked is None or locked.state == DRAFTED:
            return
        locked.themes = [theme.model_dump(mode="json") for theme in themes]
        locked.state, locked.drafted_at, locked.model_version = DRAFTED, now(), shown.version
        await _tell(session, locked)


async def _voices(session: AsyncSession, shown: Picture, will_read: bool, cluster_ids: Sequence[UUID]) -> list[Voice]:
    """Return what members say. ``will_read``: whether what is not read yet will be, and is to be waited for."""
    members = {each.id: each for each in await profiles.members_of(session, cluster_ids)}
    statements = await profiles.statements_of(session, list(members))
    if any(each.encoded_with is None for each in statements) and will_read:
        raise NotReadYetError("some statements of the members wait to be read")
    vectors = await profiles.vectors_of(session, shown.version, list(members))
    multilingual = shown.fusion.part(Space.MULTILINGUAL)
    asked = frozenset(cluster_ids)
    return [
        Voice(
            each.id,
            StatementRole(each.role),
            each.language,
            each.read_text,
            asked & {*members[each.organisation_id].clusters, each.organisation_id},
            vectors[each.text_hash][multilingual],
        )
        for each in statements
        if each.text_hash in vectors
    ]


async def _tell(session: AsyncSession, roadmap: Roadmap) -> None:
    version = await next_version(session, Version(epoch=roadmap.version_epoch, n=roadmap.version_n))
    roadmap.version_epoch, roadmap.version_n = version.epoch, version.n
    await session.flush()
    body = RoadmapSnapshot(
        version=version,
        roadmap_id=roadmap.id,
        cluster_ids=tuple(roadmap.cluster_ids),
        title=roadmap.title,
        themes=tuple(Theme.model_validate(each) for each in roadmap.themes),
        model_version=roadmap.model_version,
        drafted_at=roadmap.drafted_at or now(),
    )
    await publish(session, ROADMAP_DRAFTED, body)


async def redact_roadmaps(session: AsyncSession, organisation_id: UUID, statement_ids: Collection[UUID]) -> None:
    """Take an erased organisation's statements out of drafted roadmaps; one of an erased cluster loses title and
    themes.
    """
    gone = {str(each) for each in statement_ids}
    for roadmap in await rows.lock_quoting(session, statement_ids, organisation_id):
        if organisation_id in roadmap.cluster_ids:
            roadmap.title, roadmap.themes = "Roadmap with an erased cluster", []
        else:
            roadmap.themes = [
                {**theme, "statement_ids": [each for each in theme["statement_ids"] if each not in gone]}
                for theme in roadmap.themes
            ]
        if roadmap.state == DRAFTED:
            await _tell(session, roadmap)
