"""The HTTP edge that all services share: callers, transactions, problem details, limits."""

from collections.abc import AsyncIterator
from socket import gaierror
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import Depends, FastAPI, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.exceptions import HTTPException

from shared.auth import InvalidTokenError, Principal
from shared.context import Context
from shared.contracts import Version
from shared.problems import (
    MEDIA_TYPE,
    Problem,
    conflict,
    forbidden,
    not_found,
    stale_version,
    unauthorised,
    unprocessable,
    version_required,
)

__all__ = [
    "Caller",
    "CallerOrLink",
    "Ctx",
    "ExpectedVersion",
    "Problem",
    "Session",
    "check_version",
    "conflict",
    "database_problem",
    "forbidden",
    "install_problem_handlers",
    "not_found",
    "operator_only",
    "require",
    "unauthorised",
    "unprocessable",
]

log = structlog.get_logger()

MOST_FAULTS = 50
LONGEST_FAULT = 300
"""Bounds of what is said about a bad request: an answer never grows with the input."""

CONNECTING_FAULTS = (ConnectionError, gaierror, TimeoutError)
"""Of asyncpg's connecting: refused or cut off, no address for the name, no answer in time. Sister services' connections
end up as a Problem (``ServiceClient``), so these are the database's."""

DATA_ERROR_CLASS = "22"
"""SQLSTATE class of data the database can't take (for example a NUL byte in text)."""


def context_of(request: Request) -> Context:
    """Return the running service's context."""
    context: Context = request.app.state.context
    return context


async def caller_or_link_of(request: Request) -> Principal:
    """Return who calls, also by a mail's link (a token with one action); 401 when there is no valid bearer token."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise unauthorised()
    try:
        principal = context_of(request).verifier.principal(token)
    except InvalidTokenError as error:
        raise unauthorised("The token is not valid here; sign in again.") from error
    structlog.contextvars.bind_contextvars(caller=principal.subject)
    return principal


async def caller_of(principal: Annotated[Principal, Depends(caller_or_link_of)]) -> Principal:
    """Return who calls; 403 for a mail's link, which is good for its one action only (see ``CallerOrLink``)."""
    if principal.actions:
        raise forbidden("This link is good for its one action only; sign in for more.")
    return principal


async def transaction(request: Request) -> AsyncIterator[AsyncSession]:
    """Open the request's one transaction; it is committed before the response leaves."""
    async with context_of(request).database.transaction() as session:
        yield session


async def expected_version(if_match: Annotated[str | None, Header()] = None) -> Version:
    """Read ``If-Match: "epoch.n"``; 428 when it is missing."""
    if if_match is None:
        raise version_required()
    try:
        return Version.parse(if_match.strip().removeprefix("W/").strip('"'))
    except ValueError as error:
        raise unprocessable("malformed-version", 'If-Match must look like "1.7".') from error


Ctx = Annotated[Context, Depends(context_of)]
Caller = Annotated[Principal, Depends(caller_of)]
CallerOrLink = Annotated[Principal, Depends(caller_or_link_of)]
"""For the few routes that a one-action link may use: they must check ``actions`` themselves."""
Session = Annotated[AsyncSession, Depends(transaction, scope="function")]
ExpectedVersion = Annotated[Version, Depends(expected_version)]


def require(caller: Principal, *roles: str, organisation_id: UUID | None = None) -> None:
    """Raise 403 unless the caller holds one of the roles (for that organisation, where the role has one)."""
    for role in roles:
        if caller.has(role, None if role == "operator" else organisation_id):
            return
    raise forbidden(f"This needs the role {' or '.join(roles)}.")


async def operator_only(caller: Caller) -> None:
    """Let only operators pass (as a dependency of a whole router)."""
    require(caller, "operator")


def check_version(expected: Version, current: Version) -> None:
    """Raise 412 unless the caller has read the current version."""
    if expected != current:
        raise stale_version(current)


def route_of(request: Request) -> str:
    """Return the pattern of the route, for logs and metrics: the address itself may hold a secret (a sign-in link)."""
    return str(getattr(request.scope.get("route"), "path", "none"))


def problem_response(problem: Problem) -> JSONResponse:
    """Turn a problem into its response."""
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else None
    return JSONResponse(problem.body(), problem.status, headers, MEDIA_TYPE)


async def _on_problem(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return problem_response(error)


async def _on_http_exception(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 413:
        return problem_response(Problem(413, "too-large", "The request is too large."))
    return problem_response(Problem(error.status_code, f"http-{error.status_code}", str(error.detail)))


async def _on_invalid_request(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    faults = [
        {"field": _shown(".".join(map(str, each["loc"]))), "message": _shown(each["msg"])}
        for each in error.errors()[:MOST_FAULTS]
    ]
    return problem_response(unprocessable("invalid-request", "Some fields are not as they must be.", errors=faults))


def _shown(text: str) -> str:
    """Return the beginning of a text that may quote the input, fit for a response."""
    return text[:LONGEST_FAULT].encode("utf-8", "backslashreplace").decode()


def database_problem(request: Request, error: Exception) -> Problem | None:
    """Return what a fault of the database means to the caller, logged; ``None`` for other errors.

    Without a connection (none could be made, or none was free in time) nothing was done, and trying again may help.
    """
    away = Problem(503, "database-away", "The database does not answer just now; try again.")
    if isinstance(error, (InterfaceError, PoolTimeoutError, *CONNECTING_FAULTS)):
        log.error("database away", route=route_of(request), fault=type(error).__name__)
        return away
    if not isinstance(error, DBAPIError):
        return None
    state = str(getattr(error.orig, "sqlstate", "") or "")
    if state.startswith(DATA_ERROR_CLASS):
        return unprocessable("invalid-data", "A value can't be stored, for example a NUL character.")
    log.error("database error", route=route_of(request), sqlstate=state, error=type(error.orig).__name__)
    if error.connection_invalidated or state.startswith(("08", "40", "53", "57")):
        return away
    return Problem(500, "internal-error", "This is our fault; it has been logged.")


async def _on_database_fault(request: Request, error: Exception) -> JSONResponse:
    problem = database_problem(request, error)
    assert problem is not None
    return problem_response(problem)


def install_problem_handlers(app: FastAPI) -> None:
    """Make every error of the application a problem document."""
    handlers: dict[Any, Any] = {
        Problem: _on_problem,
        HTTPException: _on_http_exception,
        RequestValidationError: _on_invalid_request,
        DBAPIError: _on_database_fault,
        InterfaceError: _on_database_fault,
        PoolTimeoutError: _on_database_fault,
        **dict.fromkeys(CONNECTING_FAULTS, _on_database_fault),
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
