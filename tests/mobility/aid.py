"""What the tests of small state aid have in common."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.mobility.models import AidLine
from services.mobility.repository import organisations
from shared.clock import today
from shared.contracts.profiles import OrganisationKind
from tests.mobility.conftest import Town, organisation

WORDING = "2026-1"
OTHERS = {"regulation": "de_minimis", "authority": "Bund", "reference": "FFG-1"}


async def declare(
    town: Town, *amounts: str, country: str = "AT", currency: str = "EUR", by: str = "visitor"
) -> dict[str, Any]:
    """Have a firm, the visiting one unless told, sign what it got from others last month."""
    day = str(today() - timedelta(days=30))
    items = [{**OTHERS, "granted_on": day, "amount": {"amount": each, "currency": currency}} for each in amounts]
    body = {"organisation_id": str(getattr(town, by)), "country": country, "wording": WORDING, "items": items}
    return await town.done(by, "/state-aid/declarations", body)


async def programme(town: Town, **more: Any) -> str:
    """A pot of 10,000 EUR of small aid, half of the price, at most 5,000 EUR a voucher."""
    made = await town.innovation_programme(**({"state_aid": "de_minimis"} | more))
    return str(made["programme_id"])


async def applied(
    town: Town, programme_id: str, amount: str = "1000.00", by: str = "visitor", currency: str = "EUR"
) -> str:
    """Apply for a firm that pays an expert; return the voucher's path."""
    body = {
        "programme_id": programme_id,
        "beneficiary_id": str(getattr(town, by)),
        "provider_id": str(town.provider if by == "visitor" else town.host),
        "amount": {"amount": amount, "currency": currency},
    }
    return f"/vouchers/{(await town.done(by, '/vouchers', body))['voucher_id']}"


async def headroom(town: Town, who: str = "visitor", **query: Any) -> dict[str, Any]:
    asked = {"organisation_id": town.visitor, "country": "AT"} | query
    answer = await town.get(who, "/state-aid/headroom?" + "&".join(f"{key}={each}" for key, each in asked.items()))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def room(town: Town, **query: Any) -> str:
    return str((await headroom(town, **query))["headroom"]["amount"])


async def join(town: Town, organisation_id: UUID, name: str, group: str | None, n: int = 2) -> None:
    """Let a firm belong to a group, as its profile says."""
    body = organisation(organisation_id, name, OrganisationKind.SME, "AT", n=n, undertaking_group=group)
    async with town.context.database.transaction() as session:
        await organisations.put_organisation(session, body)


async def agrees_with_the_ledger(town: Town, programme_id: str) -> None:
    """What the register counts is what the ledger holds reserved or paid."""
    balances = (await town.ledger(programme_id))["balances"]
    async with town.context.database.session() as session:
        counted = await session.scalar(sa.select(sa.func.sum(AidLine.counted)))
    assert counted == Decimal(balances["reserved"]["amount"]) + Decimal(balances["paid"]["amount"])
