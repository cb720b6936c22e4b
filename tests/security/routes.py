"""All routes of an application, documented or not: a route that no table names must not go unnoticed."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import FastAPI

HTTP_METHODS = frozenset({"get", "put", "post", "delete", "patch", "options", "head", "trace"})


def routes_of(app: FastAPI) -> set[str]:
    """Return ``METHOD /path/{}`` of every route and ``MOUNT /path`` of every mounted application.

    Two sources, joined: the OpenAPI document, and the router itself (which also has what the document hides).
    """
    documented = {
        f"{method.upper()} {shape(path)}"
        for path, operations in app.openapi()["paths"].items()
        for method in operations
        if method in HTTP_METHODS
    }
    return documented | set(_walk(app.routes))


def shape(path: str) -> str:
    """Return a path without the names of its parameters."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def _walk(routes: Iterable[Any]) -> Iterator[str]:
    for route in routes:
        if hasattr(route, "effective_candidates"):  # a router that FastAPI includes lazily
            yield from _walk(route.effective_candidates())
            continue
        original = getattr(route, "original_route", route)
        path = getattr(route, "path", None) or original.path
        methods = getattr(original, "methods", None)
        if methods is None:
            yield f"MOUNT {shape(path)}" if hasattr(original, "routes") else f"WEBSOCKET {shape(path)}"
        for method in methods or ():
            if method != "HEAD":
                yield f"{method} {shape(path)}"
