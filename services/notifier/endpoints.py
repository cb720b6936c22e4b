"""HTTP in → use case → HTTP out."""

import hashlib
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from services.notifier import audience, deliveries, preferences
from services.notifier.repository import deliveries as rows
from services.notifier.schemas import (
    DeliveryList,
    DeliveryOut,
    PreferencesIn,
    PreferencesOut,
    Queued,
    SignInRequest,
    Unsubscribed,
    UnsubscribeRequest,
)
from services.notifier.state import make_links
from services.notifier.work import settings_of
from shared.audit import audit
from shared.auth import Principal, Role, RoleName
from shared.http import Caller, Ctx, Session, forbidden, not_found, unprocessable
from shared.messaging import claim

router = APIRouter()

CONSOLE = "console"
ACTING = (RoleName.HUB_MANAGER, RoleName.VOUCHER_ADMINISTRATOR)
"""Roles that see, and may repeat, the mails to people of their organisation."""
READING = (*ACTING, RoleName.AUDITOR)
"""Roles that see the mails to people of their organisation."""


@router.get("/deliveries")
async def list_deliveries(
    caller: Caller,
    session: Session,
    person_id: UUID | None = None,
    organisation_id: UUID | None = None,
    state: Annotated[list[str] | None, Query(max_length=10)] = None,
    cursor: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> DeliveryList:
    """List mails with their trail, newest first: one's own, those of one's organisation, or all (operator)."""
    _people_only(caller)
    found = await rows.list_deliveries(
        session,
        visible_to=caller.person_id,
        visible_organisations=caller.organisations(*READING),
        everything=_sees_all(caller),
        person_id=person_id,
        organisation_id=organisation_id,
        states=state or (),
        before=cursor,
        limit=limit + 1,
    )
    trail = await rows.attempts(session, [each.delivery_id for each in found])
    items = [DeliveryOut.of(each, trail.get(each.delivery_id, [])) for each in found[:limit]]
    return DeliveryList(items=items, next_cursor=str(items[-1].delivery_id) if len(found) > limit else None)


@router.post("/deliveries/{delivery_id}/resend", status_code=202)
async def resend(delivery_id: UUID, caller: Caller, session: Session) -> Queued:
    """Send a mail again: the recipient herself, who acts for her organisation, or an operator."""
    _people_only(caller)
    delivery = await rows.lock(session, delivery_id)
    may = delivery is not None and (
        caller.has(RoleName.OPERATOR)
        or delivery.person_id == caller.person_id
        or delivery.organisation_id in caller.organisations(*ACTING)
    )
    if delivery is None or not (may or _sees_all(caller) or delivery.organisation_id in caller.organisations(*READING)):
        raise not_found("delivery", delivery_id)
    if not may:
        raise forbidden("Auditors read; they don't send.")
    repeated = await deliveries.resend(session, delivery)
    await audit(session, caller, "delivery.resend", delivery.organisation_id, delivery_id)
    return Queued(delivery_id=repeated.delivery_id)


@router.post("/messages/sign-in", status_code=202)
async def send_sign_in(body: SignInRequest, caller: Caller, session: Session, context: Ctx) -> Queued | None:
    """Mail a sign-in link (console only). The same link is mailed once, however often it is asked for."""
    _console_only(caller)
    settings = settings_of(context)
    if not body.link.startswith(settings.public_base_url.rstrip("/") + "/"):
        raise unprocessable("foreign-link", "A sign-in link must lead to the console.")
    # The link is a secret, so its hash names the occasion.
    occasion = f"sign-in:{hashlib.sha256(body.link.encode()).hexdigest()[:32]}"
    if not await claim(session, audience.delivery_key(occasion, body.person_id)):
        return None
    queued = await deliveries.queue(session, body.person_id, None, occasion, audience.SIGN_IN, secret=body.link)
    await audit(session, caller, "message.sign-in", None, body.person_id)
    return Queued(delivery_id=queued.delivery_id)


@router.post("/unsubscribe")
async def unsubscribe(body: UnsubscribeRequest, caller: Caller, session: Session, context: Ctx) -> Unsubscribed:
    """Take somebody off a list by the token of her link (console only, which anybody with the link may ask)."""
    _console_only(caller)
    tokens = make_links(settings_of(context), context.issuer).tokens
    done = await preferences.unsubscribe(session, tokens, body.token)
    await audit(session, caller, "person.unsubscribe", None, done.person_id, {"list": done.list_name})
    return Unsubscribed(list_name=done.list_name)


@router.get("/people/{person_id}/preferences")
async def read_preferences(person_id: UUID, caller: Caller, session: Session) -> PreferencesOut:
    """Read one's own preferences; operators read everybody's, and auditors of no organisation in particular."""
    _people_only(caller)
    if caller.person_id != person_id and not _sees_all(caller):
        raise not_found("person", person_id)
    return await preferences.read(session, person_id)


@router.put("/people/{person_id}/preferences")
async def store_preferences(person_id: UUID, body: PreferencesIn, caller: Caller, session: Session) -> PreferencesOut:
    """Change one's own preferences; nobody else may."""
    _people_only(caller)
    if caller.person_id != person_id:
        raise forbidden("Everybody chooses for herself.") if _sees_all(caller) else not_found("person", person_id)
    stored = await preferences.store(session, person_id, body)
    await audit(session, caller, "person.preferences", None, person_id, {"suggestions": body.suggestions})
    return stored


def _people_only(caller: Principal) -> None:
    if caller.is_service and not caller.roles:
        raise forbidden("This is for people.")


def _console_only(caller: Principal) -> None:
    if caller.service != CONSOLE:
        raise forbidden("Only the console may ask for this.")


def _sees_all(caller: Principal) -> bool:
    return caller.has(RoleName.OPERATOR) or Role(RoleName.AUDITOR) in caller.roles
