"""Signing in by a link in a mail, signing out, and the token for programs."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from services.console.identity import home_of
from services.console.origin import local_path
from services.console.settings import Settings
from services.console.web import MaybeVisitor, Page, SignedIn, cookie_name, identity_of, page, see, settings_of
from shared.http import Ctx
from shared.problems import Problem

LONGEST_ADDRESS = 254
"""RFC 5321 leaves no room for a longer address."""

router = APIRouter(route_class=Page)


@router.get("/")
async def start(request: Request, visitor: MaybeVisitor) -> Response:
    """Show what Intercluster is, or lead a signed-in person to the page of her role."""
    if visitor is None:
        return page(request, "welcome.html")
    return see(home_of(visitor))


@router.get("/sign-in")
async def ask_for_link(
    request: Request, visitor: MaybeVisitor, next_path: Annotated[str, Query(alias="next")] = "/"
) -> Response:
    """Ask for the e-mail address to which a sign-in link goes."""
    if visitor is not None:
        return RedirectResponse(local_path(next_path), 303)
    return page(request, "sign_in.html", next=local_path(next_path))


@router.post("/sign-in")
async def send_link(
    request: Request,
    context: Ctx,
    email: Annotated[str, Form(max_length=LONGEST_ADDRESS)],
    next_path: Annotated[str, Form(alias="next")] = "/",
) -> Response:
    """Answer the same, at once, whether or not the address is known; the mail is made after the answer left."""
    identity = identity_of(context)
    if "@" not in email:
        raise Problem(422, "not-an-address", "Please write an e-mail address, for example anna@firm.example.")
    await identity.admit(email, request.client.host if request.client else "unknown")
    identity.send_link_later(email.strip(), local_path(next_path))
    return page(request, "sign_in_sent.html", minutes=settings_of(context).sign_in_minutes)


@router.get("/sign-in/{secret}")
async def show_button(request: Request, context: Ctx, secret: str) -> Response:
    """Show the button that signs in. Opening the link alone does nothing: mail scanners open links."""
    works = await identity_of(context).link_works(secret)
    return page(request, "sign_in_confirm.html", status=200 if works else 410, secret=secret, works=works)


@router.post("/sign-in/{secret}")
async def sign_in(request: Request, context: Ctx, secret: str) -> Response:
    """Consume the link and start a session."""
    signed = await identity_of(context).sign_in(secret)
    if signed is None:
        return page(request, "sign_in_confirm.html", status=410, secret=secret, works=False)
    cookie, next_path = signed
    response = see(local_path(next_path))
    settings = settings_of(context)
    response.set_cookie(
        cookie_name(settings),
        cookie,
        max_age=int(settings.session_lifetime.total_seconds()),
        path="/",
        secure=settings.secure,
        httponly=True,
        samesite="lax",
    )
    return response


@router.post("/sign-out")
async def sign_out(context: Ctx, visitor: MaybeVisitor, everywhere: Annotated[bool, Form()] = False) -> Response:
    """End the session in the database and in the browser."""
    if visitor is not None:
        await identity_of(context).sign_out(visitor, everywhere=everywhere)
    return drop_cookie(see("/"), settings_of(context))


@router.post("/token")
async def token(context: Ctx, visitor: SignedIn) -> Response:
    """Exchange the session for a 5-minute token with the person's present roles, for use with the services' APIs."""
    return JSONResponse({"token": identity_of(context).token_of(visitor), "person_id": str(visitor.person_id)})


def drop_cookie(response: Response, settings: Settings) -> Response:
    """Make the browser forget its session."""
    response.delete_cookie(cookie_name(settings), path="/", secure=settings.secure, httponly=True, samesite="lax")
    return response
