"""What the notifier's tests share: events, a mail server that can misbehave, a stand-in for profiles."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local.process import free_port
from services.notifier import composing, occasions, people
from services.notifier.consumers import handlers
from services.notifier.models import Delivery, Notice
from services.notifier.sending import Post
from services.notifier.work import open_post
from shared.clock import now
from shared.context import Context
from shared.contracts import EventType, Snapshot, Version
from shared.contracts.matching import (
    SUGGESTION_CONNECTED,
    SUGGESTION_PROPOSED,
    Answer,
    Evidence,
    SuggestionSnapshot,
    SuggestionState,
)
from shared.contracts.mobility import VisitKind, VisitSnapshot, VisitState, VoucherKind, VoucherSnapshot, VoucherState
from shared.contracts.money import Money
from shared.contracts.profiles import (
    ORGANISATION_CHANGED,
    PERSON_CHANGED,
    OrganisationKind,
    OrganisationSnapshot,
    PersonChanged,
)
from shared.ids import new_id
from shared.messaging import Event
from shared.problems import Problem, not_found

LONG_AGO = "2026-01-01T08:00:00+00:00"


def event(kind: EventType[Any], body: Snapshot) -> Event[Any]:
    """Wrap a body as the consumer would."""
    return Event(id=new_id(), type=kind, source="test", time=now(), body=body, sequence=1)


def organisation(
    name: str, country: str = "AT", *, n: int = 1, languages: tuple[str, ...] = ("en",)
) -> OrganisationSnapshot:
    """An organisation as profiles tells it."""
    return OrganisationSnapshot(
        version=Version(epoch=1, n=n),
        organisation_id=new_id(),
        kind=OrganisationKind.SME,
        name=name,
        country=country,
        languages=languages,
        updated_at=now(),
        source="CORDIS",
    )


def suggestion(first: UUID, second: UUID, **overrides: Any) -> SuggestionSnapshot:
    """A proposed pair, with the evidence of a need that meets an offer."""
    need_of, offer_of = sorted((first, second))
    evidence = Evidence(
        need_statement_id=new_id(),
        need_organisation_id=need_of,
        need_text="We need laser welding of thin sheets.",
        need_language="en",
        offer_statement_id=new_id(),
        offer_organisation_id=offer_of,
        offer_text="Wir bieten Laserschweißen dünner Bleche.",
        offer_language="de",
        similarity=0.8,
    )
    values: dict[str, Any] = {
        "version": Version(epoch=1, n=1),
        "suggestion_id": new_id(),
        "first_id": need_of,
        "second_id": offer_of,
        "state": SuggestionState.PROPOSED,
        "score": 0.8,
        "reason": "A need meets an offer.",
        "evidence": (evidence,),
        "model_version": "test",
        "proposed_at": now(),
    }
    return SuggestionSnapshot(**(values | overrides))


def connected(proposed: SuggestionSnapshot) -> SuggestionSnapshot:
    """The same pair after both sides said that they are interested."""
    return proposed.model_copy(
        update={
            "version": Version(epoch=1, n=proposed.version.n + 1),
            "state": SuggestionState.CONNECTED,
            "first_answer": Answer.INTERESTED,
            "second_answer": Answer.INTERESTED,
            "connected_at": now(),
        }
    )


def visit(visitor: UUID, host: UUID, visitor_person: UUID, **overrides: Any) -> VisitSnapshot:
    """A requested visit; hubs are ids of their own unless given."""
    values: dict[str, Any] = {
        "version": Version(epoch=1, n=1),
        "visit_id": new_id(),
        "kind": VisitKind.BUSINESS_EXPLORATORY,
        "state": VisitState.REQUESTED,
        "visitor_person_id": visitor_person,
        "visitor_id": visitor,
        "visitor_hub_id": new_id(),
        "host_id": host,
        "host_hub_id": new_id(),
        "starts_on": date(2027, 3, 1),
        "ends_on": date(2027, 3, 5),
        "changed_at": now(),
    }
    return VisitSnapshot(**(values | overrides))


def voucher(funder: UUID, beneficiary: UUID, applicant: UUID, **overrides: Any) -> VoucherSnapshot:
    """An applied travel voucher."""
    values: dict[str, Any] = {
        "version": Version(epoch=1, n=1),
        "voucher_id": new_id(),
        "programme_id": new_id(),
        "funder_id": funder,
        "beneficiary_id": beneficiary,
        "applicant_person_id": applicant,
        "kind": VoucherKind.TRAVEL,
        "state": VoucherState.APPLIED,
        "amount": Money(amount=Decimal("780.00"), currency="EUR"),
        "changed_at": now(),
    }
    return VoucherSnapshot(**(values | overrides))


class MailServer:
    """A real SMTP server on loopback that keeps every mail it accepts, doubles included, and refuses as told.

    ``on_recipient`` and ``on_data`` may return another reply than yes; ``hang_up``: take the mail, then say nothing.
    """

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.hang_up = False
        self.connections = 0
        self.on_recipient: Callable[[str], str | None] = lambda _address: None
        self.on_data: Callable[[], str | None] = lambda: None
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port())

    def start(self) -> None:
        self.controller.start()

    def stop(self) -> None:
        if not self.controller.loop.is_closed():
            self.controller.stop(no_assert=True)

    @property
    def port(self) -> int:
        return int(self.controller.port)

    async def handle_EHLO(
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        refusal = self.on_recipient(address)
        if refusal is None:
            envelope.rcpt_tos.append(address)
        return refusal or "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        refusal = self.on_data()
        if refusal is None:
            content = envelope.content
            assert isinstance(content, bytes)
            self.mails.append(message_from_bytes(content, policy=policy.default))  # type: ignore[arg-type]
            if self.hang_up:
                server.transport.abort()
        return refusal or "250 OK"

    def to(self, address: str) -> list[EmailMessage]:
        """Return the mails to an address, oldest first."""
        return [each for each in self.mails if address in str(each["To"])]

    def occasions(self) -> list[tuple[str, str]]:
        """Return each (recipient, occasion) as often as it was delivered."""
        return [
            (str(each["To"]), occasion)
            for each in self.mails
            for occasion in str(each["X-Intercluster-Occasion"]).replace("\n", "").split(", ")
        ]


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
