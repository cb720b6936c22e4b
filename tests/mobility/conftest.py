"""A running mobility application with real organisations around it: two firms, their hubs, a funder."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.mobility.__main__ import service
from services.mobility.repository import organisations
from shared.auth import Role
from shared.clock import now, today
from shared.context import Context
from shared.contracts import Version
from shared.contracts.matching import SuggestionSnapshot, SuggestionState
from shared.contracts.profiles import OrganisationKind, OrganisationSnapshot, OrganisationStatus, PersonChanged
from shared.ids import new_id

FIRST = Version(epoch=1, n=1)
VALID = {"source": "test", "valid_from": "2020-01-01"}


@dataclass
class Town:
    """Everybody the stories need. ``people`` are ids by the word for what they are."""

    context: Context
    client: httpx.AsyncClient
    sign: Callable[..., str]
    people: dict[str, UUID] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    visitor: UUID = field(default_factory=new_id)
    visitor_hub: UUID = field(default_factory=new_id)
    host: UUID = field(default_factory=new_id)
    host_hub: UUID = field(default_factory=new_id)
    provider: UUID = field(default_factory=new_id)
    funder: UUID = field(default_factory=new_id)
    stranger: UUID = field(default_factory=new_id)
    connection: UUID = field(default_factory=new_id)

    def token(self, who: str) -> str:
        """Sign a token for one of the people."""
        return self.sign(person_id=self.people[who], roles=(self.roles[who],))

    async def call(self, who: str, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Call the API as that person."""
        headers = {"Authorization": f"Bearer {self.token(who)}", "Content-Type": "application/json", **headers}
        # ASCII with escapes: even a lone surrogate travels.
        content = None if body is None else json.dumps(body)
        return await self.client.request(method, path, content=content, headers=headers)

    async def post(self, who: str, path: str, body: Any = None) -> httpx.Response:
        return await self.call(who, "POST", path, body)

    async def get(self, who: str, path: str) -> httpx.Response:
        return await self.call(who, "GET", path)

    async def done(self, who: str, path: str, body: Any = None) -> dict[str, Any]:
        """POST what must work and return the answer."""
        answer = await self.post(who, path, body)
        assert answer.status_code in (200, 201), answer.text
        return dict(answer.json())

    def visit_body(self, **changes: Any) -> dict[str, Any]:
        """A visit of last week that every rule allows: Monday to Friday."""
        monday = last_monday()
        body = {
            "kind": "staff_exchange",
            "visitor_person_id": self.people["visitor"],
            "visitor_id": self.visitor,
            "visitor_hub_id": self.visitor_hub,
            "host_id": self.host,
            "host_hub_id": self.host_hub,
            "starts_on": monday,
            "ends_on": monday + timedelta(days=4),
            "connection_id": self.connection,
        }
        return plain(body | changes)

    async def visit(self, **changes: Any) -> dict[str, Any]:
        """Request a visit."""
        return await self.done("visitor", "/visits", self.visit_body(**changes))

    async def approved_visit(self, **changes: Any) -> dict[str, Any]:
        """Request a visit and have all four parties sign."""
        made = await self.visit(**changes)
        for party in ("visitor", "visitor_hub", "host", "host_hub"):
            path = f"/visits/{made['visit_id']}/decisions"
            made = await self.done(party, path, {"party": party, "decision": "approve"})
        return made

    async def completed_visit(self, **changes: Any) -> dict[str, Any]:
        """Have a visit approved and reported on."""
        made = await self.approved_visit(**changes)
        body = {"text": "We saw the pilot line.", "evidence": [{"kind": "ticket", "reference": "TK-1"}]}
        return await self.done("visitor", f"/visits/{made['visit_id']}/report", body)

    async def programme(self, **changes: Any) -> dict[str, Any]:
        """Create a travel programme: 780 EUR for five days, half below."""
        return await self.done("clerk", "/programmes", self.programme_body(**changes))

    def programme_body(self, **changes: Any) -> dict[str, Any]:
        return plain(
            {
                "funder_id": self.funder,
                "name": "Exchange vouchers",
                "kind": "travel",
                "budget": {"amount": "1000.00", "currency": "EUR"},
                "opens_on": "2020-01-01",
                "closes_on": "2099-12-31",
                "rules": [
                    {"rule": "cross-border", **VALID},
                    {"rule": "lump-sum", "bands": [{"from_working_days": 3, "amount": "780.00"}], **VALID},
                    {"rule": "reduced-lump-sum", "percent": "50", "under_working_days": 5, "under_km": 200, **VALID},
                    {"rule": "validity", "months": 9, **VALID},
                    {"rule": "completed-visit-before-payment", **VALID},
                ],
            }
            | changes
        )

    async def innovation_programme(self, budget: str = "10000.00", **changes: Any) -> dict[str, Any]:
        """Create an innovation programme: 50 %, at most 5,000 EUR."""
        rules = [
            {"rule": "beneficiary-kind", "kinds": ["sme"], **VALID},
            {"rule": "co-financing", "percent": "50", **VALID},
            {"rule": "cap", "amount": "5000.00", **VALID},
            {"rule": "validity", "months": 12, **VALID},
        ]
        terms = {"kind": "innovation", "budget": {"amount": budget, "currency": "EUR"}, "rules": rules}
        return await self.programme(**(terms | changes))

    async def innovation_voucher(self, programme_id: str, amount: str = "1000.00") -> dict[str, Any]:
        """Apply for an innovation voucher."""
        body = {
            "programme_id": programme_id,
            "beneficiary_id": str(self.visitor),
            "provider_id": str(self.provider),
            "amount": {"amount": amount, "currency": "EUR"},
        }
        return await self.done("visitor", "/vouchers", body)

    async def travel_voucher(self, programme_id: str, visit_id: str, **more: Any) -> dict[str, Any]:
        """Apply for a travel voucher."""
        body = {"programme_id": programme_id, "beneficiary_id": str(self.visitor), "visit_id": visit_id, **more}
        return await self.done("visitor", "/vouchers", body)

    async def ledger(self, programme_id: str) -> dict[str, Any]:
        """Read a programme's books as the auditor."""
        answer = await self.get("auditor", f"/programmes/{programme_id}/ledger?limit=200")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def events(self, aggregate_id: str) -> list[str]:
        """Occasions published for an aggregate, oldest first."""
        import sqlalchemy as sa

        from shared.messaging.tables import journal

        statement = sa.select(journal.c.type).where(journal.c.key == aggregate_id).order_by(journal.c.seq)
        async with self.context.database.session() as session:
            return [
                name.removeprefix("org.intercluster.").removesuffix(".v1") for name in await session.scalars(statement)
            ]


