"""Who gets a mail about visits and vouchers: those who must act, and those who wait."""

from shared.clock import now
from shared.contracts import Version
from shared.contracts.mobility import (
    PROGRAMME_CHANGED,
    VISIT_APPROVED,
    VISIT_REQUESTED,
    VOUCHER_APPLIED,
    VOUCHER_PAID,
    Approval,
    Party,
    ProgrammeSnapshot,
    VisitState,
    VoucherKind,
    VoucherState,
)
from tests.notifier.events import organisation, visit, voucher
from tests.notifier.support import Notifier

OURS = organisation("Alpha GmbH", languages=("de", "en"))


THEIRS = organisation("Beta SAS", "FR")


async def test_a_requested_visit_asks_those_who_have_to_decide(notifier: Notifier) -> None:
    await notifier.knows(OURS, THEIRS)
    anna = await notifier.person("Anna", (OURS.organisation_id, "sme_contact"), consent=None)
    bruno = await notifier.person("Bruno", (THEIRS.organisation_id, "sme_contact"), consent=None)
    signed = Approval(
        party=Party.VISITOR,
        organisation_id=OURS.organisation_id,
        person_id=anna,
        decision="approve",
        decided_at=now(),
    )
    requested = visit(OURS.organisation_id, THEIRS.organisation_id, anna, approvals=(signed,))
    await notifier.hears(VISIT_REQUESTED, requested)
    await notifier.works()

    assert notifier.server.to(notifier.address(anna)) == []
    (mail,) = notifier.server.to(notifier.address(bruno))
    assert mail["Subject"] == "Please decide: visit of Alpha GmbH to Beta SAS"
    assert mail["X-Intercluster-Occasion"] == f"visit-requested:{requested.visit_id}:1.1:{bruno}"


async def test_an_approved_visit_is_told_to_all_four_parties(notifier: Notifier) -> None:
    hub = organisation("Hub One")
    await notifier.knows(OURS, THEIRS, hub)
    people = [
        await notifier.person("Anna", (OURS.organisation_id, "sme_contact")),
        await notifier.person("Bruno", (THEIRS.organisation_id, "sme_contact")),
        await notifier.person("Hilde", (hub.organisation_id, "hub_manager")),
    ]
    approved = visit(
        OURS.organisation_id,
        THEIRS.organisation_id,
        people[0],
        visitor_hub_id=hub.organisation_id,
        host_hub_id=hub.organisation_id,
        state=VisitState.APPROVED,
    )
    await notifier.hears(VISIT_APPROVED, approved)
    await notifier.works()

    assert [len(notifier.server.to(notifier.address(each))) for each in people] == [1, 1, 1]


async def test_late_news_of_a_request_are_still_told_after_the_approval(notifier: Notifier) -> None:
    await notifier.knows(OURS, THEIRS)
    anna = await notifier.person("Anna", (OURS.organisation_id, "sme_contact"))
    requested = visit(OURS.organisation_id, THEIRS.organisation_id, anna)
    approved = requested.model_copy(update={"state": VisitState.APPROVED, "version": Version(epoch=1, n=5)})
    await notifier.hears(VISIT_APPROVED, approved)
    await notifier.hears(VISIT_REQUESTED, requested)
    await notifier.works()

    assert len(notifier.server.to(notifier.address(anna))) == 2


async def test_voucher_mails_go_to_the_funder_when_she_must_act_and_to_the_applicant_otherwise(
    notifier: Notifier,
) -> None:
    funder = organisation("Voucher Agency", "IE")
    await notifier.knows(OURS, funder)
    clerk = await notifier.person("Clara", (funder.organisation_id, "voucher_administrator"))
    anna = await notifier.person("Anna", (OURS.organisation_id, "sme_contact"), language="de")
    applied = voucher(funder.organisation_id, OURS.organisation_id, anna)
    programme = ProgrammeSnapshot(
        version=Version(epoch=1, n=1),
        programme_id=applied.programme_id,
        funder_id=funder.organisation_id,
        name="Travel lump sums",
        kind=VoucherKind.TRAVEL,
        budget=applied.amount,
        available=applied.amount,
        opens_on=now().date(),
        closes_on=now().date(),
        changed_at=now(),
    )
    await notifier.hears(PROGRAMME_CHANGED, programme)
    await notifier.hears(VOUCHER_APPLIED, applied)
    paid = applied.model_copy(update={"state": VoucherState.PAID, "version": Version(epoch=1, n=5)})
    await notifier.hears(VOUCHER_PAID, paid)
    await notifier.works()

    (to_clerk,) = notifier.server.to(notifier.address(clerk))
    assert to_clerk["Subject"] == "Voucher application of Alpha GmbH: €780.00"
    assert "Travel lump sums" in to_clerk.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    (to_anna,) = notifier.server.to(notifier.address(anna))
    assert to_anna["Subject"] == "Bezahlt: 780,00 € für Alpha GmbH"
