"""Applying for a voucher: gather the facts, judge them by the terms of the day, record claim and verdict."""

from decimal import Decimal

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from services.mobility import facts, judging
from services.mobility.aid import granting
from services.mobility.ledger import ZERO
from services.mobility.models import Programme, Voucher
from services.mobility.programmes import local_moment, rules
from services.mobility.repository import organisations as organisation_rows
from services.mobility.repository import programmes as programme_rows
from services.mobility.repository import visits as visit_rows
from services.mobility.repository import vouchers as rows
from services.mobility.schemas import Application, VoucherOut
from services.mobility.scopes import PARTY_ROLES, person_of, refused, scope_of
from services.mobility.voucher_views import snapshot, view
from shared.audit import audit
from shared.auth import Principal
from shared.clock import now
from shared.contracts.mobility import VOUCHER_APPLIED, VoucherState
from shared.contracts.money import Money
from shared.database import next_version
from shared.ids import new_id
from shared.messaging import publish
from shared.problems import conflict, forbidden, not_found, unprocessable


async def apply(session: AsyncSession, caller: Principal, body: Application) -> VoucherOut:
    """Apply for a voucher for one's own organisation.

    Raises 403 for another's organisation, 422 with the verdict when a rule refuses, 409 ``visit-claimed-once``.
    """
    if body.beneficiary_id not in caller.organisations(*PARTY_ROLES):
        raise forbidden("Only the beneficiary's own contacts may apply for it.")
    person = person_of(caller)
    programme = await programme_rows.get(session, body.programme_id)
    if programme is None:
        raise not_found("programme", body.programme_id)
    claim = await _facts(session, caller, programme, body)
    terms = await programme_rows.terms(session, programme.programme_id, programme.terms_version)
    verdict = judging.judge(claim, rules(terms))
    verdict = await granting.with_aid(session, verdict, programme, body.beneficiary_id, claim.applied_on)
    findings = [each.model_dump(mode="json") for each in verdict.findings]
    if refusal := verdict.refusal:
        raise refused(refusal.rule, refusal.detail, findings)
    version = await next_version(session, None)
    voucher = Voucher(
        voucher_id=new_id(),
        programme_id=programme.programme_id,
        terms_epoch=terms.epoch,
        terms_n=terms.n,
        funder_id=programme.funder_id,
        beneficiary_id=body.beneficiary_id,
        applicant_person_id=person,
        kind=programme.kind,
        state=VoucherState.APPLIED,
        amount=verdict.amount or ZERO,
        currency=programme.currency,
        cost=claim.cost,
        visit_id=body.visit_id,
        provider_id=body.provider_id,
        verdict=findings,
        applied_on=claim.applied_on,
        applied_at=now(),
        changed_at=now(),
        version_epoch=version.epoch,
        version_n=version.n,
    )
    try:
        async with session.begin_nested():
            await rows.add(session, voucher)
    except IntegrityError as error:
        if "voucher_one_per_visit" not in str(error.orig):
            raise
        raise conflict("visit-claimed-once", "This visit is claimed by another voucher already.") from error
    await publish(session, VOUCHER_APPLIED, snapshot(voucher))
    await audit(
        session, caller, "voucher.apply", body.beneficiary_id, voucher.voucher_id, {"amount": str(voucher.amount)}
    )
    return await view(session, voucher)


def in_currency(given: Money | Decimal, currency: str) -> Decimal:
    """Return the amount; 422 ``one-currency`` if it is given in another currency than the programme's."""
    if isinstance(given, Decimal):
        return given
    if given.currency != currency:
        raise unprocessable("one-currency", f"The programme pays in {currency}, the amount is in {given.currency}.")
    if given.amount <= 0:
        raise unprocessable("positive-cents", "The amount must be positive.")
    return given.amount


async def _facts(
    session: AsyncSession, caller: Principal, programme: Programme, body: Application
) -> facts.Application:
    visit = await visit_rows.lock(session, body.visit_id, scope_of(caller), share=True) if body.visit_id else None
    if body.visit_id and visit is None:
        raise not_found("visit", body.visit_id)
    wanted = {
        body.beneficiary_id,
        *([body.provider_id] if body.provider_id else []),
        *([visit.host_id] if visit else []),
    }
    known = {key: organisation_rows.fact(row) for key, row in (await organisation_rows.known(session, wanted)).items()}
    for organisation_id in wanted - known.keys():
        raise unprocessable("known-organisation", f"No organisation {organisation_id} is known here.")
    return facts.Application(
        kind=programme.kind,
        applied_on=local_moment(programme).date(),
        opens_on=programme.opens_on,
        closes_on=programme.closes_on,
        currency=programme.currency,
        beneficiary=known[body.beneficiary_id],
        visit=facts.ClaimedVisit(
            visit.visit_id,
            visit.state,
            visit.visitor_id,
            known[visit.host_id],
            visit.starts_on,
            visit.ends_on,
            visit.working_days,
        )
        if visit
        else None,
        provider=known[body.provider_id] if body.provider_id else None,
        cost=in_currency(body.amount, programme.currency) if body.amount is not None else None,
        distance_km=body.distance_km,
    )
