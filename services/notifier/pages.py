"""From a delivery to its page: reads what is known now, names everything in the reader's language."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier import audience, views
from services.notifier.composing import are_named, still_open, suggestion_verdict
from services.notifier.consent import SUGGESTIONS, Verdict
from services.notifier.models import Delivery, Organisation, Person, Suggestion
from services.notifier.repository import occasions, people, projections
from services.notifier.settings import Settings
from services.notifier.state import Links
from services.notifier.views import Named, Page, Reader
from shared.clock import today
from shared.contracts.matching import Answer, CallFit, Evidence
from shared.contracts.mobility import VisitSnapshot, VoucherSnapshot

VISITS_PAGE = "/visits"
VOUCHERS_PAGE = "/vouchers"
SUGGESTIONS_PAGE = "/suggestions"


class NothingToTellError(Exception):
    """The mail has lost its reason: ``str()`` is a word for the trail (``unsubscribed``, ``withdrawn``, ``erased``)."""


class NoSuggestionLeftError(NothingToTellError):
    """None of the suggestions may be told just now; should that change, they are told in another mail."""


@dataclass(frozen=True)
class Told:
    """A page with its reader, the delivery keys it tells, and the list it belongs to if it is bulk mail."""

    page: Page
    reader: Reader
    keys: tuple[str, ...]
    unsubscribe_url: str | None = None
    list_name: str | None = None


async def tell(session: AsyncSession, delivery: Delivery, person: Person, links: Links, settings: Settings) -> Told:
    """Build what a delivery tells its recipient. Raises :class:`NothingToTellError`."""
    origin = delivery.content_of or delivery.delivery_id
    if delivery.template == audience.SIGN_IN:
        return Told(views.sign_in_page(delivery.secret or ""), _reader(person, None), (delivery.occasion,))
    if delivery.template == audience.SUGGESTION:
        return await _tell_suggestions(session, delivery, origin, person, links, settings)
    own = await projections.organisations(session, [delivery.organisation_id] if delivery.organisation_id else [])
    organisation = own.get(delivery.organisation_id) if delivery.organisation_id else None
    if organisation is None:
        raise NothingToTellError("organisation erased")
    reader = _reader(person, organisation)
    if delivery.template == audience.NOTICE:
        url = links.unsubscribe(person.person_id, SUGGESTIONS)
        page = views.notice_page(reader, url, _source(person, organisation))
        return Told(page, reader, (delivery.occasion,), url, SUGGESTIONS)
    keys = (delivery.occasion,)
    found = await occasions.occasion_of(session, origin)
    if found is None:
        raise NothingToTellError("forgotten")
    occasion, notice = found
    if delivery.template == audience.CONNECTION:
        return Told(
            await _connection(session, occasion.subject_id, notice.organisation_id, reader, links), reader, keys
        )
    if delivery.template == audience.VISIT:
        visit = VisitSnapshot.model_validate(occasion.facts)
        named = await _named(session, visit.visitor_id, visit.host_id)
        url = links.page(VISITS_PAGE)
        page = views.visit_page(reader, visit, occasion.verb, named[visit.visitor_id], named[visit.host_id], url)
        return Told(page, reader, keys)
    voucher = VoucherSnapshot.model_validate(occasion.facts)
    named = await _named(session, voucher.beneficiary_id, voucher.funder_id)
    programme = await projections.programme_name(session, voucher.programme_id)
    beneficiary, funder = named[voucher.beneficiary_id], named[voucher.funder_id]
    page = views.voucher_page(reader, voucher, occasion.verb, beneficiary, funder, programme, links.page(VOUCHERS_PAGE))
    return Told(page, reader, keys)


async def _tell_suggestions(
    session: AsyncSession, delivery: Delivery, origin: UUID, person: Person, links: Links, settings: Settings
) -> Told:
    rows = await projections.suggestions_of(session, origin)
    sides = {side for each, _ in rows for side in (each.first_id, each.second_id)}
    named = await projections.organisations(session, sides)
    choice = await people.preference(session, person.person_id)
    told: list[tuple[Suggestion, UUID]] = []
    verdicts: list[Verdict] = []
    for suggestion, own_id in rows:
        if are_named(suggestion, named) and still_open(suggestion, own_id):
            decided = suggestion_verdict(person, choice, named[own_id], settings)
            verdicts.append(decided)
            if decided.allows:
                told.append((suggestion, own_id))
    if not told:
        raise NoSuggestionLeftError("unsubscribed" if verdicts else "withdrawn")
    reader = _reader(person, named[told[0][1]])
    shown = tuple(_suggested(person, reader, each, own_id, named, links) for each, own_id in told)
    url = links.unsubscribe(person.person_id, SUGGESTIONS)
    page = views.suggestions_page(
        reader,
        shown,
        why="why_suggestions" if Verdict.CONSENTED in verdicts else "why_notice",
        console_url=links.page(SUGGESTIONS_PAGE),
        unsubscribe_url=url,
        source=_source(person, named[told[0][1]]),
    )
    keys = tuple(audience.delivery_key(f"suggestion:{each.suggestion_id}", person.person_id) for each, _ in told)
    return Told(page, reader, keys, url, SUGGESTIONS)


def _suggested(
    person: Person, reader: Reader, suggestion: Suggestion, own_id: UUID, named: dict[UUID, Organisation], links: Links
) -> views.Suggested:
    partner_id = suggestion.second_id if suggestion.first_id == own_id else suggestion.first_id
    facts = views.SuggestionFacts(
        suggestion.suggestion_id,
        _name(named[own_id]),
        _name(named[partner_id]),
        suggestion.score,
        suggestion.reason,
        tuple(Evidence.model_validate(each) for each in suggestion.evidence),
        _open_call(suggestion),
    )
    yes, no = (
        links.answer(person.person_id, suggestion.suggestion_id, own_id, answer)
        for answer in (Answer.INTERESTED, Answer.NOT_INTERESTED)
    )
    return views.suggested(Reader(reader.name, reader.language, facts.own), facts, yes, no)


async def _connection(session: AsyncSession, suggestion_id: UUID, own_id: UUID, reader: Reader, links: Links) -> Page:
    suggestion = (await projections.suggestions(session, [suggestion_id])).get(suggestion_id)
    if suggestion is None:
        raise NothingToTellError("forgotten")
    partner_id = suggestion.second_id if suggestion.first_id == own_id else suggestion.first_id
    named = await _named(session, partner_id)
    found = await people.contacts(session, partner_id, audience.ACTING)
    contacts = tuple(views.Contact(each.name or "", each.email or "") for each in found)
    call = _open_call(suggestion)
    return views.connection_page(reader, named[partner_id], contacts, links.page(VISITS_PAGE), call)


def _open_call(suggestion: Suggestion) -> CallFit | None:
    """Return the call that a suggestion names, as long as it can be answered: a mail may be made or sent late."""
    call = CallFit.model_validate(suggestion.call) if suggestion.call else None
    return call if call and call.is_open(today()) else None


async def _named(session: AsyncSession, *ids: UUID) -> dict[UUID, Named]:
    found = await projections.organisations(session, ids)
    if found.keys() != set(ids):
        raise NothingToTellError("organisation erased")
    return {organisation_id: _name(each) for organisation_id, each in found.items()}


def _name(organisation: Organisation) -> Named:
    return Named(
        organisation.organisation_id, organisation.name or "", organisation.country or "", tuple(organisation.languages)
    )


def _reader(person: Person, own: Organisation | None) -> Reader:
    return Reader(person.name or "", person.language or "en", _name(own) if own else None)


def _source(person: Person, own: Organisation | None) -> str | None:
    sources = [each["source"] for each in person.consents if each.get("source")]
    return sources[-1] if sources else own.source if own else None
