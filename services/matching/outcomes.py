"""Use case: note what came of a pair. Rankers learn from it, and connections, visits and vouchers tie a network."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.parties import pair_of
from services.matching.repository import history, profiles
from shared.bell import Bell
from shared.clock import now
from shared.contracts.matching import Answer
from shared.contracts.mobility import VisitSnapshot, VoucherSnapshot
from shared.ids import new_id
from shared.messaging import claim

CATCH_UP = timedelta(hours=1)
"""So long a paid voucher waits for its visit; a visit that is not known by then is one of an erased organisation."""


class VisitNotHeardOfError(Exception):
    """The event is parked and tried again."""


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
    """Note a completed visit, once; nothing when one side has been erased."""
    pair = pair_of(visit.visitor_id, visit.host_id)
    if not await _known(session, pair) or not await claim(session, f"outcome-visit:{visit.visit_id}"):
        return False
    await _note(session, pair, OutcomeKind.VISITED, visit.changed_at, subject_id=visit.visit_id)
    await _owe_round(session, pair, work_to_do)
    return True


async def note_voucher(session: AsyncSession, voucher: VoucherSnapshot, work_to_do: Bell) -> bool:
    """Note a paid voucher, once: for the pair of its visit, or for beneficiary and provider.

    Raises :class:`VisitNotHeardOfError` while its visit is not known: visits come on a topic of their own.
    """
    pair = None
    if voucher.visit_id is not None:
        pair = await history.pair_of_subject(session, voucher.visit_id)
        if pair is None and now() - voucher.changed_at < CATCH_UP:
            raise VisitNotHeardOfError(f"the visit {voucher.visit_id} of a paid voucher is not known yet")
    elif voucher.provider_id is not None:
        pair = pair_of(voucher.beneficiary_id, voucher.provider_id)
    if pair is None or not await _known(session, pair):
        return False
    if not await claim(session, f"outcome-voucher:{voucher.voucher_id}"):
        return False
    await _note(session, pair, OutcomeKind.PAID, voucher.changed_at, subject_id=voucher.voucher_id)
    await _owe_round(session, pair, work_to_do)
    return True


async def _known(session: AsyncSession, pair: tuple[UUID, UUID]) -> bool:
    """Whether both are organisations that nobody has erased."""
    rows = [await profiles.organisation(session, each) for each in pair]
    return all(row is not None and row.status != profiles.ERASED for row in rows)


async def _owe_round(session: AsyncSession, pair: tuple[UUID, UUID], work_to_do: Bell) -> None:
    await profiles.owe_round(session, pair)
    work_to_do.ring_after_commit(session)


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
