"""The cluster hub's page and its roadmaps."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request, Response

from services.console import repository
from services.console.asking import act, ask, ask_one, must, names_of
from services.console.schemas import Roadmap, Visit, cursor_of, many, one
from services.console.web import Page, SignedIn, page, see
from shared.auth import RoleName
from shared.http import Ctx
from shared.problems import Problem, unprocessable

MEMBERS_SHOWN = 200
CLUSTERS_OFFERED = 500
LINES = 25

router = APIRouter(route_class=Page)

Acting = Annotated[UUID | None, Query(alias="organisation_id")]


@router.get("/hub")
async def hub(request: Request, context: Ctx, visitor: SignedIn, acting: Acting = None) -> Response:
    """Show what waits for the hub, its members and its roadmaps; the rest stays when one service is away."""
    ours = visitor.acts_for(acting, RoleName.HUB_MANAGER)
    answers = await ask(
        context,
        visitor,
        {
            "mobility": ("/visits", {"waiting_for": ours, "limit": LINES}),
            "matching": ("/roadmaps", {"organisation_id": ours, "limit": 5}),
        },
    )
    async with context.database.session() as session:
        members = await repository.members(session, ours, MEMBERS_SHOWN)
    away = [service for service, answer in answers.items() if isinstance(answer, Problem)]
    return page(
        request,
        "hub.html",
        ours=ours,
        visits=[] if "mobility" in away else many(Visit, must(answers, "mobility")),
        roadmaps=[] if "matching" in away else many(Roadmap, must(answers, "matching")),
        away=away,
        members=members,
        choices=visitor.organisations(RoleName.HUB_MANAGER),
        names=await names_of(context, visitor.organisations(RoleName.HUB_MANAGER)),
    )


@router.get("/roadmaps")
async def roadmaps(
    request: Request,
    context: Ctx,
    visitor: SignedIn,
    acting: Acting = None,
    cursor: Annotated[str, Query(max_length=400)] = "",
) -> Response:
    """List the cluster's roadmaps and offer to draft another with clusters that have members."""
    ours = visitor.acts_for(acting, RoleName.HUB_MANAGER)
    query = {"organisation_id": ours, "limit": LINES, "cursor": cursor}
    answer = await ask_one(context, visitor, "matching", "/roadmaps", **query)
    found = many(Roadmap, answer)
    async with context.database.session() as session:
        clusters = await repository.member_counts(session, CLUSTERS_OFFERED)
    return page(
        request,
        "roadmaps.html",
        ours=ours,
        roadmaps=found,
        cursor=cursor_of(answer),
        clusters=[(each, members) for each, members in clusters if each.id != ours],
        choices=visitor.organisations(RoleName.HUB_MANAGER),
        names=await names_of(
            context,
            [*visitor.organisations(RoleName.HUB_MANAGER), *(each for one in found for each in one.cluster_ids)],
        ),
    )


@router.post("/roadmaps")
async def draft(
    context: Ctx,
    visitor: SignedIn,
    organisation_id: Annotated[UUID, Form()],
    partner_id: Annotated[list[UUID] | None, Form()] = None,
) -> Response:
    """Draft a roadmap of one's own cluster with others."""
    if not partner_id:
        raise unprocessable("another-cluster", "Choose at least one other cluster.")
    body = {"cluster_ids": [str(each) for each in dict.fromkeys([organisation_id, *partner_id])]}
    made = one(Roadmap, await act(context, visitor, "matching", "/roadmaps", body))
    return see(f"/roadmaps/{made.roadmap_id}", done="roadmap")


@router.get("/roadmaps/{roadmap_id}")
async def roadmap(request: Request, context: Ctx, visitor: SignedIn, roadmap_id: UUID) -> Response:
    """Show a roadmap as a picture and as a table: themes by clusters, strengths and gaps."""
    found = one(Roadmap, await ask_one(context, visitor, "matching", f"/roadmaps/{roadmap_id}"))
    names = await names_of(context, list(found.cluster_ids))
    by_theme = [{each.cluster_id: each for each in theme.strengths} for theme in found.themes]
    return page(
        request,
        "roadmap.html",
        roadmap=found,
        strengths=by_theme,
        names=names,
        labels={each: found.cluster_names.get(each) or names.of(each) for each in found.cluster_ids},
    )
