"""One full example of every event body; the golden payloads were written from them and are never rewritten."""

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

from shared.contracts import Snapshot, Version
from shared.contracts import matching as m
from shared.contracts import mobility as b
from shared.contracts import notifier as n
from shared.contracts import profiles as p
from shared.contracts.money import Money

AT = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
FIRST = UUID("01890000-0000-7000-8000-000000000001")
SECOND = UUID("01890000-0000-7000-8000-000000000002")
HUB = UUID("01890000-0000-7000-8000-000000000003")
OTHER_HUB = UUID("01890000-0000-7000-8000-000000000004")
PERSON = UUID("01890000-0000-7000-8000-000000000005")
THING = UUID("01890000-0000-7000-8000-000000000006")
NEED = UUID("01890000-0000-7000-8000-000000000007")
OFFER = UUID("01890000-0000-7000-8000-000000000008")
VERSION = Version(epoch=2, n=7)
EUROS = Money(amount=Decimal("780.00"), currency="EUR")

_statements = (
    p.Statement(id=OFFER, role=p.StatementRole.OFFER, text="We build wave-driven pumps.", language="en"),
    p.Statement(id=NEED, role=p.StatementRole.NEED, text="Wir suchen Membranen.", language="de", illustrative=True),
)
_evidence = m.Evidence(
    need_statement_id=NEED,
    need_organisation_id=FIRST,
    need_text="Wir suchen Membranen.",
    need_language="de",
    offer_statement_id=OFFER,
    offer_organisation_id=SECOND,
    offer_text="We make membranes.",
    offer_language="en",
    similarity=0.83,
)

EXAMPLES: dict[type[Snapshot], Snapshot] = {
    p.OrganisationSnapshot: p.OrganisationSnapshot(
        version=VERSION,
        organisation_id=FIRST,
        kind=p.OrganisationKind.SME,
        name="Wellenkraft <b>GmbH</b>",
        country="AT",
        region="AT221",
        city="Graz",
        website="https://wellenkraft.example.org",
        sectors=("28.13",),
        languages=("de", "en"),
        tags=("low-carbon",),
        clusters=(HUB,),
        undertaking_group="wellen",
        statements=_statements,
        source="illustrative",
        updated_at=AT,
    ),
    p.OrganisationErased: p.OrganisationErased(version=VERSION, organisation_id=FIRST, erased_at=AT),
    p.PersonChanged: p.PersonChanged(version=VERSION, person_id=PERSON, organisation_ids=(FIRST,)),
    p.PersonErased: p.PersonErased(version=VERSION, person_id=PERSON, organisation_ids=(FIRST,)),
    m.SuggestionSnapshot: m.SuggestionSnapshot(
        version=VERSION,
        suggestion_id=THING,
        first_id=FIRST,
        second_id=SECOND,
        state=m.SuggestionState.CONNECTED,
        score=0.71,
        reason="The need “Wir suchen Membranen.” meets the offer “We make membranes.”",
        evidence=(_evidence,),
        call=m.CallFit(
            call_id=HUB,
            title="Membranes for wave energy",
            language="en",
            deadline=date(2027, 3, 1),
            url="https://calls.example.org/membranes",
            first_similarity=0.71,
            second_similarity=0.64,
            first_statement_id=NEED,
            second_statement_id=OFFER,
        ),
        first_answer=m.Answer.INTERESTED,
        second_answer=m.Answer.INTERESTED,
        model_version="minilm-6+e5-small/1",
        proposed_at=AT,
        connected_at=AT,
    ),
    m.RoadmapSnapshot: m.RoadmapSnapshot(
        version=VERSION,
        roadmap_id=THING,
        cluster_ids=(HUB, OTHER_HUB),
        title="Water together",
        themes=(
            m.Theme(
                label="membranes",
                statement_ids=(NEED, OFFER),
                strengths=(m.ThemeStrength(cluster_id=HUB, offers=0, needs=1),),
                gaps=(HUB,),
            ),
        ),
        model_version="minilm-6+e5-small/1",
        drafted_at=AT,
    ),
    b.VisitSnapshot: b.VisitSnapshot(
        version=VERSION,
        visit_id=THING,
        kind=b.VisitKind.STAFF_EXCHANGE,
        state=b.VisitState.REQUESTED,
        visitor_person_id=PERSON,
        visitor_id=FIRST,
        visitor_hub_id=HUB,
        host_id=SECOND,
        host_hub_id=OTHER_HUB,
        starts_on=date(2027, 3, 1),
        ends_on=date(2027, 3, 5),
        connection_id=THING,
        approvals=(
            b.Approval(
                party=b.Party.VISITOR, organisation_id=FIRST, person_id=PERSON, decision="approve", decided_at=AT
            ),
        ),
        changed_by=PERSON,
        changed_at=AT,
    ),
    b.VoucherSnapshot: b.VoucherSnapshot(
        version=VERSION,
        voucher_id=THING,
        programme_id=OTHER_HUB,
        funder_id=HUB,
        beneficiary_id=FIRST,
        applicant_person_id=PERSON,
        kind=b.VoucherKind.TRAVEL,
        state=b.VoucherState.ISSUED,
        amount=EUROS,
        visit_id=THING,
        expires_on=date(2027, 12, 31),
        changed_at=AT,
    ),
    b.ProgrammeSnapshot: b.ProgrammeSnapshot(
        version=VERSION,
        programme_id=OTHER_HUB,
        funder_id=HUB,
        name="Short visits 2027",
        kind=b.VoucherKind.TRAVEL,
        budget=EUROS,
        available=EUROS,
        opens_on=date(2027, 1, 1),
        closes_on=date(2027, 12, 31),
        state_aid=b.StateAid.DE_MINIMIS,
        granting_country="AT",
        changed_at=AT,
    ),
    b.AidSnapshot: b.AidSnapshot(
        version=VERSION,
        award_id=THING,
        voucher_id=OFFER,
        programme_id=OTHER_HUB,
        funder_id=HUB,
        beneficiary_id=FIRST,
        country="AT",
        regulation=b.StateAid.DE_MINIMIS,
        amount=EUROS,
        granted_on=date(2026, 11, 22),
        due_on=date(2026, 12, 21),
        reported_at=AT,
        changed_at=AT,
    ),
    b.AidDeclarationSnapshot: b.AidDeclarationSnapshot(
        version=VERSION,
        declaration_id=THING,
        organisation_id=FIRST,
        country="AT",
        wording="2026-1",
        items=2,
        declared_at=AT,
    ),
    n.DeliverySnapshot: n.DeliverySnapshot(
        version=VERSION,
        delivery_id=THING,
        person_id=PERSON,
        organisation_id=FIRST,
        occasion=f"connection:{THING}:{PERSON}",
        template="connection",
        state=n.DeliveryState.SENT,
        attempts=1,
        changed_at=AT,
    ),
}
