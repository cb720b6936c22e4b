"""May a suggestion be mailed to this person? The domain's rule "Consent", country by country. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.reference.countries import EmailRule

SUGGESTIONS = "suggestions"
"""The purpose a consent names, and the list an unsubscribe link names."""


class Verdict(StrEnum):
    """``notice_first``: a notice naming the source must be mailed before; ``wait``: it was, give her time to refuse."""

    CONSENTED = "consented"
    NOTICED = "noticed"
    NOTICE_FIRST = "notice_first"
    WAIT = "wait"
    REFUSED = "refused"
    NO_CONSENT = "no_consent"

    @property
    def allows(self) -> bool:
        return self in (Verdict.CONSENTED, Verdict.NOTICED)


@dataclass(frozen=True)
class Consent:
    """What profiles has recorded: opt-in or refusal, when, in which wording, from which source."""

    given: bool
    at: datetime
    source: str | None = None
    by_herself: bool = False
    """Whether she gave it herself; else somebody recorded it for her (an import, her hub)."""


@dataclass(frozen=True)
class Choice:
    """What the person chose here, by the unsubscribe link or on the preferences page."""

    suggestions: bool
    at: datetime


@dataclass(frozen=True)
class Rule:
    """A country's rule and how long a notice precedes the first suggestion under ``opt_out_after_notice``."""

    email: EmailRule
    notice_period: timedelta = timedelta(days=3)


def verdict(
    rule: Rule, consent: Consent | None, choice: Choice | None, noticed_at: datetime | None, now: datetime
) -> Verdict:
    """Decide. The newest word of the person wins; without one, the country's rule for professional addresses.

    Who unsubscribed comes back by her own word only: an opt-in that others recorded later is not hers.
    """
    opted_in_later = consent and choice and consent.given and consent.by_herself and consent.at > choice.at
    if choice and not choice.suggestions and not opted_in_later:
        return Verdict.REFUSED
    if consent:
        return Verdict.CONSENTED if consent.given else Verdict.REFUSED
    if rule.email is EmailRule.OPT_OUT:
        return Verdict.NOTICED
    if rule.email is EmailRule.OPT_OUT_AFTER_NOTICE:
        if noticed_at is None:
            return Verdict.NOTICE_FIRST
        return Verdict.NOTICED if now - noticed_at >= rule.notice_period else Verdict.WAIT
    return Verdict.NO_CONSENT
