"""Asking the other services for what a page shows: all at once, and each service at most once per page."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.console import repository
from services.console.identity import Visitor
from services.console.models import OrganisationName
from services.console.web import identity_of
from shared.context import Context
from shared.problems import Problem

Question = tuple[str, Mapping[str, Any]]
"""A path and its query."""
NO_VERSION = "0.0"
"""What no thing ever has: a form without a readable version never overwrites anything."""

_VERSION = re.compile(r"[0-9]{1,9}\.[0-9]{1,18}")


async def ask(context: Context, visitor: Visitor, questions: Mapping[str, Question]) -> dict[str, Any]:
    """Ask each service its one question, all in parallel, on behalf of the visitor.

    Being keyed by service, ``questions`` cannot hold two for one service. An answer is decoded JSON, or the
    :class:`Problem` that came instead, so that a page can show the rest when one service is away.
    """
    token = identity_of(context).token_of(visitor)

    async def one(service: str, question: Question) -> Any:
        path, query = question
        try:
            return await context.http.get(service, path, token=token, params=without_nothing(query))
        except Problem as problem:
            return problem

    answers = await asyncio.gather(*(one(service, question) for service, question in questions.items()))
    return dict(zip(questions, answers, strict=True))


async def ask_one(context: Context, visitor: Visitor, service: str, path: str, **query: Any) -> Any:
    """Ask one service; its problem is the page's."""
    return must(await ask(context, visitor, {service: (path, query)}), service)


def must(answers: Mapping[str, Any], service: str) -> Any:
    """Return an answer without which there is no page; raises the problem that came instead."""
    answer = answers[service]
    if isinstance(answer, Problem):
        raise answer
    return answer


def without_nothing(query: Mapping[str, Any]) -> dict[str, str]:
    """Return the query without empty values, as text."""
    return {name: str(value) for name, value in query.items() if value not in (None, "")}


async def act(context: Context, visitor: Visitor, service: str, path: str, body: Mapping[str, Any]) -> Any:
    """Do something on behalf of the visitor; the other service decides, records and audits it."""
    token = identity_of(context).token_of(visitor)
    return await context.http.post(service, path, token=token, json=dict(body))


async def change(
    context: Context, visitor: Visitor, service: str, path: str, body: Mapping[str, Any], version: str
) -> Any:
    """Replace a thing on behalf of the visitor, if ``version`` (``epoch.n``) is still its version; 412 otherwise."""
    token = identity_of(context).token_of(visitor)
    headers = {"If-Match": f'"{version if _VERSION.fullmatch(version) else NO_VERSION}"'}
    return await context.http.put(service, path, token=token, json=dict(body), headers=headers)


class Names:
    """Names of organisations for one page, read from the console's own projection in one statement."""

    def __init__(self, known: Mapping[UUID, OrganisationName]) -> None:
        self.known = known

    def of(self, organisation_id: UUID | None) -> str:
        """Return the name; an organisation that the projection does not know yet is said to be so."""
        found = self.known.get(organisation_id) if organisation_id else None
        return found.name if found else "An organisation not known here yet"

    def country(self, organisation_id: UUID | None) -> str:
        """Return the country code, empty when unknown."""
        found = self.known.get(organisation_id) if organisation_id else None
        return found.country if found else ""

    def kind(self, organisation_id: UUID | None) -> str:
        """Return what kind of organisation it is, empty when unknown."""
        found = self.known.get(organisation_id) if organisation_id else None
        return found.kind if found else ""


async def names_of(context: Context, ids: list[UUID]) -> Names:
    """Read the names of these organisations."""
    async with context.database.session() as session:
        return Names(await repository.organisations(session, ids))
