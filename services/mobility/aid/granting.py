"""Granting small aid with a voucher, and taking it back: every movement of a voucher's money passes here.

Lock order: visit, voucher, undertaking (here), programme. The undertaking is locked for its granting country, so that
two funders of one country, at the same moment, can't both find room under its ceiling.
"""

from datetime import date
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from services.mobility.aid import rates
from services.mobility.aid.headroom import Headroom, earliest, measure
from services.mobility.aid.rules import AidRefusalError, aid_rules, converted
from services.mobility.ledger import MOVES, Account, Occasion
from services.mobility.models import AidAward, AidLine, Programme, Voucher
from services.mobility.repository import aid as rows
from services.mobility.repository import programmes as programme_rows
from services.mobility.repository.aid import Undertaking
from services.mobility.verdict import Finding, Verdict
from shared.clock import now
from shared.contracts.mobility import AID_GRANTED, AID_REDUCED, AidSnapshot, StateAid
from shared.contracts.money import Money
from shared.database import next_version
from shared.ids import new_id
from shared.messaging import publish
from shared.problems import conflict

HELD = frozenset({Account.RESERVED, Account.PAID})
"""What lies here was granted to the beneficiary."""


async def follow(
    session: AsyncSession, voucher: Voucher, occasion: Occasion, amount: Decimal, made_by: UUID | None
) -> None:
    """Let the register follow a voucher's money: what is reserved is granted, what goes back is taken back.

    Call it before the programme is locked. Raises 409 when the aid may not be granted.
    """
    source, target = MOVES[occasion]
    if target in HELD and source not in HELD:
        await award(session, voucher, amount, made_by)
    elif source in HELD and target not in HELD:
        await reverse(session, voucher, amount, made_by, occasion)


async def award(session: AsyncSession, voucher: Voucher, amount: Decimal, made_by: UUID | None) -> AidAward | None:
    """Grant the aid of a locked voucher, today in the funder's time zone; ``None`` if its programme grants none.

    Raises 409 ``state-aid-ceiling``, ``state-aid-declaration``, ``state-aid-jurisdiction`` or ``aid-currency``.
    """
    programme, today = await _programme(session, voucher)
    if programme.state_aid is StateAid.NONE:
        return None
    country = programme.granting_country or ""
    whose = await lock_undertaking(session, voucher.beneficiary_id, country)
    findings = await _judge(session, programme, voucher.beneficiary_id, whose, amount, today)
    if refusal := next((each for each in findings if not each.passed), None):
        raise conflict(refusal.rule, refusal.detail, verdict=[each.model_dump(mode="json") for each in findings])
    currency = aid_rules().currency(country, today) or ""
    rate = await rates.rate(session, programme.currency, currency, today)
    version = await next_version(session, None)
    made = AidAward(
        award_id=new_id(),
        voucher_id=voucher.voucher_id,
        programme_id=programme.programme_id,
        funder_id=programme.funder_id,
        beneficiary_id=voucher.beneficiary_id,
        undertaking=whose.group,
        country=country,
        regulation=programme.state_aid,
        currency=programme.currency,
        ceiling_currency=currency,
        rate=rate,
        granted_on=today,
        due_on=aid_rules().due_on(country, programme.state_aid, today),
        changed_at=now(),
        version_epoch=version.epoch,
        version_n=version.n,
    )
    await rows.add(session, made, _line(made, amount, converted(amount, rate), "granted", made_by))
    await publish(session, AID_GRANTED, snapshot(made, amount))
    return made


async def reverse(
    session: AsyncSession, voucher: Voucher, amount: Decimal, made_by: UUID | None, why: Occasion
) -> None:
    """Take back a part or all of what a voucher granted; it counts under the ceiling no more, from its first day on.

    If the register was told already, a correction is due as an award would be.
    """
    made = await rows.lock_of_voucher(session, voucher.voucher_id)
    if made is None:
        return
    before = (await rows.nets(session, [made.award_id]))[made.award_id]
    left = before.amount - amount
    if left < 0:
        raise conflict("aid-covers", f"Only {before.amount} of this voucher's aid is left, {amount} is to be taken.")
    counting = converted(left, made.rate) - before.counted
    await rows.add(session, _line(made, -amount, counting, why.value, made_by))
    _, today = await _programme(session, voucher)
    due_on = aid_rules().due_on(made.country, made.regulation, today) if made.reported_at else made.due_on
    values = {"due_on": due_on or made.due_on}
    await rows.change(session, made, await next_version(session, made.version), changed_at=now(), **values)
    await publish(session, AID_REDUCED, snapshot(made, left))


