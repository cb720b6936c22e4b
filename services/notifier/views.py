"""What each template is given: plain values, in the reader's language, seen from the reader's side. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from services.notifier.texts import Texts, written_language
from services.notifier.wording import clean, fit, shorten
from shared.contracts.matching import CallFit, Evidence
from shared.contracts.mobility import VisitSnapshot, VoucherSnapshot

SHOWN_EVIDENCE = 2
"""A suggestion shows its best evidence, and a second one where the pair meets both ways."""

TITLE_LENGTH = 200
"""Characters of a call's title shown in a mail."""


@dataclass(frozen=True)
class Named:
    """An organisation as mails name it. ``languages``: the ones it listed (ISO 639-1)."""

    organisation_id: UUID
    name: str
    country: str
    languages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reader:
    """Who reads: name, wanted language, and the organisation on whose behalf."""

    name: str
    language: str
    organisation: Named | None = None

    @property
    def texts(self) -> Texts:
        return Texts(written_language(self.language))

    @property
    def reads(self) -> frozenset[str]:
        """Languages the reader has listed: her own and her organisation's."""
        return frozenset((self.language, *(self.organisation.languages if self.organisation else ())))


@dataclass(frozen=True)
class Quote:
    """One stored statement as shown: who says it, its words, and its language where the reader has not listed it."""

    label: str
    text: str
    language: str
    original: str | None = None


@dataclass(frozen=True)
class ShownCall:
    """An open call that fits both sides, as mails name it; ``url`` only where it may be a link."""

    title: str
    language: str
    deadline: str
    url: str | None


@dataclass(frozen=True)
class Suggested:
    """One suggestion in a mail."""

    partner: str
    country: str
    own: str
    fit: str
    quotes: tuple[Quote, ...]
    reason: str | None
    interested_url: str
    not_interested_url: str
    call: ShownCall | None = None


@dataclass(frozen=True)
class Contact:
    """One person of the other side of a connection."""

    name: str
    email: str


@dataclass(frozen=True)
class Page:
    """All that a template needs: its texts' variables, rows of facts and the links.

    ``heading`` is the prefix of its text keys (``visit.approved``); ``why`` names the footer's reason.
    """

    template: str
    heading: str
    why: str
    values: Mapping[str, str] = field(default_factory=dict)
    rows: tuple[tuple[str, str], ...] = ()
    button_url: str | None = None
    suggestions: tuple[Suggested, ...] = ()
    contacts: tuple[Contact, ...] = ()
    call: ShownCall | None = None
    unsubscribe_url: str | None = None
    source: str | None = None


@dataclass(frozen=True)
class SuggestionFacts:
    """A stored suggestion with the names of both sides."""

    suggestion_id: UUID
    own: Named
    partner: Named
    score: float
    reason: str
    evidence: tuple[Evidence, ...]
    call: CallFit | None = None


def suggested(reader: Reader, facts: SuggestionFacts, interested_url: str, not_interested_url: str) -> Suggested:
    """Show one suggestion from the reader's side."""
    texts = reader.texts
    quotes = tuple(
        quote for evidence in facts.evidence[:SHOWN_EVIDENCE] for quote in _quotes(texts, reader.reads, facts, evidence)
    )
    return Suggested(
        partner=clean(facts.partner.name),
        country=texts.country(facts.partner.country),
        own=clean(facts.own.name),
        fit=texts(f"fit.{fit(facts.score)}"),
        quotes=quotes,
        reason=None if quotes else shorten(facts.reason),
        interested_url=interested_url,
        not_interested_url=not_interested_url,
        call=_call(texts, facts.call),
    )


def _call(texts: Texts, call: CallFit | None) -> ShownCall | None:
    """Name a call. Its title is foreign text, and only an https address becomes a link."""
    if call is None:
        return None
    url = call.url if call.url and call.url.startswith("https://") else None
    deadline = texts("call.deadline", date=texts.date(call.deadline))
    return ShownCall(shorten(call.title, TITLE_LENGTH), call.language, deadline, url)


def _quotes(texts: Texts, reads: frozenset[str], facts: SuggestionFacts, evidence: Evidence) -> Iterable[Quote]:
    partner = clean(facts.partner.name)
    own_need = evidence.need_organisation_id == facts.own.organisation_id
    need_label = texts("suggestions.you_need") if own_need else texts("suggestions.they_need", partner=partner)
    offer_label = texts("suggestions.they_offer", partner=partner) if own_need else texts("suggestions.you_offer")
    need = _quote(texts, reads, need_label, evidence.need_text, evidence.need_language)
    offer = _quote(texts, reads, offer_label, evidence.offer_text, evidence.offer_language)
    return (need, offer)


