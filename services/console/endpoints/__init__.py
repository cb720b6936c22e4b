"""Addresses of the web UI, one module per noun."""

from collections.abc import Sequence
from contextlib import suppress

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.exceptions import HTTPException

from services.console.endpoints import (
    access,
    account,
    calls,
    files,
    hub,
    imports,
    links,
    operator,
    organisation_forms,
    organisations,
    programme_forms,
    programmes,
    suggestions,
    visits,
    vouchers,
)
from services.console.web import problem_page, protect, settings_of, visitor_or_nobody, wants_json
from shared.http import context_of, problem_response
from shared.problems import Problem

ROUTERS: Sequence[APIRouter] = (
    files.router,
    access.router,
    links.router,
    links.one_click_router,
    # Before the pages of one thing: “new” is no id.
    organisation_forms.router,
    programme_forms.router,
    organisations.router,
    suggestions.router,
    calls.router,
    visits.router,
    vouchers.router,
    programmes.router,
    hub.router,
    imports.router,
    operator.router,
    account.router,
)


def friendly_not_found(app: FastAPI) -> None:
    """Show addresses that do not exist (404) or not for this method (405) as pages, to people."""

    async def on_http_exception(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        problem = Problem(error.status_code, "not-found", "There is no such page.")
        if error.status_code != 404:
            problem = Problem(error.status_code, f"http-{error.status_code}", str(error.detail))
        if wants_json(request):
            return problem_response(problem)
        # The page only greets her by name: it is shown all the same when nobody can say who she is.
        with suppress(Exception):
            await visitor_or_nobody(request)
        response = problem_page(request, problem)
        protect(response, settings_of(context_of(request)))
        return response

    app.add_exception_handler(HTTPException, on_http_exception)
