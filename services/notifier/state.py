"""What a running notifier holds besides its database: sender, keys, mail connection, link maker."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from services.notifier.bundling import Settling
from services.notifier.message import DkimKey, Sender
from services.notifier.settings import Settings
from services.notifier.tokens import UnsubscribeTokens, derived_key
from shared.auth import TokenIssuer
from shared.bell import Bell

ANSWER_PURPOSE = "answer-suggestion"

cards_to_fetch = Bell("cards")
work_to_do = Bell("notifier")
"""Rung when there is something to tell, or somebody to tell it to."""


@dataclass(frozen=True)
class Links:
    """Makes the links in mails; each leads to the console, where a GET asks and a POST acts."""

    base_url: str
    issuer: TokenIssuer
    tokens: UnsubscribeTokens
    answer_lifetime: timedelta

    def answer(self, person_id: UUID, suggestion_id: UUID, organisation_id: UUID, answer: str) -> str:
        """Return the link that lets this person give this one answer."""
        claims = {
            "sub": str(person_id),
            "suggestion_id": str(suggestion_id),
            "organisation_id": str(organisation_id),
            "answer": answer,
        }
        return self.page(f"/answer/{self.issuer.capability(ANSWER_PURPOSE, claims, self.answer_lifetime)}")

    def unsubscribe(self, person_id: UUID, list_name: str) -> str:
        """Return the link that takes this person off a list, also by RFC 8058 one-click."""
        return self.page(f"/unsubscribe/{self.tokens.make(person_id, list_name)}")

    def page(self, path: str) -> str:
        """Return the address of a page of the console."""
        return self.base_url.rstrip("/") + path


def make_links(settings: Settings, issuer: TokenIssuer) -> Links:
    """Make the link maker from the settings."""
    lifetime = timedelta(days=settings.answer_link_days)
    return Links(settings.public_base_url, issuer, UnsubscribeTokens(token_keys(settings)), lifetime)


def token_keys(settings: Settings) -> list[bytes]:
    """Return the unsubscribe keys, newest first; derived from the signing key when none are set."""
    if settings.unsubscribe_keys:
        return [each.encode() for each in settings.unsubscribe_keys.get_secret_value().split()]
    if settings.signing_key_file:
        return [derived_key(settings.signing_key_file.read_bytes())]
    raise ValueError("set UNSUBSCRIBE_KEYS or SIGNING_KEY_FILE: links in mails must stay valid after a restart")


def make_sender(settings: Settings) -> Sender:
    """Return who writes."""
    return Sender(settings.mail_from_name, settings.mail_from)


def make_dkim_key(settings: Settings) -> DkimKey | None:
    """Return the DKIM key if the site has one."""
    if not (settings.dkim_selector and settings.dkim_key):
        return None
    domain = settings.dkim_domain or make_sender(settings).domain
    return DkimKey(settings.dkim_selector, domain, settings.dkim_key.get_secret_value().encode())


def make_settling(settings: Settings) -> Settling:
    """Return how long suggestions settle."""
    return Settling(
        quiet=timedelta(seconds=settings.settle_seconds),
        crowd=settings.settle_crowd,
        crowd_quiet=timedelta(seconds=settings.settle_crowd_seconds),
        longest=timedelta(seconds=settings.settle_longest_seconds),
    )
