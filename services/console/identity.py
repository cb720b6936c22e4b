"""Who is at the browser: magic links, sessions, and the contact card that says which roles a person has now."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from services.console import repository
from services.console.models import BrowserSession, SignInToken
from services.console.opaque import Pseudonyms, digest, new_secret, subscriber
from services.console.schemas import ContactCard, one
from services.console.settings import Settings
from shared.audit import audit
from shared.auth import Principal, Role, RoleName
from shared.clock import now
from shared.context import Context
from shared.problems import Problem

log = structlog.get_logger()

KEEP_ENDED = timedelta(days=7)
"""Ended sessions, used links and old counts stay this long, for looking into an incident; then they go."""
MOST_CARDS = 5000
"""Cards held in memory; beyond that all are asked for anew."""


@dataclass(frozen=True)
class Visitor:
    """A signed-in person: her card as of the last minute and the session she came with."""

    card: ContactCard
    session_hash: str

    @property
    def person_id(self) -> UUID:
        return self.card.person_id

    @property
    def roles(self) -> frozenset[Role]:
        return frozenset(each.granted() for each in self.card.roles)

    def has(self, *names: str) -> bool:
        """Whether she holds one of the roles, for any organisation."""
        return any(each.role in names for each in self.card.roles)

    def organisations(self, *names: str) -> list[UUID]:
        """Her organisations in which she holds one of the roles (any when none is named), in the card's order."""
        ids = (each.organisation_id for each in self.card.roles if not names or each.role in names)
        return list(dict.fromkeys(each for each in ids if each))

    def acts_for(self, wanted: UUID | None, *names: str) -> UUID:
        """Return the organisation she acts for on this page: ``wanted`` if it is hers, else her first.

        Raises 404 for a foreign organisation (it is not even confirmed to exist) and 403 without such a role.
        """
        ours = self.organisations(*names)
        if not ours:
            raise Problem(403, "not-allowed", "This page is for people with another role.")
        if wanted is not None and wanted not in ours:
            raise Problem(404, "not-found", f"You do not act for an organisation {wanted}.")
        return wanted or ours[0]

    def needs(self, *names: str) -> None:
        """Raise 403 unless she holds one of the roles."""
        if not self.has(*names):
            raise Problem(403, "not-allowed", "This page is for people with another role.")


@dataclass
class Cards:
    """Contact cards from profiles, believed for at most ``seconds``; concurrent readers share one call."""

    context: Context
    seconds: float
    _known: dict[UUID, tuple[float, ContactCard]] = field(default_factory=dict)
    _locks: dict[UUID, asyncio.Lock] = field(default_factory=dict)

    async def of(self, person_id: UUID) -> ContactCard | None:
        """Return the card, or ``None`` if profiles knows no such active person."""
        async with self._locks.setdefault(person_id, asyncio.Lock()):
            read_at, card = self._known.get(person_id, (0.0, None))
            if card is not None and time.monotonic() - read_at < self.seconds:
                return card
            try:
                card = one(ContactCard, await self.context.http.get("profiles", f"/people/{person_id}/contact-card"))
            except Problem as problem:
                if problem.status not in (404, 410):
                    raise
                self.forget(person_id)
                return None
            if card.status != "active":
                self.forget(person_id)
                return None
            self.keep(card)
            return card

    def keep(self, card: ContactCard) -> None:
        """Believe this card from now on."""
        if len(self._known) >= MOST_CARDS:
            self._known.clear()
            self._locks.clear()
        self._known[card.person_id] = (time.monotonic(), card)

    def forget(self, person_id: UUID) -> None:
        """Ask profiles again next time (the person changed)."""
        self._known.pop(person_id, None)


def window_start(moment: datetime, window: timedelta) -> datetime:
    """Return the beginning of the fixed window that ``moment`` lies in."""
    return moment - timedelta(seconds=moment.timestamp() % window.total_seconds())


