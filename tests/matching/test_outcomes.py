"""What comes of a pair is noted once, whatever order its events come in, and nothing of who was erased."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from services.matching import outcomes
from services.matching.outcomes import VisitNotHeardOfError, note_visit, note_voucher
from services.matching.repository.suggestions import is_round_owed
from services.matching.suggestions import work_to_do
from shared.clock import now
from shared.contracts import Version
from shared.contracts.mobility import VisitKind, VisitSnapshot, VisitState, VoucherKind, VoucherSnapshot, VoucherState
from shared.contracts.money import Money
from tests.matching.conftest import Matching, identifier, organisation

VISIT, VOUCHER = UUID(int=77), UUID(int=78)


def visit() -> VisitSnapshot:
    """Return a completed visit of Akku at Pile."""
    return VisitSnapshot(
        version=Version(epoch=1, n=6), visit_id=VISIT, kind=VisitKind.STAFF_EXCHANGE, state=VisitState.COMPLETED,
        visitor_person_id=UUID(int=1), visitor_id=identifier("Akku"), visitor_hub_id=UUID(int=2),
        host_id=identifier("Pile"), host_hub_id=UUID(int=3), starts_on=date(2026, 10, 1), ends_on=date(2026, 10, 4),
        changed_at=datetime(2026, 10, 5, tzinfo=UTC),
    )  # fmt: skip


def voucher(changed_at: datetime | None = None, **more: UUID | None) -> VoucherSnapshot:
    """Return a paid voucher for that visit."""
    return VoucherSnapshot(
        version=Version(epoch=1, n=5), voucher_id=VOUCHER, programme_id=UUID(int=4), funder_id=UUID(int=5),
        beneficiary_id=identifier("Akku"), applicant_person_id=UUID(int=1), kind=VoucherKind.TRAVEL,
        state=VoucherState.PAID, amount=Money(amount="390.00", currency="EUR"), changed_at=changed_at or now(),
        **{"visit_id": VISIT, **more},
    )  # fmt: skip


@pytest.fixture
async def pair(matching: Matching) -> Matching:
    """Two organisations that matching has looked at."""
    await matching.hear(organisation("Akku", "DE", needs=["batteries"]), organisation("Pile", "FR", offers=["bread"]))
    await matching.settle()
    return matching


async def noted(matching: Matching) -> list[str]:
    """Return the kinds of outcomes that are stored."""
    async with matching.context.database.session() as session:
        return list((await session.scalars(sa.text("SELECT kind FROM outcome ORDER BY kind"))).all())


async def hear(matching: Matching, event: VisitSnapshot | VoucherSnapshot) -> bool:
    """Note an outcome in a transaction of its own."""
    async with matching.context.database.transaction() as session:
        if isinstance(event, VisitSnapshot):
            return await note_visit(session, event, work_to_do)
        return await note_voucher(session, event, work_to_do)


async def test_a_visit_and_its_voucher_are_noted_once_and_owe_a_round(pair: Matching) -> None:
    assert await hear(pair, visit())
    async with pair.context.database.session() as session:
        assert await is_round_owed(session)
    assert await hear(pair, voucher())
    assert not await hear(pair, visit())
    assert not await hear(pair, voucher())
    assert await noted(pair) == ["paid", "visited"]
    await pair.settle()
    assert len(pair.engine.judging.judge.network.partners) == 2


async def test_a_voucher_that_comes_before_its_visit_waits_for_it(pair: Matching) -> None:
    with pytest.raises(VisitNotHeardOfError):
        await hear(pair, voucher())
    await hear(pair, visit())
    assert await hear(pair, voucher())
    assert await noted(pair) == ["paid", "visited"]


async def test_without_its_hour_a_voucher_that_comes_before_its_visit_would_be_lost(
    pair: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: the event counts as read, and nobody tries it again when the visit is known."""
    monkeypatch.setattr(outcomes, "CATCH_UP", timedelta(0))
    assert not await hear(pair, voucher())
    await hear(pair, visit())
    assert await noted(pair) == ["visited"]


async def test_a_voucher_waits_for_an_hour_and_not_for_ever(pair: Matching) -> None:
    with pytest.raises(VisitNotHeardOfError):
        await hear(pair, voucher(now() - timedelta(minutes=59)))
    assert not await hear(pair, voucher(now() - timedelta(minutes=61)))
    assert await noted(pair) == []


async def test_without_an_end_of_waiting_the_voucher_of_an_erased_firms_visit_would_wait_for_ever(
    pair: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: its visit is not noted any more, so it stays parked and holds up all later ones of its key."""
    await pair.erase("Pile")
    assert not await hear(pair, visit())
    late = voucher(now() - timedelta(days=300))
    assert not await hear(pair, late)
    monkeypatch.setattr(outcomes, "CATCH_UP", timedelta.max)
    with pytest.raises(VisitNotHeardOfError):
        await hear(pair, late)


async def test_a_voucher_without_a_visit_is_for_beneficiary_and_provider(pair: Matching) -> None:
    assert await hear(pair, voucher(visit_id=None, provider_id=identifier("Pile")))
    assert await noted(pair) == ["paid"]


async def test_nothing_is_noted_of_an_erased_organisation(pair: Matching) -> None:
    await hear(pair, visit())
    await pair.erase("Pile")
    assert await noted(pair) == []
    assert not await hear(pair, visit())
    assert not await hear(pair, voucher(visit_id=None, provider_id=identifier("Pile")))
    assert await noted(pair) == []
