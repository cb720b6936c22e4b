"""Use case: find organisations."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from services.profiles import access
from services.profiles.cursor import Place
from services.profiles.repository import organisations as repository
from services.profiles.repository.search import Search, search_page, statement_counts
from services.profiles.schemas import OrganisationLine, Page
from shared import reference
from shared.auth import Principal, RoleName
from shared.contracts.profiles import OrganisationKind, OrganisationStatus
from shared.problems import unprocessable

MOST = 20
Text = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]


class Filters(BaseModel):
    """The query of the list. An empty text is no filter, so that a plain HTML form can ask."""

    q: Text = ""
    country: Annotated[list[str], Field(max_length=MOST)] = []
    kind: Annotated[list[str], Field(max_length=MOST)] = []
    sector: Annotated[list[str], Field(max_length=MOST)] = []
    tag: Annotated[list[Text], Field(max_length=MOST)] = []
    region: Text = ""
    cluster: UUID | Annotated[str, Field(max_length=0)] | None = None
    status: OrganisationStatus = OrganisationStatus.ACTIVE
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str, Field(max_length=2_000)] = ""


def _countries(codes: list[str]) -> list[str]:
    found = [reference.country(code) for code in codes if code]
    if None in found:
        raise unprocessable("unknown-country", "This is no ISO 3166-1 country code such as AT.", field="country")
    return [each.code for each in found if each]


def _kinds(words: list[str]) -> list[OrganisationKind]:
    try:
        return [OrganisationKind(word) for word in words if word]
    except ValueError as error:
        raise unprocessable("unknown-kind", "There is no such kind of organisation.", field="kind") from error


def _sectors(codes: list[str]) -> list[str]:
    """Return the codes and all below them: who looks for 28 also means 28.99."""
    wanted = {code.upper() for code in codes if code}
    if any(reference.sector(code) is None for code in wanted):
        raise unprocessable("unknown-sector", "This is no NACE Rev. 2.1 code such as 28.99.", field="sector")
    return reference.sectors_within(wanted)


def _place(cursor: str) -> Place | None:
    try:
        return Place.parse(cursor) if cursor else None
    except ValueError as error:
        raise unprocessable("malformed-cursor", "This cursor is none of ours; begin at the first page.") from error


async def find(session: AsyncSession, caller: Principal, filters: Filters) -> Page[OrganisationLine]:
    """Return a page of organisations. Withdrawn ones are shown only to their own people, hubs, auditors, operators."""
    everything = caller.is_service or access.is_operator(caller) or caller.has(RoleName.AUDITOR)
    if filters.region and reference.region(filters.region) is None and reference.country(filters.region) is None:
        raise unprocessable("unknown-region", "This is no NUTS 2024 region such as AT221.", field="region")
    search = Search(
        text=filters.q.strip() or None,
        countries=_countries(filters.country),
        kinds=_kinds(filters.kind),
        sectors=_sectors(filters.sector),
        tags=[each.strip().casefold() for each in filters.tag if each.strip()],
        region=filters.region or None,
        cluster=filters.cluster if isinstance(filters.cluster, UUID) else None,
        status=filters.status,
        withdrawn_only_of=None if everything else frozenset(caller.organisations()),
    )
    rows = await search_page(session, search, _place(filters.cursor), filters.limit + 1)
    shown = rows[: filters.limit]
    ids = [row["id"] for row in shown]
    clusters = await repository.clusters_of(session, ids)
    counts = await statement_counts(session, ids)
    lines = [
        OrganisationLine.model_validate(
            {
                **row,
                "version": f"{row['version_epoch']}.{row['version_n']}",
                "clusters": clusters.get(row["id"], []),
                "offers": counts.get(row["id"], {}).get("offer", 0),
                "needs": counts.get(row["id"], {}).get("need", 0),
            }
        )
        for row in shown
    ]
    last = shown[-1] if len(rows) > filters.limit else None
    cursor = str(Place(last["rank"], last["name_key"], last["id"])) if last else None
    return Page(items=lines, next_cursor=cursor)
