"""The audit trail: one append-only row per mutation, in the transaction of the mutation."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from shared.auth import Principal
from shared.ids import new_id
from shared.messaging.tables import audit_entry
from shared.observability import current_traceparent


async def audit(
    session: AsyncSession,
    caller: Principal,
    action: str,
    organisation_id: UUID | None = None,
    subject_id: UUID | str | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Record who did what for which organisation to which thing. ``detail`` holds ids and figures, no personal data."""
    traceparent = current_traceparent()
    await session.execute(
        sa.insert(audit_entry).values(
            id=new_id(),
            actor=caller.subject,
            action=action,
            organisation_id=organisation_id,
            subject_id=str(subject_id) if subject_id else None,
            trace_id=traceparent.split("-")[1] if traceparent else None,
            detail=detail or {},
        )
    )
