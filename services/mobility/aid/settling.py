"""Which programmes grant small aid: settled when a clerk makes or changes one."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.mobility.aid import rates
from services.mobility.aid.rules import AidRefusalError, aid_rules
from services.mobility.models import Programme
from services.mobility.repository import organisations
from shared.clock import today
from shared.contracts.mobility import StateAid
from shared.problems import unprocessable


async def settle(
    session: AsyncSession,
    funder_id: UUID,
    currency: str,
    state_aid: StateAid | None,
    granting_country: str | None,
    before: Programme | None = None,
) -> dict[str, Any]:
    """Return the columns that say what aid a programme grants; what is not said stays as it was.

    The granting country is the funder's own unless another is named. Raises 422 ``state-aid-jurisdiction`` where no
    ceiling is on record, and ``aid-currency`` where the programme's money can't be counted against it.
    """
    kind = state_aid or (before.state_aid if before else StateAid.NONE)
    if kind is StateAid.NONE:
        return {"state_aid": kind, "granting_country": None}
    country = granting_country or (before.granting_country if before else None)
    if country is None:
        funder = (await organisations.known(session, [funder_id])).get(funder_id)
        country = funder.country if funder else ""
    ceiling = aid_rules().currency(country, today())
    if ceiling is None or not aid_rules().binding(country, kind, today()):
        raise unprocessable("state-aid-jurisdiction", f"No ceiling for {kind} in {country} is on record.")
    try:
        await rates.rate(session, currency, ceiling, today())
    except AidRefusalError as error:
        raise unprocessable(error.rule, error.detail) from error
    return {"state_aid": kind, "granting_country": country}
