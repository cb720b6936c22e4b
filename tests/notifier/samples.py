"""One page of every kind, for every language: what the rendering tests and the screenshots show."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import UUID

from services.notifier import views
from services.notifier.audience import FOR_THE_FUNDER
from services.notifier.views import Contact, Named, Page, Reader, SuggestionFacts
from shared.contracts.matching import CallFit, Evidence
from shared.contracts.money import Money
from tests.notifier.events import visit, voucher

BASE = "https://intercluster.example.org"
LANGUAGES = ("en", "fr", "de", "pl")
VISIT_VERBS = ("requested", "approved", "refused", "cancelled", "completed")
VOUCHER_VERBS = ("applied", "issued", "invoiced", "approved", "paid", "refused", "cancelled", "expired")

OURS = Named(UUID(int=1), "Gruber Maschinenbau GmbH", "AT", ("de", "en"))
THEIRS = Named(UUID(int=2), "Szegedi Lézer Kft.", "HU", ("hu", "en"))
OTHERS = Named(UUID(int=3), "Atelier Composites Nantes", "FR", ("fr",))


CALL = CallFit(
    call_id=UUID(int=30),
    title="Laser-based production of lightweight structures",
    language="en",
    deadline=date(2099, 9, 30),
    url="https://calls.example.org/laser",
    first_similarity=0.7,
    second_similarity=0.6,
    first_statement_id=UUID(int=11),
    second_statement_id=UUID(int=12),
)


def reader(language: str, organisation: Named | None = OURS, name: str = "Anna Gruber") -> Reader:
    """Somebody who reads that language."""
    return Reader(name, language, organisation)


def facts(partner: Named = THEIRS, score: float = 0.82) -> SuggestionFacts:
    """A suggestion that meets both ways, quoted in two languages."""
    need = Evidence(
        need_statement_id=UUID(int=11),
        need_organisation_id=OURS.organisation_id,
        need_text="Wir suchen einen Partner für das Laserschweißen dünner Aluminiumbleche in kleinen Serien.",
        need_language="de",
        offer_statement_id=UUID(int=12),
        offer_organisation_id=partner.organisation_id,
        offer_text="Precíziós lézerhegesztés és lézervágás vékony alumínium lemezekhez, kis sorozatban is.",
        offer_language="hu",
        similarity=0.8,
    )
    offer = Evidence(
        need_statement_id=UUID(int=13),
        need_organisation_id=partner.organisation_id,
        need_text="We look for a maker of clamping tools that can deliver prototypes within two weeks.",
        need_language="en",
        offer_statement_id=UUID(int=14),
        offer_organisation_id=OURS.organisation_id,
        offer_text="Spannvorrichtungen und Sondermaschinen, Prototypen in zehn Arbeitstagen.",
        offer_language="de",
        similarity=0.7,
    )
    call = CALL if partner is THEIRS else None
    return SuggestionFacts(UUID(int=20), OURS, partner, score, "A need meets an offer.", (need, offer), call)


def suggestions(language: str, count: int = 2) -> Page:
    """A bundle of suggestions."""
    who = reader(language)
    partners = (THEIRS, OTHERS, THEIRS, OTHERS, THEIRS)[:count]
    shown = tuple(
        views.suggested(who, facts(each, 0.82 - 0.2 * place), f"{BASE}/answer/yes{place}", f"{BASE}/answer/no{place}")
        for place, each in enumerate(partners)
    )
    return views.suggestions_page(
        who,
        shown,
        why="why_suggestions",
        console_url=f"{BASE}/suggestions",
        unsubscribe_url=f"{BASE}/unsubscribe/token",
        source="CORDIS",
    )


def all_pages(language: str) -> dict[str, Page]:
    """Every page there is, by name."""
    who = reader(language)
    trip = visit(OURS.organisation_id, THEIRS.organisation_id, UUID(int=5))
    claim = voucher(OTHERS.organisation_id, OURS.organisation_id, UUID(int=5)).model_copy(
        update={
            "amount": Money(amount=Decimal("780.00"), currency="EUR"),
            "expires_on": date(2027, 9, 30),
            "refusal_rule": "cross-border",
        }
    )
    contacts = (Contact("Réka Szabó", "reka.szabo@example.org"), Contact("Gábor Kiss", "gabor@example.org"))
    pages = {
        "suggestions": suggestions(language),
        "suggestions_one": suggestions(language, 1),
        "connection": views.connection_page(who, THEIRS, contacts, f"{BASE}/visits", CALL),
        "sign_in": views.sign_in_page(f"{BASE}/sign-in/token"),
        "notice": views.notice_page(who, f"{BASE}/unsubscribe/token", "CORDIS"),
    }
    for verb in VISIT_VERBS:
        pages[f"visit_{verb}"] = views.visit_page(who, trip, verb, OURS, THEIRS, f"{BASE}/visits")
    for verb in VOUCHER_VERBS:
        url = f"{BASE}/vouchers"
        pages[f"voucher_{verb}"] = views.voucher_page(who, claim, verb, OURS, OTHERS, "Travel lump sums", url)
    assert set(VOUCHER_VERBS) >= FOR_THE_FUNDER
    return pages


def with_name(page: Page, key: str, name: str) -> Page:
    """The same page where a person or organisation bears another name."""
    return replace(page, values={**page.values, key: name})