async def headroom(
    session: AsyncSession, organisation_id: UUID, country: str, regulation: StateAid, on: date
) -> Headroom:
    """Return what an organisation's undertaking may still be granted in that country on a day, without any lock.

    Of a day that is over: what could have been granted then, by what is left of the awards today.
    """
    whose = await rows.undertaking(session, organisation_id)
    found = await rows.counted(session, whose, country, earliest(aid_rules(), country, on))
    if on < now().date():
        found = [each for each in found if each.granted_on <= on]
    return measure(aid_rules(), country, regulation, on, found)


async def with_aid(
    session: AsyncSession, verdict: Verdict, programme: Programme, beneficiary_id: UUID, on: date
) -> Verdict:
    """Return a verdict with what the law on small aid adds to it; whatever was refused before stays as it is.

    Nothing is locked: the award itself asks again. For applications and pre-checks.
    """
    if programme.state_aid is StateAid.NONE or not verdict.passed or not verdict.amount:
        return verdict
    whose = await rows.undertaking(session, beneficiary_id)
    added = await _judge(session, programme, beneficiary_id, whose, verdict.amount, on)
    refused = any(not each.passed for each in added)
    return Verdict(findings=(*verdict.findings, *added), amount=Decimal("0.00") if refused else verdict.amount)


async def lock_undertaking(session: AsyncSession, organisation_id: UUID, country: str) -> Undertaking:
    """Lock all firms of an undertaking for one granting country, and return them as they are under the lock."""
    held: frozenset[UUID] = frozenset()
    while True:
        whose = await rows.undertaking(session, organisation_id)
        if whose.members <= held:
            return whose
        held |= whose.members
        await rows.lock(session, held, country)


def snapshot(award: AidAward, left: Decimal) -> AidSnapshot:
    """Return the body of an award's event; ``left``: what is left of it in its own currency."""
    stored = {name: getattr(award, name) for name in AidSnapshot.model_fields if name in AidAward.model_fields}
    return AidSnapshot(**stored, version=award.version, amount=Money(amount=left, currency=award.currency))


async def _judge(
    session: AsyncSession, programme: Programme, beneficiary_id: UUID, whose: Undertaking, amount: Decimal, on: date
) -> list[Finding]:
    """Judge new aid of ``amount`` in the programme's currency."""
    country, kind = programme.granting_country or "", programme.state_aid
    found = await rows.counted(session, whose, country, earliest(aid_rules(), country, on))
    room = measure(aid_rules(), country, kind, on, found)
    if room.currency is None:
        return [_refused("state-aid-jurisdiction", f"No ceiling for {kind} in {country or 'no country'} is on record.")]
    try:
        rate = await rates.rate(session, programme.currency, room.currency, on)
    except AidRefusalError as error:
        return [_refused(error.rule, error.detail)]
    return [*await _declared(session, beneficiary_id, country, kind, on), *room.judge(converted(amount, rate))]


async def _declared(
    session: AsyncSession, beneficiary_id: UUID, country: str, kind: StateAid, on: date
) -> list[Finding]:
    duty = aid_rules().declaration_duty(country, kind, on)
    if duty is None:
        return []
    last = await rows.last_declaration(session, beneficiary_id, country)
    good = last is not None and (on - last.declared_on).days <= duty.good_for_days
    said = f"was signed on {last.declared_on}" if last else "was never signed"
    detail = (
        f"The declaration of small aid from elsewhere in {country} {said}; it is good for {duty.good_for_days} days."
    )
    return [duty.finding(good, detail, country=country, declared_on=last.declared_on if last else "", on=on)]


async def _programme(session: AsyncSession, voucher: Voucher) -> tuple[Programme, date]:
    """Return the voucher's programme and the present day in its funder's time zone."""
    programme = await programme_rows.get(session, voucher.programme_id)
    assert programme is not None, "foreign keys keep programmes"
    return programme, now().astimezone(ZoneInfo(programme.time_zone)).date()


def _line(award: AidAward, amount: Decimal, counted: Decimal, occasion: str, made_by: UUID | None) -> AidLine:
    return AidLine(
        award_id=award.award_id, amount=amount, counted=counted, occasion=occasion, made_by=made_by, made_at=now()
    )


def _refused(rule: str, detail: str) -> Finding:
    return Finding(rule=rule, passed=False, detail=detail)
