"""What operators do with jobs that were given up, in every service: look at them, and have them tried again."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from shared.audit import audit
from shared.http import Caller, Session, operator_only
from shared.messaging.jobs import dead_jobs, redrive_jobs
from shared.problems import unprocessable

router = APIRouter(prefix="/operations/jobs", tags=["operations"], dependencies=[Depends(operator_only)])

MOST_SHOWN = 1000

JobId = Annotated[int, Field(ge=1, lt=2**63)]


class RedriveJobs(BaseModel):
    """Which given-up jobs to try again: the named ones, or ``all``; ``dry_run`` only shows them."""

    ids: Annotated[list[JobId], Field(max_length=MOST_SHOWN)] | None = None
    all: bool = False
    dry_run: bool = True


@router.post("/redrive")
async def redrive(wanted: RedriveJobs, session: Session, caller: Caller) -> dict[str, Any]:
    """Queue given-up jobs anew; answers with what was really taken. A job's effect is idempotent, so this is safe."""
    if wanted.ids is None and not wanted.all:
        raise unprocessable("nothing-named", "Name the ids, or say all.")
    if wanted.dry_run:
        found = await dead_jobs(session, wanted.ids, MOST_SHOWN)
        return {"dry_run": True, "count": len(found), "jobs": found}
    taken = await redrive_jobs(session, wanted.ids)
    await audit(session, caller, "jobs.redrive", detail={"ids": taken})
    return {"dry_run": False, "count": len(taken), "ids": taken}
