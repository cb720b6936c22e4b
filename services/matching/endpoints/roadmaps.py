"""Roadmaps of clusters."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.access import require_draft_right, sees_roadmaps_of
from services.matching.engine import engine_of
from services.matching.models import Roadmap
from services.matching.repository import roadmaps as rows
from services.matching.repository.profiles import names_of
from services.matching.roadmaps import DRAFT, ask_for_roadmap
from services.matching.schemas import RoadmapBody, RoadmapPage, RoadmapView
from services.matching.work import jobs
from shared.audit import audit
from shared.contracts.matching import Theme
from shared.http import Caller, Ctx, Session
from shared.problems import not_found, unprocessable

router = APIRouter(prefix="/roadmaps", tags=["roadmaps"])


@router.post("", status_code=202)
async def ask(caller: Caller, context: Ctx, session: Session, body: RoadmapBody) -> RoadmapView:
    """Ask for a roadmap; it is ``drafting`` at first and ``drafted`` some seconds later."""
    require_draft_right(caller, body.cluster_ids)
    roadmap = await ask_for_roadmap(session, engine_of(context), body.cluster_ids)
    await jobs.enqueue(session, DRAFT, {"roadmap_id": str(roadmap.id)}, timer_id=str(roadmap.id))
    detail = {"clusters": [str(each) for each in roadmap.cluster_ids]}
    await audit(session, caller, "roadmap.asked", None, roadmap.id, detail)
    return (await _views(session, [roadmap]))[0]


@router.get("")
async def list_roadmaps(
    caller: Caller,
    session: Session,
    organisation_id: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str, Query(max_length=100)] = "",
) -> RoadmapPage:
    """List the roadmaps that the caller may see, newest first."""
    visible = sees_roadmaps_of(caller)
    if organisation_id is not None:
        if visible is not None and organisation_id not in visible:
            raise not_found("organisation", organisation_id)
        visible = {organisation_id}
    found = await rows.page(session, limit + 1, _place(cursor), visible)
    following = str(found[limit - 1].id) if len(found) > limit else None
    return RoadmapPage(items=await _views(session, found[:limit]), next_cursor=following)


def _place(cursor: str) -> UUID | None:
    try:
        return UUID(cursor) if cursor else None
    except ValueError as error:
        raise unprocessable("malformed-cursor", "This cursor is none of ours; begin at the first page.") from error


@router.get("/{roadmap_id}")
async def show(caller: Caller, session: Session, roadmap_id: UUID) -> RoadmapView:
    """Show one roadmap."""
    roadmap = await rows.find(session, roadmap_id)
    visible = sees_roadmaps_of(caller)
    if roadmap is None or (visible is not None and not visible & set(roadmap.cluster_ids)):
        raise not_found("roadmap", roadmap_id)
    return (await _views(session, [roadmap]))[0]


async def _views(session: AsyncSession, found: Sequence[Roadmap]) -> list[RoadmapView]:
    names = await names_of(session, {each for roadmap in found for each in roadmap.cluster_ids})
    return [
        RoadmapView(
            roadmap_id=roadmap.id,
            state=roadmap.state,
            title=roadmap.title,
            cluster_ids=roadmap.cluster_ids,
            cluster_names={each: names[each][0] for each in roadmap.cluster_ids if each in names},
            themes=[Theme.model_validate(each) for each in roadmap.themes],
            model_version=roadmap.model_version,
            asked_at=roadmap.asked_at,
            drafted_at=roadmap.drafted_at,
        )
        for roadmap in found
    ]
