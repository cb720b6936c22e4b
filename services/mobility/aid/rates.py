"""Rates between a programme's money and the ceilings': those fixed for ever are shipped, operators enter the others."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.mobility.aid.rules import AidRefusalError, aid_rules
from services.mobility.models import AidRate
from services.mobility.repository import aid_rates as rows
from services.mobility.schemas.aid import RateIn, RateOut
from services.mobility.scopes import person_of
from shared.audit import audit
from shared.auth import Principal, RoleName
from shared.clock import now
from shared.ids import new_id
from shared.problems import forbidden, unprocessable


async def rate(session: AsyncSession, currency: str, base: str, on: date) -> Decimal:
    """Return the units of ``currency`` for one of ``base`` on a day.

    Raises :class:`AidRefusalError` ``aid-currency`` where neither the data nor an operator has a rate of that day.
    """
    try:
        return aid_rules().rate(currency, base, on)
    except AidRefusalError:
        entered = await rows.in_force(session, currency, base, on)
        if entered is None:
            raise
        return entered.rate


async def enter(session: AsyncSession, caller: Principal, body: RateIn) -> RateOut:
    """Enter a rate with its source and the days on which it holds; a later entry for the same days replaces it.

    Raises 403 for whoever is no operator, 422 ``rate-is-fixed`` for a currency whose rate the data know.
    """
    person = person_of(caller)
    if not caller.has(RoleName.OPERATOR):
        raise forbidden("Only operators may enter rates.")
    try:
        fixed = aid_rules().rate(body.currency, body.base, body.valid_from)
    except AidRefusalError:
        fixed = None
    if fixed is not None:
        raise unprocessable("rate-is-fixed", f"One {body.base} is {fixed} {body.currency} by law.")
    made = AidRate(rate_id=new_id(), **body.model_dump(), made_by=person, made_at=now())
    await rows.add(session, made)
    detail = {"currency": body.currency, "base": body.base, "rate": str(body.rate)}
    await audit(session, caller, "state-aid.enter-rate", None, made.rate_id, detail)
    return RateOut.model_validate(made, from_attributes=True)


async def page(
    session: AsyncSession, currency: str | None, limit: int, cursor: UUID | None
) -> tuple[list[RateOut], UUID | None]:
    """Return the rates that operators entered, newest first."""
    found, following = await rows.page(session, currency, limit, cursor)
    return [RateOut.model_validate(each, from_attributes=True) for each in found], following
