"""Services with a past: what had happened before an upgrade, how it was stored then, and what must work afterwards."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Protocol

import httpx
import sqlalchemy as sa

from services.matching.__main__ import service as matching_service
from services.matching.engine import Engine
from services.matching.settings import Settings
from services.matching.work import begin_to_lead
from services.mobility.__main__ import service as mobility_service
from services.notifier.work import close_post
from shared.context import Context
from tests.matching.conftest import Api, Matching, identifier, organisation, word_encoder, word_models
from tests.mobility.conftest import Town, settle
from tests.notifier import events
from tests.notifier.mail_server import MailServer
from tests.notifier.support import make_notifier
from tests.upgrades.older import Older

NEED, OFFER = "recycling of lithium batteries from electric cars", "we recycle lithium batteries of electric cars"
COUNTRIES = {"Bateria": "PL", "Gone": "IT", "Pile": "FR"}


class Site(Protocol):
    """One service before and after an upgrade. ``lost``: tables and columns (``table.column``) that a revision clears,
    because what they hold is made again. ``settings`` are the service's.
    """

    lost: ClassVar[frozenset[str]]
    settings: dict[str, Any]

    async def live(self, context: Context) -> None:
        """Let something happen."""

    async def as_it_was(self, older: Older) -> None:
        """Make what was stored look as the first release stored it."""

    async def go_on(self, context: Context) -> None:
        """Work on the upgraded database."""

    def close(self) -> None:
        """End what was started for the site."""


class MatchingSite:
    """Akku is suggested to Pile, has been connected to Bateria, and to Gone, who has been erased."""

    lost: ClassVar = frozenset(("text_vector", "statement.encoded_with", "organisation.matched_sequence"))

    def __init__(self, sign: Callable[..., str]) -> None:
        self.sign, self.settings = sign, dict[str, Any]()
        self.ids: dict[str, str] = {}

    def matching(self, context: Context) -> Matching:
        assert isinstance(context.settings, Settings)
        context.state.engine = Engine(context.settings, word_encoder())
        return Matching(context, word_models())

    async def live(self, context: Context) -> None:
        matching = self.matching(context)
        await matching.hear(
            organisation("Akku", "DE", needs=[NEED]),
            *(organisation(name, country, offers=[OFFER]) for name, country in COUNTRIES.items()),
        )
        await matching.settle()
        found = await matching.suggestions()
        self.ids = {name: str(found[frozenset(("Akku", name))].id) for name in COUNTRIES}
        async with self.api(context) as client:
            api = Api(client, self.sign)
            for name in ("Bateria", "Gone"):
                for side in ("Akku", name):
                    body = {"organisation_id": str(identifier(side)), "answer": "interested"}
                    path = f"/suggestions/{self.ids[name]}/answers"
                    assert (await api.post(path, body, "sme_contact", identifier(side))).status_code == 200
        await matching.erase("Gone")

    async def as_it_was(self, older: Older) -> None:
        """One model with 384 numbers, scores without a ranker."""
        await older.change(
            "INSERT INTO text_vector SELECT DISTINCT text_hash, 'MiniLM', array_fill(0.05, ARRAY[384])::halfvec"
            " FROM statement"
        )
        await older.change("UPDATE statement SET encoded_with = 'MiniLM'")
        await older.change(
            "UPDATE suggestion SET features = jsonb_build_object('statements', 0.6, 'languages', 0.05), score = 0.65,"
            " model_version = 'MiniLM' WHERE features <> '{}'"
        )

    async def go_on(self, context: Context) -> None:
        matching = self.matching(context)
        await begin_to_lead(context)
        assert (await matching.settle()).final
        stand = await matching.suggestions(None)
        assert {name: str(row.id) for name in COUNTRIES for pair, row in stand.items() if pair == {"Akku", name}} == {
            name: self.ids[name] for name in ("Bateria", "Pile")
        }
        assert stand[frozenset(("Akku", "Pile"))].state == "proposed"
        assert stand[frozenset(("Akku", "Bateria"))].state == "connected"
        assert (await matching.occasions()).count("suggestion.proposed") == 3, "nobody is proposed a second time"
        async with context.database.session() as session:
            ties = (await session.execute(sa.text("SELECT first_id, second_id FROM outcome"))).all()
        assert [set(each) for each in ties] == [{identifier("Akku"), identifier("Bateria")}], "none of the erased firm"
        async with self.api(context) as client:
            await self.explains(Api(client, self.sign))

    async def explains(self, api: Api) -> None:
        """What is scored again can be replayed; an old score is explained by its old shares."""
        assert (await api.get(f"/suggestions/{self.ids['Pile']}/replay", "operator")).json()["same"]
        old = f"/suggestions/{self.ids['Bateria']}"
        told = (await api.get(f"{old}/explanation", "sme_contact", identifier("Akku"))).json()
        assert [(each["name"], each["share"], each["value"]) for each in told["factors"]] == [
            ("statements", 0.6, None),
            ("languages", 0.05, None),
        ]
        assert told["score"] == 0.65
        assert OFFER in told["sentence"]
        assert (told["model"]["model_version"], told["model"]["ranker"]) == ("MiniLM", None)
        gone = await api.get(f"{old}/replay", "operator")
        assert (gone.status_code, gone.json()["rule"]) == (404, "not-found")
        assert "scoring" in gone.json()["detail"]
        erased = await api.get(f"/suggestions/{self.ids['Gone']}/explanation", "operator")
        assert erased.status_code == 410

    def api(self, context: Context) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(matching_service.http_app(context)), base_url="http://matching"
        )

    def close(self) -> None:
        """Nothing was started."""


class MobilitySite:
    """A visit that four have signed, before there was any money."""

    lost: ClassVar = frozenset(("organisation.version_n", "consumed_position"))

    def __init__(self, sign: Callable[..., str]) -> None:
        self.sign, self.settings = sign, dict[str, Any]()

    async def live(self, context: Context) -> None:
        async with self.client(context) as client:
            self.town = Town(context, client, self.sign)
            await settle(self.town)
            self.visit = await self.town.approved_visit()

    async def as_it_was(self, older: Older) -> None:
        """Nothing of it was stored otherwise."""

    async def go_on(self, context: Context) -> None:
        async with self.client(context) as client:
            town = replace(self.town, context=context, client=client)
            path = f"/visits/{self.visit['visit_id']}"
            assert (await town.get("visitor", path)).json() == self.visit
            programme = await town.programme()
            voucher = await town.travel_voucher(programme["programme_id"], self.visit["visit_id"], distance_km=900)
            await town.done("clerk", f"/vouchers/{voucher['voucher_id']}/issue")
            report = {"text": "We saw the pilot line.", "evidence": [{"kind": "ticket", "reference": "TK-1"}]}
            assert (await town.done("visitor", f"{path}/report", report))["state"] == "completed"
            assert (await town.ledger(programme["programme_id"]))["balanced"]

    def client(self, context: Context) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(mobility_service.http_app(context)), base_url="http://mobility"
        )

    def close(self) -> None:
        """Nothing was started."""


class NotifierSite:
    """Two firms: of one suggestion both have been told, of another one they are still to be told."""

    lost: ClassVar = frozenset[str]()

    def __init__(self, sign: Callable[..., str]) -> None:
        self.server = MailServer()
        self.server.start()
        self.settings: dict[str, Any] = {"smtp_port": self.server.port, "settle_seconds": 0, "settle_crowd_seconds": 0}

    async def live(self, context: Context) -> None:
        site = await make_notifier(context, self.server)
        first, second, third = (events.organisation(name, country) for name, country in FIRMS_TOLD)
        await site.knows(first, second, third)
        for each in (first, second, third):
            await site.person(each.name, (each.organisation_id, "sme_contact"))
        await site.proposes(events.suggestion(first.organisation_id, second.organisation_id))
        await site.works()
        self.told = len(self.server.mails)
        await site.proposes(events.suggestion(first.organisation_id, third.organisation_id))
        await site.composes_nothing_yet()
        self.profiles = site.profiles
        await close_post(context)

    async def as_it_was(self, older: Older) -> None:
        """Nothing of it was stored otherwise."""

    async def go_on(self, context: Context) -> None:
        site = await make_notifier(context, self.server)
        site.profiles.cards |= self.profiles.cards
        await site.make_due()
        await site.works()
        states = [each.state for each in await site.deliveries()]
        assert (self.told, len(self.server.mails), states) == (2, 4, ["sent"] * 4), "each is told once"
        await close_post(context)

    def close(self) -> None:
        self.server.stop()


FIRMS_TOLD = (("Alpha", "AT"), ("Beta", "FR"), ("Gamma", "PL"))
SITES: dict[str, Callable[[Callable[..., str]], Site]] = {
    "matching": MatchingSite,
    "mobility": MobilitySite,
    "notifier": NotifierSite,
}


def without(rows: dict[str, list[dict[str, Any]]], lost: frozenset[str]) -> dict[str, list[dict[str, Any]]]:
    """Return rows without what a revision clears."""
    return {
        table: [{name: value for name, value in row.items() if f"{table}.{name}" not in lost} for row in found]
        for table, found in rows.items()
        if table not in lost
    }
