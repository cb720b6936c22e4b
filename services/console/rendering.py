"""Templates and the words for people: labels of states, money, dates, countries."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.console import pictures
from services.console.statics import static_path
from shared import reference
from shared.contracts.money import Money

TEMPLATES = Path(__file__).parent / "templates"
ENGLISH = Locale.parse("en_GB")

LABELS: dict[str, str] = {
    "sme": "SME",
    "cluster": "Cluster organisation",
    "research": "Research body",
    "public_authority": "Public authority",
    "financier": "Financier",
    "service_provider": "Service provider",
    "sme_contact": "SME contact",
    "hub_manager": "Cluster hub",
    "voucher_administrator": "Voucher administrator",
    "operator": "Operator",
    "auditor": "Auditor",
    "staff_exchange": "Staff exchange",
    "business_exploratory": "Business exploratory visit",
    "ambassador": "Ambassador visit",
    "policy_maker": "Policy-maker exchange",
    "visitor_hub": "Visitor’s hub",
    "host_hub": "Host’s hub",
    "not_interested": "Not interested",
    "lump_sum": "Lump sum",
    "co-financing": "Co-financing",
    "cross-border": "Cross-border",
    "valid_from": "Valid from",
    "funder_id": "Funder",
}
"""Words where the code's own word, with a capital letter, would not do."""

NOTES: dict[str, str] = {
    "interested": "You said you are interested. When the other side is interested too, you both get the contacts.",
    "not_interested": "You said you are not interested. This pair will not be proposed again.",
    "requested": "The visit is requested. Each of the four parties is asked to approve it.",
    "approve": "Your approval is recorded.",
    "refuse": "The refusal is recorded and everybody concerned is told.",
    "cancelled": "It is cancelled and everybody concerned is told.",
    "reported": "Thank you: the report is in and the visit is completed.",
    "applied": "The application is in. The funder decides and you get a mail.",
    "issued": "The voucher is issued; its amount is reserved in the programme’s budget.",
    "refused": "The application is refused, with its reason.",
    "invoiced": "The invoice is recorded and waits for its two approvals.",
    "approved": "Your approval is recorded.",
    "paid": "The payment is recorded in the ledger.",
    "roadmap": "The roadmap is asked for.",
    "programme": "The programme is saved.",
    "organisation": "The profile is saved.",
    "withdrawn": "The organisation is withdrawn: it takes part in nothing from now on.",
    "revoked": "You are signed out everywhere else as well.",
    "redriven": "The dead letters were handed back for processing.",
    "saved": "Saved.",
    "resent": "The message will be sent again.",
}
"""What a page says after a form was acted upon; the address carries only the word, so nobody can plant a text."""


def label(word: object) -> str:
    """Return the words people read for a code word such as a state, a kind or a role."""
    text = str(word)
    return LABELS.get(text) or text.replace("_", " ").replace("-", " ").capitalize()


def money(value: Money | Decimal | None, currency: str = "EUR") -> str:
    """Write an amount the way money is written in English, for example ``€780.00``."""
    if value is None:
        return "–"
    amount, code = (value.amount, value.currency) if isinstance(value, Money) else (value, currency)
    return str(format_currency(amount, code, locale=ENGLISH))


def day(value: date | str | None) -> str:
    """Write a date, also one that is text inside a programme's rules: ``3 Nov 2026``."""
    try:
        known = date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return str(value)
    return format_date(known, "d MMM y", locale=ENGLISH) if known else "–"


def moment(value: datetime | None) -> str:
    """Write a moment in UTC, said so: ``3 Nov 2026, 14:05 UTC``."""
    return f"{format_datetime(value, 'd MMM y, HH:mm', locale=ENGLISH)} UTC" if value else "–"


def country(code: str | None) -> str:
    """Return a country's English name for its code."""
    found = reference.country(code) if code else None
    return found.name if found else code or "–"


def region(code: str) -> str:
    """Return a region's name with its NUTS code."""
    found = reference.region(code)
    return f"{found.name_latin or found.name} ({code})" if found else code


def sector(code: str) -> str:
    """Return a sector's title with its NACE code."""
    found = reference.sector(code)
    return f"{code} {found.title}" if found else code


def language(code: str | None) -> str:
    """Return a language's English name for its ISO 639-1 code."""
    return reference.LANGUAGES.get(code or "", code or "–")


def seconds(value: float | None) -> str:
    """Write a duration in its natural unit: ``0.4 s``, ``3 min``, ``2 h``."""
    if value is None:
        return "–"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if value >= 2 * size:
            return f"{value / size:.0f} {unit}"
    return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"


def points(share: float, signed: bool = True) -> str:
    """Write a share of a score (1 is the whole) in points of 100, as exactly as it is kept: ``+52.93``."""
    return (f"{100 * share:+.2f}" if signed else f"{100 * share:.2f}").replace("-", "−")


def options(words: Iterable[object]) -> list[tuple[str, str]]:
    """Return code words with the words people read, for boxes and lists to choose from."""
    return [(str(word), label(word)) for word in words]


def figures(value: Any) -> str:
    """Write the figures of a rule, which are data of any shape, as plain words."""
    if isinstance(value, dict):
        return ", ".join(f"{label(name).lower()} {figures(each)}" for name, each in value.items() if each)
    if isinstance(value, list | tuple):
        between = "; " if any(isinstance(each, dict) for each in value) else ", "
        return between.join(figures(each) for each in value)
    return str(value)


def environment() -> Environment:
    """Return the templates with their filters; everything is escaped and unknown names are errors."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {
        "label": label,
        "money": money,
        "day": day,
        "moment": moment,
        "country": country,
        "language": language,
        "region": region,
        "figures": figures,
        "sector": sector,
        "options": options,
        "seconds": seconds,
        "points": points,
    }
    made.filters.update(filters)
    made.globals.update(
        static=static_path,
        score_ring=pictures.score_ring,
        budget_bar=pictures.budget_bar,
        sparkline=pictures.sparkline,
        share_bars=pictures.share_bars,
        roadmap_matrix=pictures.roadmap_matrix,
    )
    return made