def _quote(texts: Texts, reads: frozenset[str], label: str, text: str, language: str) -> Quote:
    foreign = None if language in reads else texts("quote.original", language=texts.language_name(language))
    return Quote(label, shorten(text), language, foreign)


def visit_page(reader: Reader, visit: VisitSnapshot, verb: str, visitor: Named, host: Named, url: str) -> Page:
    """Show a step of a visit (``verb``: requested, approved, refused, cancelled, completed)."""
    texts = reader.texts
    names = {"visitor": clean(visitor.name), "host": clean(host.name)}
    dates = texts("visit.dates", start=texts.date(visit.starts_on), end=texts.date(visit.ends_on))
    rows = (
        (texts("visit.label.visitor"), f"{names['visitor']} ({texts.country(visitor.country)})"),
        (texts("visit.label.host"), f"{names['host']} ({texts.country(host.country)})"),
        (texts("visit.label.kind"), texts(f"visit.kind.{visit.kind}")),
        (texts("visit.label.dates"), dates),
    )
    return Page("step", f"visit.{verb}", "why_transaction", {**names, **_own(reader)}, rows, url)


def voucher_page(
    reader: Reader,
    voucher: VoucherSnapshot,
    verb: str,
    beneficiary: Named,
    funder: Named,
    programme: str | None,
    url: str,
) -> Page:
    """Show a step of a voucher (``verb``: the state it has just reached). Its code is never mailed."""
    texts = reader.texts
    values = {
        "beneficiary": clean(beneficiary.name),
        "funder": clean(funder.name),
        "amount": texts.money(voucher.amount),
        **_own(reader),
    }
    rows = [
        (texts("voucher.label.beneficiary"), f"{values['beneficiary']} ({texts.country(beneficiary.country)})"),
        (texts("voucher.label.kind"), texts(f"voucher.kind.{voucher.kind}")),
        (texts("voucher.label.amount"), values["amount"]),
    ]
    if programme:
        rows.insert(0, (texts("voucher.label.programme"), clean(programme)))
    if verb == "issued" and voucher.expires_on:
        rows.append((texts("voucher.label.expires"), texts.date(voucher.expires_on)))
    if verb == "refused" and voucher.refusal_rule:
        rows.append((texts("voucher.label.rule"), clean(voucher.refusal_rule)))
    return Page("step", f"voucher.{verb}", "why_transaction", values, tuple(rows), url)


def connection_page(
    reader: Reader, partner: Named, contacts: tuple[Contact, ...], url: str, call: CallFit | None = None
) -> Page:
    """Show a connection with the contacts of the other side: the only mail in which addresses appear."""
    values = {"partner": clean(partner.name), **_own(reader)}
    shown = tuple(Contact(clean(each.name), clean(each.email)) for each in contacts)
    named = _call(reader.texts, call)
    return Page("connection", "connection", "why_transaction", values, button_url=url, contacts=shown, call=named)


def suggestions_page(
    reader: Reader,
    suggestions: tuple[Suggested, ...],
    *,
    why: str,
    console_url: str,
    unsubscribe_url: str,
    source: str | None,
) -> Page:
    """Show a bundle of suggestions; the first one, the best, gives the mail its subject."""
    first = suggestions[0]
    values = {"organisation": first.own, "partner": first.partner}
    return Page(
        "suggestions", "suggestions", why, values,
        button_url=console_url, suggestions=suggestions, unsubscribe_url=unsubscribe_url, source=source,
    )  # fmt: skip


def sign_in_page(link: str) -> Page:
    """Show a sign-in link."""
    return Page("sign_in", "sign_in", "why_account", button_url=link)


def notice_page(reader: Reader, unsubscribe_url: str, source: str | None) -> Page:
    """Tell an imported contact that she is listed, from which source, and how to refuse."""
    return Page("notice", "notice", "why_transaction", _own(reader), unsubscribe_url=unsubscribe_url, source=source)


def _own(reader: Reader) -> dict[str, str]:
    return {"organisation": clean(reader.organisation.name)} if reader.organisation else {}
