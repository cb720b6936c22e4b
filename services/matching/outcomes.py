"""Use case: note what came of a pair. Rankers learn from it, and connections, visits and vouchers tie a network."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.parties import pair_of
from services.matching.repository import history
from shared.bell import Bell
from shared.contracts.matching import Answer
from shared.contracts.mobility import VisitSnapshot, VoucherSnapshot
from shared.ids import new_id
from shared.messaging import claim


class OutcomeKind(StrEnum):
    """What can come of a pair, in the order in which it usually does."""

    INTERESTED = "interested"
    NOT_INTERESTED = "not_interested"
    CONNECTED = "connected"
    VISITED = "visited"
    PAID = "paid"


async def note_answer(session: AsyncSession, pair: tuple[UUID, UUID], side: UUID, answer: Answer, at: datetime) -> None:
    """Note one side's answer to a suggestion."""
    await _note(session, pair, OutcomeKind(answer), at, organisation_id=side)


async def note_connection(session: AsyncSession, pair: tuple[UUID, UUID], at: datetime) -> None:
    """Note that both sides were interested."""
    await _note(session, pair, OutcomeKind.CONNECTED, at)


async def note_visit(session: AsyncSession, visit: VisitSnapshot, work_to_do: Bell) -> bool:
    """Note a completed visit, once."""
    if not await claim(session, f"outcome-visit:{visit.visit_id}"):
        return False
    pair = pair_of(visit.visitor_id, visit.host_id)
    await _note(session, pair, OutcomeKind.VISITED, visit.changed_at, subject_id=visit.visit_id)
    work_to_do.ring_after_commit(session)
    return True


async def note_voucher(session: AsyncSession, voucher: VoucherSnapshot, work_to_do: Bell) -> bool:
    """Note a paid voucher, once: for the pair of its visit, or for beneficiary and provider."""
    pair = None
    if voucher.visit_id is not None:
        pair = await history.pair_of_subject(session, voucher.visit_id)
    elif voucher.provider_id is not None:
        pair = pair_of(voucher.beneficiary_id, voucher.provider_id)
    if pair is None or not await claim(session, f"outcome-voucher:{voucher.voucher_id}"):
        return False
    await _note(session, pair, OutcomeKind.PAID, voucher.changed_at, subject_id=voucher.voucher_id)
    work_to_do.ring_after_commit(session)
    return True


async def _note(
    session: AsyncSession,
    pair: tuple[UUID, UUID],
    kind: OutcomeKind,
    at: datetime,
    organisation_id: UUID | None = None,
    subject_id: UUID | None = None,
) -> None:
    values = {"id": new_id(), "first_id": pair[0], "second_id": pair[1], "kind": str(kind), "at": at}
    await history.add_outcome(session, {**values, "organisation_id": organisation_id, "subject_id": subject_id})
