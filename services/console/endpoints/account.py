"""A person's own things: language, mails, the trail of her messages, her sessions."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request, Response

from services.console.asking import act, ask, ask_one, must, names_of
from services.console.origin import local_path
from services.console.schemas import Delivery, Person, Preferences, cursor_of, many, one
from services.console.web import Page, SignedIn, identity_of, page, see
from shared.auth import RoleName
from shared.clock import now
from shared.http import Ctx
from shared.problems import Problem
from shared.reference import LANGUAGES

LINES = 25
ANSWERABLE = (RoleName.HUB_MANAGER, RoleName.VOUCHER_ADMINISTRATOR)
"""Roles that see, and may repeat, the mails to people of their organisation."""
WORDING = "I want to receive partner suggestions by e-mail. I can stop them at any time."
SOURCE = "console account page"

router = APIRouter(route_class=Page)


@router.get("/account")
async def account(request: Request, context: Ctx, visitor: SignedIn) -> Response:
    """Show what is known of the person and what she wants."""
    mine = f"/people/{visitor.person_id}"
    answers = await ask(context, visitor, {"profiles": (mine, {}), "notifier": (f"{mine}/preferences", {})})
    wishes = answers["notifier"]
    return page(
        request,
        "account.html",
        person=one(Person, must(answers, "profiles")),
        preferences=None if isinstance(wishes, Problem) else one(Preferences, wishes),
        languages=LANGUAGES,
        wording=WORDING,
        names=await names_of(context, visitor.organisations()),
    )


@router.post("/account")
async def change(
    context: Ctx,
    visitor: SignedIn,
    language: Annotated[str, Form(max_length=2)],
    time_zone: Annotated[str, Form(max_length=60)],
) -> Response:
    """Change language and time zone."""
    await _put(context, visitor, "profiles", "", {"language": language, "time_zone": time_zone.strip()})
    identity_of(context).cards.forget(visitor.person_id)
    return see("/account", done="saved")


@router.post("/account/consent")
async def consent(context: Ctx, visitor: SignedIn, given: Annotated[bool, Form()]) -> Response:
    """Record the person's yes or no to suggestions, with the words she read."""
    said = {
        "purpose": "suggestions",
        "given": given,
        "at": now().isoformat(),
        "wording": WORDING,
        "source": SOURCE,
    }
    await _put(context, visitor, "profiles", "", {"consent": said})
    return see("/account", done="saved")


@router.post("/account/mails")
async def mails(
    context: Ctx,
    visitor: SignedIn,
    suggestions: Annotated[bool, Form()] = False,
    mails_per_week: Annotated[str, Form(pattern="^[0-9]{0,3}$")] = "",
    delivery_hour: Annotated[str, Form(pattern="^[0-9]{0,2}$")] = "",
) -> Response:
    """Say which mails, how many and when."""
    body: dict[str, Any] = {"suggestions": suggestions}
    body["mails_per_week"] = int(mails_per_week) if mails_per_week else None
    body["delivery_hour"] = int(delivery_hour) if delivery_hour else None
    await _put(context, visitor, "notifier", "/preferences", body)
    return see("/account", done="saved")


@router.get("/account/messages")
async def messages(
    request: Request, context: Ctx, visitor: SignedIn, cursor: Annotated[str, Query(max_length=60)] = ""
) -> Response:
    """Show what became of the messages to this person."""
    query = {"person_id": visitor.person_id, "limit": LINES, "cursor": cursor}
    answer = await ask_one(context, visitor, "notifier", "/deliveries", **query)
    values: dict[str, Any] = {"deliveries": many(Delivery, answer), "cursor": cursor_of(answer), "state": ""}
    return page(request, "messages.html", whose="own", may_resend=True, **values)


@router.get("/messages")
async def messages_of_organisation(
    request: Request,
    context: Ctx,
    visitor: SignedIn,
    organisation_id: Annotated[UUID | None, Query()] = None,
    cursor: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    """Show what became of the messages to the people of one's organisation, so that no decision mail gets lost."""
    ours = visitor.acts_for(organisation_id, *ANSWERABLE)
    query = {"organisation_id": ours, "limit": LINES, "cursor": cursor}
    answer = await ask_one(context, visitor, "notifier", "/deliveries", **query)
    values: dict[str, Any] = {"deliveries": many(Delivery, answer), "cursor": cursor_of(answer), "state": ""}
    names = await names_of(context, visitor.organisations(*ANSWERABLE))
    choices = visitor.organisations(*ANSWERABLE)
    return page(
        request,
        "messages.html",
        whose="organisation",
        may_resend=True,
        ours=ours,
        choices=choices,
        names=names,
        **values,
    )


@router.post("/messages/{delivery_id}/resend")
async def resend(
    context: Ctx, visitor: SignedIn, delivery_id: UUID, back: Annotated[str, Form(max_length=200)] = "/account/messages"
) -> Response:
    """Send a message again and go back to the list it stood in."""
    await act(context, visitor, "notifier", f"/deliveries/{delivery_id}/resend", {})
    return see(local_path(back, "/account/messages"), done="resent")


async def _put(context: Any, visitor: Any, service: str, rest: str, body: dict[str, Any]) -> None:
    token = identity_of(context).token_of(visitor)
    await context.http.put(service, f"/people/{visitor.person_id}{rest}", token=token, json=body)
