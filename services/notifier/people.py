"""Use cases of contact cards: fetch them from profiles when a person changed, drop them when she is gone."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.notifier.models import Person
from services.notifier.repository import people
from shared.clock import now
from shared.contracts import Version
from shared.database import Database
from shared.problems import Problem

BATCH = 200
FEW = 4
"""Up to so many cards are asked for one by one, more with one question about their organisations."""
MOST_ORGANISATIONS = 400
"""Organisations per question; profiles takes 500."""


class CardRole(BaseModel):
    """A role on a card."""

    model_config = ConfigDict(extra="ignore")

    role: str
    organisation_id: UUID | None = None


class CardConsent(BaseModel):
    """A recorded opt-in or refusal, with its source."""

    model_config = ConfigDict(extra="ignore")

    purpose: str
    given: bool
    at: datetime
    source: str | None = None
    by_herself: bool = False


class Card(BaseModel):
    """A contact card as profiles gives it; ``version`` is the person's, ``"epoch.n"``."""

    model_config = ConfigDict(extra="ignore")

    person_id: UUID
    version: str
    name: str
    email: str
    language: str
    time_zone: str = "UTC"
    roles: tuple[CardRole, ...] = ()
    consents: tuple[CardConsent, ...] = ()


class Profiles(Protocol):
    """The part of the service client that is used here."""

    async def get(self, service: str, path: str) -> Any:
        """GET and decode; raises :class:`Problem`."""

    async def post(self, service: str, path: str, *, json: Any) -> Any:
        """POST and decode; raises :class:`Problem`."""


async def fetch_cards(database: Database, profiles: Profiles) -> int:
    """Fetch the cards that are wanted now; returns how many people were looked at.

    Nothing is locked while profiles is asked; a card is only stored if no newer event about the person has come in
    meanwhile. A failure leaves the wish in the table, with a growing pause.
    """
    async with database.session() as session:
        wanted = await people.wanted(session, now(), BATCH)
    if not wanted:
        return 0
    try:
        cards, gone = await _ask(profiles, wanted)
    except Problem:
        async with database.transaction() as session:
            await people.want_later(session, [each.person_id for each in wanted], now())
        raise
    async with database.transaction() as session:
        for card in sorted(cards.values(), key=lambda each: each.person_id):
            await _store(session, card)
        for person_id in sorted(gone):
            await _drop(session, person_id, {each.person_id: each for each in wanted}[person_id])
        missing = {each.person_id for each in wanted} - cards.keys() - gone
        await people.want_later(session, missing, now())
    return len(wanted)


async def _ask(profiles: Profiles, wanted: list[Person]) -> tuple[dict[UUID, Card], set[UUID]]:
    cards: dict[UUID, Card] = {}
    ids = {each.person_id for each in wanted}
    if len(wanted) > FEW:
        organisations = sorted({organisation for each in wanted for organisation in each.organisation_ids})
        for start in range(0, len(organisations), MOST_ORGANISATIONS):
            asked = [str(each) for each in organisations[start : start + MOST_ORGANISATIONS]]
            answer = await profiles.post("profiles", "/contact-cards/by-organisation", json={"organisation_ids": asked})
            cards |= {card.person_id: card for card in _cards(answer) if card.person_id in ids}
    gone = set()
    for person_id in sorted(ids - cards.keys()):
        try:
            cards[person_id] = Card.model_validate(await profiles.get("profiles", f"/people/{person_id}/contact-card"))
        except Problem as problem:
            if problem.status not in (404, 410):
                raise
            gone.add(person_id)
    return cards, gone


async def card_of(profiles: Profiles, person_id: UUID) -> Person | None:
    """Ask for one card without storing it (a sign-in link waits for no event); ``None`` if there is no such person.

    Raises :class:`Problem` when profiles does not answer.
    """
    try:
        card = Card.model_validate(await profiles.get("profiles", f"/people/{person_id}/contact-card"))
    except Problem as problem:
        if problem.status in (404, 410):
            return None
        raise
    version = Version.parse(card.version)
    return Person(
        person_id=person_id,
        name=card.name,
        email=card.email,
        language=card.language,
        time_zone=card.time_zone,
        version_epoch=version.epoch,
        version_n=version.n,
    )


def _cards(answer: Any) -> Iterable[Card]:
    return (Card.model_validate(each) for each in answer["items"])


async def _store(session: Any, card: Card) -> None:
    row = await people.get(session, card.person_id, lock=True)
    if row is None or row.erased or row.wanted_at is None:
        return
    if _behind(Version.parse(card.version), Version(epoch=row.version_epoch, n=row.version_n)):
        # The answer was overtaken by an event: the wish stays.
        await people.want_later(session, [card.person_id], now())
        return
    values = {
        "name": card.name,
        "email": card.email,
        "language": card.language,
        "time_zone": card.time_zone,
        "consents": [each.model_dump(mode="json") for each in card.consents],
    }
    roles = {(each.organisation_id, each.role) for each in card.roles if each.organisation_id}
    await people.store_card(session, card.person_id, values, roles)


def _behind(card: Version, heard: Version) -> bool:
    """Whether a card is older than the event that was heard.

    After a restore profiles announces everybody under the raised epoch but leaves her row as it is, so a card of a
    lower epoch is the present one if its number is not lower: any change since then would have raised both.
    """
    return card.n < heard.n if card.epoch <= heard.epoch else False


async def _drop(session: Any, person_id: UUID, asked: Person) -> None:
    row = await people.get(session, person_id, lock=True)
    if row and (row.version_epoch, row.version_n) == (asked.version_epoch, asked.version_n):
        await people.drop_card(session, person_id)
