"""The frame of every page: who may see it, what guards it, how it is rendered and how errors look."""

from collections.abc import Callable, Coroutine
from functools import lru_cache
from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

import structlog
from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment
from starlette.exceptions import HTTPException

from services.console import rendering
from services.console.forms.filled import Filled, filled_of
from services.console.identity import Identity, Visitor
from services.console.origin import local_path, may_act, origin_of
from services.console.schemas import Finding, many
from services.console.settings import Settings
from shared.context import Context
from shared.http import context_of, database_problem, problem_response, route_of
from shared.observability import fault_of, places_of
from shared.problems import Problem

log = structlog.get_logger()

SESSION_COOKIE = "intercluster_session"
SECURE_SESSION_COOKIE = "__Host-intercluster_session"
"""With https the prefix makes browsers insist on Secure, Path=/ and no Domain, so no neighbour host can plant it."""

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": with it browsers send "Origin: null" from our own forms.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
HTTPS_HEADERS = {"Strict-Transport-Security": "max-age=31536000"}


class SignInNeededError(Exception):
    """Nobody is signed in, and the page is for people who are."""


def settings_of(context: Context) -> Settings:
    """Return the console's own settings."""
    assert isinstance(context.settings, Settings)
    return context.settings


def identity_of(context: Context) -> Identity:
    """Return the use cases of signing in, made when the service started."""
    identity: Identity = context.state.identity
    return identity


def cookie_name(settings: Settings) -> str:
    """Return the session cookie's name."""
    return SECURE_SESSION_COOKIE if settings.secure else SESSION_COOKIE


async def visitor_or_nobody(request: Request) -> Visitor | None:
    """Return who is signed in, if anybody."""
    context = context_of(request)
    visitor = await identity_of(context).visitor(request.cookies.get(cookie_name(settings_of(context))))
    request.state.visitor = visitor
    return visitor


async def signed_in(visitor: Annotated[Visitor | None, Depends(visitor_or_nobody)]) -> Visitor:
    """Return who is signed in; without anybody the browser goes to the sign-in page."""
    if visitor is None:
        raise SignInNeededError
    return visitor


MaybeVisitor = Annotated[Visitor | None, Depends(visitor_or_nobody)]
SignedIn = Annotated[Visitor, Depends(signed_in)]


async def typed_of(request: Request) -> Filled:
    """Return what was typed into a form whose fields are numbered rows; a body that is no form is an empty one."""
    return filled_of((await request.form()).multi_items())


Typed = Annotated[Filled, Depends(typed_of)]


class Page(APIRoute):
    """A route of the web UI: guarded against forgery, with security headers and with errors as pages."""

    csrf_exempt = False

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            settings = settings_of(context_of(request))
            try:
                if not self.csrf_exempt and not may_act(
                    request.method,
                    request.headers,
                    public_base_url=settings.public_base_url,
                    has_cookie=cookie_name(settings) in request.cookies,
                ):
                    raise Problem(
                        403,
                        "foreign-origin",
                        "This request did not come from a page of this site. Programs that hold a session cookie "
                        "send the header X-Requested-With.",
                    )
                response = await handle(request)
            except SignInNeededError:
                response = sign_in_needed(request)
            except Problem as problem:
                response = problem_page(request, problem)
            except RequestValidationError as error:
                fields = ", ".join(rendering.label(each["loc"][-1]).lower() for each in error.errors())
                response = problem_page(request, Problem(422, "invalid-request", f"Please look again at: {fields}."))
            except HTTPException as error:
                response = problem_page(request, Problem(error.status_code, "http-error", str(error.detail)))
            except Exception as error:  # noqa: BLE001 - a person is to see a page, whatever broke
                fault = database_problem(request, error)
                if fault is None:
                    log.error("page broke", route=route_of(request), fault=fault_of(error), at=places_of(error))
                    fault = Problem(500, "internal-error", "This is our fault; it was logged.")
                response = problem_page(request, fault)
            protect(response, settings)
            return response

        return guarded


class OneClickPage(Page):
    """A route that mail providers call without cookie or Origin (RFC 8058); the secret in its URL is the authority."""

    csrf_exempt = True


def protect(response: Response, settings: Settings) -> None:
    """Put the security headers on a response; pages are personal, so nobody stores them."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    if settings.secure:
        for name, value in HTTPS_HEADERS.items():
            response.headers.setdefault(name, value)


def is_htmx(request: Request) -> bool:
    """Whether htmx asks for a part of a page."""
    return request.headers.get("hx-request") == "true"


def wants_json(request: Request) -> bool:
    """Whether a program asks: it does not accept HTML by name."""
    return not is_htmx(request) and "text/html" not in request.headers.get("accept", "")


def sign_in_needed(request: Request) -> Response:
    """Lead a browser to the sign-in page and back; tell a program 401."""
    if wants_json(request):
        return problem_response(Problem(401, "sign-in-required", "Sign in first."))
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    location = "/sign-in" + (f"?{urlencode({'next': target})}" if request.method == "GET" else "")
    if is_htmx(request):
        return Response(status_code=204, headers={"HX-Redirect": location})
    return RedirectResponse(location, 303)


def problem_page(request: Request, problem: Problem) -> Response:
    """Render a problem for people: as a page, as a notice in the page (htmx), or as JSON for programs."""
    if problem.status >= 500:
        log.warning("page failed", route=route_of(request), rule=problem.rule, status=problem.status)
    if wants_json(request):
        return problem_response(problem)
    if is_htmx(request):
        headers = {"HX-Retarget": "#notice", "HX-Reswap": "innerHTML"}
        return page(request, "parts/notice.html", status=problem.status, headers=headers, problem=problem)
    return page(
        request,
        "problem.html",
        status=problem.status,
        problem=problem,
        back=_back(request),
        findings=_findings(problem),
    )


def _findings(problem: Problem) -> list[Finding]:
    """Return the rules that were judged, when a rule refused."""
    try:
        return many(Finding, problem.extra.get("verdict", []))
    except Problem:
        return []


def _back(request: Request) -> str:
    """Return the page of ours from which the request came, or the start page."""
    ours = origin_of(settings_of(context_of(request)).public_base_url)
    try:
        referer = urlsplit(request.headers.get("referer", ""))
        from_us = origin_of(referer.geturl()) == ours and referer.path != request.url.path
    except ValueError:
        return "/"
    return local_path(referer.path + (f"?{referer.query}" if referer.query else "")) if from_us else "/"


def page(
    request: Request, template: str, *, status: int = 200, headers: dict[str, str] | None = None, **values: Any
) -> HTMLResponse:
    """Render a template as the response; every page knows the visitor, the path and what was just done."""
    visitor = values.pop("visitor", None) or getattr(request.state, "visitor", None)
    html = (
        environment()
        .get_template(template)
        .render(
            visitor=visitor,
            path=request.url.path,
            note=rendering.NOTES.get(request.query_params.get("done", "")),
            **values,
        )
    )
    return HTMLResponse(html, status, headers)


@lru_cache
def environment() -> Environment:
    """Return the templates, parsed once."""
    return rendering.environment()


def see(path: str, **query: str) -> RedirectResponse:
    """Redirect after a form was acted upon, so that reloading does not send it again."""
    return RedirectResponse(path + (f"?{urlencode(query)}" if query else ""), 303)