def last_monday() -> date:
    """Monday of the last full week that has no public holiday in any country of the tests."""
    from services.mobility.working_days import working_days

    monday = today() - timedelta(days=today().weekday() + 7)
    while working_days(monday, monday + timedelta(days=4), "PL") < 5:
        monday -= timedelta(days=7)
    return monday


def plain(value: Any) -> Any:
    """Make ids, days and decimals JSON."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return str(value) if isinstance(value, UUID | date | Decimal) else value


def organisation(
    organisation_id: UUID, name: str, kind: OrganisationKind, country: str, *clusters: UUID, n: int = 1, **more: Any
) -> OrganisationSnapshot:
    return OrganisationSnapshot(
        version=Version(epoch=1, n=n),
        organisation_id=organisation_id,
        kind=kind,
        name=name,
        country=country,
        clusters=clusters,
        updated_at=now(),
        **more,
    )


@pytest.fixture
async def town(context: Callable[..., Context], token: Callable[..., str]) -> AsyncIterator[Town]:
    """The application on a fresh database, and everybody in it."""
    made = context("mobility")
    transport = httpx.ASGITransport(service.http_app(made))
    async with httpx.AsyncClient(transport=transport, base_url="http://mobility") as client:
        town = Town(made, client, token)
        await settle(town)
        yield town


async def settle(town: Town) -> None:
    """Project organisations, people and the connection, and hand out roles."""
    sme, cluster = OrganisationKind.SME, OrganisationKind.CLUSTER
    bodies = (
        organisation(town.visitor, "Alpen Sensorik", sme, "AT", town.visitor_hub),
        organisation(town.visitor_hub, "Green Tech Valley", cluster, "AT"),
        organisation(town.host, "Pomorska Energia", sme, "PL", town.host_hub),
        organisation(town.host_hub, "Baltic Wind Cluster", cluster, "PL"),
        organisation(town.provider, "Institut Fresnel", OrganisationKind.RESEARCH, "FR"),
        organisation(town.funder, "Land Steiermark", OrganisationKind.PUBLIC_AUTHORITY, "AT"),
        organisation(town.stranger, "Far Away", cluster, "ES"),
    )
    holders = {
        "visitor": Role("sme_contact", town.visitor),
        "visitor_hub": Role("hub_manager", town.visitor_hub),
        "host": Role("sme_contact", town.host),
        "host_hub": Role("hub_manager", town.host_hub),
        "provider": Role("sme_contact", town.provider),
        "clerk": Role("voucher_administrator", town.funder),
        "second_clerk": Role("voucher_administrator", town.funder),
        "foreign_clerk": Role("voucher_administrator", town.stranger),
        "stranger": Role("hub_manager", town.stranger),
        "auditor": Role("auditor", town.funder),
        "operator": Role("operator"),
    }
    async with town.context.database.transaction() as session:
        for body in bodies:
            await organisations.put_organisation(session, body)
        for who, role in holders.items():
            town.people[who], town.roles[who] = new_id(), role
            belongs = (role.organisation_id,) if role.organisation_id else ()
            person = PersonChanged(version=FIRST, person_id=town.people[who], organisation_ids=belongs)
            await organisations.put_person(session, person, erased=False)
        first, second = sorted((town.visitor, town.host))
        connection = SuggestionSnapshot(
            version=FIRST,
            suggestion_id=town.connection,
            first_id=first,
            second_id=second,
            state=SuggestionState.CONNECTED,
            score=0.8,
            reason="Need meets offer.",
            model_version="test",
            proposed_at=now(),
            connected_at=now(),
        )
        await organisations.put_connection(session, connection)


WITHDRAWN = OrganisationStatus.WITHDRAWN
