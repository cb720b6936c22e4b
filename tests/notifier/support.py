"""A notifier whose work is done when a test says so, and a stand-in for profiles."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.notifier import composing, occasions, people
from services.notifier.consumers import handlers
from services.notifier.models import Delivery, Notice
from services.notifier.sending import Post
from services.notifier.work import open_post
from shared.context import Context
from shared.contracts import EventType, Snapshot, Version
from shared.contracts.matching import (
    SUGGESTION_CONNECTED,
    SUGGESTION_PROPOSED,
    SuggestionSnapshot,
)
from shared.contracts.profiles import (
    ORGANISATION_CHANGED,
    PERSON_CHANGED,
    OrganisationSnapshot,
    PersonChanged,
)
from shared.ids import new_id
from shared.problems import Problem, not_found
from tests.notifier.events import connected, event
from tests.notifier.mail_server import MailServer

LONG_AGO = "2026-01-01T08:00:00+00:00"


@dataclass
class Profiles:
    """Stands in for the profiles service: gives the cards it holds."""

    cards: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    away: bool = False

    async def get(self, service: str, path: str) -> Any:
        assert service == "profiles"
        if self.away:
            raise Problem(503, "service-away", "away")
        person_id = UUID(path.split("/")[2])
        if person_id not in self.cards:
            raise not_found("person", person_id)
        return self.cards[person_id]

    async def post(self, service: str, path: str, *, json: Any) -> Any:
        assert (service, path) == ("profiles", "/contact-cards/by-organisation")
        if self.away:
            raise Problem(503, "service-away", "away")
        wanted = set(json["organisation_ids"])
        found = [card for card in self.cards.values() if wanted & {role["organisation_id"] for role in card["roles"]}]
        return {"items": found}


@dataclass
class Notifier:
    """A notifier without its consumer: events are handed to its handlers, its work is done when a test says so."""

    context: Context
    server: MailServer
    profiles: Profiles

    @property
    def post(self) -> Post:
        post: Post = self.context.state.post
        return post

    async def hears(self, kind: EventType[Any], body: Snapshot) -> None:
        """Handle one event as the consumer does."""
        handler = handlers.find(kind.name)
        assert handler
        async with self.context.database.transaction() as session:
            await handler(session, event(kind, body))

    async def knows(self, *snapshots: OrganisationSnapshot) -> None:
        """Hear of organisations."""
        for each in snapshots:
            await self.hears(ORGANISATION_CHANGED, each)

    async def person(
        self, name: str, *roles: tuple[UUID, str], consent: bool | None = True, heard: bool = True, **overrides: Any
    ) -> UUID:
        """Put a person into profiles; unless ``heard`` is off the notifier hears of her and fetches her card."""
        person_id = overrides.pop("person_id", None) or new_id()
        given = {"purpose": "suggestions", "given": consent, "at": LONG_AGO, "wording": "yes", "source": "CORDIS"}
        self.profiles.cards[person_id] = {
            "person_id": str(person_id),
            "version": "1.1",
            "name": name,
            "email": f"{name.split()[0].lower()}.{person_id.hex[-6:]}@example.org",
            "language": "en",
            "time_zone": "Europe/Vienna",
            "roles": [{"role": role, "organisation_id": str(each)} for each, role in roles],
            "consents": [] if consent is None else [given],
            "status": "active",
        } | overrides
        if heard:
            await self.hears_of(person_id)
        return person_id

    async def hears_of(self, person_id: UUID, n: int = 1) -> None:
        """Hear that a person changed."""
        roles = self.profiles.cards[person_id]["roles"]
        ids = tuple(UUID(role["organisation_id"]) for role in roles)
        await self.hears(
            PERSON_CHANGED, PersonChanged(version=Version(epoch=1, n=n), person_id=person_id, organisation_ids=ids)
        )

    def address(self, person_id: UUID) -> str:
        return str(self.profiles.cards[person_id]["email"])

    async def proposes(self, *suggestions: SuggestionSnapshot) -> None:
        for each in suggestions:
            await self.hears(SUGGESTION_PROPOSED, each)

    async def connects(self, proposed: SuggestionSnapshot) -> None:
        await self.hears(SUGGESTION_CONNECTED, connected(proposed))

    async def composes_nothing_yet(self) -> None:
        """Fetch cards and find recipients."""
        await people.fetch_cards(self.context.database, self.profiles)
        while await occasions.resolve(self.context.database, timedelta(days=30)):
            pass

    async def composes(self) -> None:
        """Fetch cards, find recipients, make mails of what is due."""
        await self.composes_nothing_yet()
        await composing.compose(self.context.database, self.post.settings)

    async def make_due(self) -> None:
        """Let the pauses of all waiting notices pass."""
        async with self.context.database.transaction() as session:
            await session.execute(sa.update(Notice).values(look_at=Notice.created_at))

    async def works(self) -> None:
        """Do all work that is due: compose, then send everything in the queue."""
        await self.composes()
        for delivery in await self.deliveries():
            if delivery.state in ("queued", "sending"):
                await self.post.send(delivery.delivery_id)

    async def deliveries(self) -> list[Delivery]:
        """Return all deliveries as committed, oldest first."""
        async with self.context.database.session() as session:
            found = await session.scalars(sa.select(Delivery).order_by(Delivery.delivery_id))  # type: ignore[arg-type]
            return list(found)


async def make_notifier(context: Context, server: MailServer) -> Notifier:
    """Make ready a notifier on that context."""
    await open_post(context)
    profiles = Profiles()
    context.state.post = Post(**{**context.state.post.__dict__, "profiles": profiles})
    return Notifier(context, server, profiles)