class Identity:
    """Use cases of signing in and out."""

    def __init__(self, context: Context, settings: Settings, pseudonyms: Pseudonyms) -> None:
        self._context = context
        self._settings = settings
        self._pseudonyms = pseudonyms
        self._sending: set[asyncio.Task[None]] = set()
        self.cards = Cards(context, settings.card_seconds)

    async def admit(self, email: str, client: str) -> None:
        """Count one wish for a link, per address and per client; raises 429 beyond the limits.

        Committed on its own, so that refused wishes count as well.
        """
        start = window_start(now(), self._settings.sign_in_window)
        async with self._context.database.transaction() as session:
            by_client = await repository.count(
                session, self._pseudonyms.of("sign-in-client", subscriber(client)), start
            )
            by_address = await repository.count(session, self._pseudonyms.of("sign-in-address", email), start)
        if by_client > self._settings.sign_ins_per_client or by_address > self._settings.sign_ins_per_address:
            minutes = self._settings.sign_in_window_minutes
            raise Problem(429, "too-many-sign-ins", f"Too many links were asked for. Wait {minutes} minutes.")

    def send_link_later(self, email: str, next_path: str) -> None:
        """Begin to mail a link and return at once, so that the answer's timing does not tell who is known."""
        task = asyncio.create_task(self.send_link(email, next_path))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def sent(self) -> None:
        """Wait until the links that were begun are sent (or failed)."""
        await asyncio.gather(*self._sending, return_exceptions=True)

    async def send_link(self, email: str, next_path: str) -> None:
        """Mail a link if the address belongs to somebody; she asks again when this fails."""
        try:
            await self._send_link(email, next_path)
        except Problem as problem:
            if problem.status != 404:
                log.warning("sign-in link not sent", rule=problem.rule, status=problem.status)

    async def _send_link(self, email: str, next_path: str) -> None:
        answer = await self._context.http.post("profiles", "/contact-cards/by-email", json={"email": email})
        if not answer:
            return
        card = one(ContactCard, answer)
        if card.status != "active":
            return
        secret = new_secret()
        moment = now()
        async with self._context.database.transaction() as session:
            await repository.add_sign_in_token(
                session,
                SignInToken(
                    token_hash=digest(secret),
                    person_id=card.person_id,
                    next_path=next_path,
                    created_at=moment,
                    expires_at=moment + self._settings.sign_in_lifetime,
                ),
            )
        link = f"{self._settings.public_base_url.rstrip('/')}/sign-in/{secret}"
        await self._context.http.post(
            "notifier", "/messages/sign-in", json={"person_id": str(card.person_id), "link": link}
        )

    async def link_works(self, secret: str) -> bool:
        """Whether a link could be used; looking changes nothing (mail scanners look)."""
        async with self._context.database.session() as session:
            return await repository.usable_sign_in_token(session, digest(secret), now()) is not None

    async def sign_in(self, secret: str) -> tuple[str, str] | None:
        """Consume a link; return the new session's secret and the path it leads to, ``None`` if it no longer works."""
        moment = now()
        async with self._context.database.transaction() as session:
            token = await repository.use_sign_in_token(session, digest(secret), moment)
            if token is None:
                return None
            cookie = new_secret()
            await repository.add_session(
                session,
                BrowserSession(
                    id_hash=digest(cookie),
                    person_id=token.person_id,
                    created_at=moment,
                    expires_at=moment + self._settings.session_lifetime,
                ),
            )
            await audit(session, Principal(str(token.person_id)), "session.start")
        return cookie, token.next_path

    async def visitor(self, cookie: str | None) -> Visitor | None:
        """Return who a session cookie stands for, ``None`` if nobody: ended, revoked, or the person is gone."""
        if not cookie:
            return None
        async with self._context.database.session() as session:
            found = await repository.live_session(session, digest(cookie), now())
        if found is None:
            return None
        card = await self.cards.of(found.person_id)
        return Visitor(card, found.id_hash) if card else None

    async def sign_out(self, visitor: Visitor, *, everywhere: bool = False) -> None:
        """End this session, or all sessions of the person."""
        async with self._context.database.transaction() as session:
            if everywhere:
                await repository.revoke_sessions_of(session, visitor.person_id, now())
            else:
                await repository.revoke_session(session, visitor.session_hash, now())
            detail = {"everywhere": everywhere}
            await audit(session, Principal(str(visitor.person_id), visitor.roles), "session.end", detail=detail)

    def token_of(self, visitor: Visitor) -> str:
        """Sign the 5-minute token with which services know her and her present roles."""
        return self._context.issuer.person_token(visitor.person_id, visitor.roles)

    async def purge(self) -> None:
        """Delete what ended long ago."""
        async with self._context.database.transaction() as session:
            await repository.purge(session, now(), KEEP_ENDED)


ROLE_PAGES: tuple[tuple[str, str], ...] = (
    (RoleName.OPERATOR, "/operator"),
    (RoleName.HUB_MANAGER, "/hub"),
    (RoleName.SME_CONTACT, "/suggestions"),
    (RoleName.VOUCHER_ADMINISTRATOR, "/programmes"),
    (RoleName.AUDITOR, "/programmes"),
)


def home_of(visitor: Visitor) -> str:
    """Return the page a person starts on: that of her first role."""
    return next((path for role, path in ROLE_PAGES if visitor.has(role)), "/organisations")
