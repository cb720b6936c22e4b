"""Which ranker judges, which wait or have failed, and why: for whoever runs the installation or audits it."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from services.matching.access import scope_of
from services.matching.models import RankerRow
from services.matching.repository import rankers
from services.matching.schemas import RankerPage, RankerView
from shared.http import Caller, Session
from shared.problems import forbidden, unprocessable

router = APIRouter(tags=["rankers"])


@router.get("/rankers")
async def list_rankers(
    caller: Caller,
    session: Session,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str, Query(max_length=100)] = "",
) -> RankerPage:
    """List all rankers there have been, newest first, with the reports that say why they judge or do not."""
    if not scope_of(caller).everything:
        raise forbidden("Only operators and auditors of the whole installation may see its rankers.")
    found = await rankers.page(session, limit + 1, _place(cursor))
    shown = found[:limit]
    following = f"{shown[-1].made_at.isoformat()}_{shown[-1].version}" if len(found) > limit else None
    return RankerPage(items=[_view(row) for row in shown], next_cursor=following)


def _view(row: RankerRow) -> RankerView:
    return RankerView(
        version=row.version,
        state=row.state,
        source=str(row.parameters.get("source", "")),
        made_at=row.made_at,
        learned_until=row.learned_until,
        report=row.report,
    )


def _place(cursor: str) -> tuple[datetime, str] | None:
    if not cursor:
        return None
    moment, _, version = cursor.partition("_")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError as error:
        raise unprocessable("malformed-cursor", "This cursor is none of ours; begin at the first page.") from error
    if at.tzinfo is None or not version:
        raise unprocessable("malformed-cursor", "This cursor is none of ours; begin at the first page.")
    return at, version
