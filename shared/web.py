"""What every service serves besides its own routes: health, metrics, documentation of its API and streams."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from swagger_ui_bundle import swagger_ui_path

from shared.asyncapi import document
from shared.http import problem_response, route_of
from shared.messaging.events import Handlers
from shared.observability import REQUEST_SECONDS, continue_trace, fault_of, places_of
from shared.problems import Problem

log = structlog.get_logger()

MAX_BODY_BYTES = 2_000_000
"""No request body may be larger, but where a service allows it (imports)."""


class BodyLimit:
    """Ends a body at its limit (413), also one that does not tell its length. ``limits``: bytes by path."""

    def __init__(self, app: ASGIApp, limits: Mapping[str, int]) -> None:
        self.app = app
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = self.limits.get(scope.get("path", ""), MAX_BODY_BYTES)
        read = 0

        async def bounded() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                raise HTTPException(413)
            return message

        await self.app(scope, bounded, send)


def add_middleware(app: FastAPI, body_limits: Mapping[str, int]) -> None:
    """Trace context, request metrics, bounded bodies, and no exception that is not a problem document."""
    app.add_middleware(BodyLimit, limits=body_limits)

    @app.middleware("http")
    async def around(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(service=app.state.context.name)
        continue_trace(request.headers.get("traceparent"))
        started = time.perf_counter()
        try:
            response: Response = await call_next(request)
        except Exception as error:  # noqa: BLE001 - whatever broke, the caller gets a problem document
            log.error("request failed", route=route_of(request), fault=fault_of(error), at=places_of(error))
            response = problem_response(Problem(500, "internal-error", "This is our fault; it has been logged."))
        REQUEST_SECONDS.labels(request.method, route_of(request), response.status_code).observe(
            time.perf_counter() - started
        )
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def add_health(app: FastAPI, messaging: bool) -> None:
    """``/health/live``: the process answers. ``/health/ready``: database, broker epoch and consumer are well.

    Without ``messaging`` (a replica that only answers requests) the broker and the consumer don't count.
    """

    async def faults() -> list[str]:
        found: list[str] = []
        try:
            await app.state.context.database.ping()
        except Exception:  # noqa: BLE001 - whatever it is, the database does not answer
            found.append("the database does not answer")
        if messaging:
            found += app.state.messaging.faults()
        extra = getattr(app.state.context.state, "faults", None)
        if extra:
            found += extra()
        if getattr(app.state, "stopping", False):
            found.append("stopping")
        return found

    app.state.faults = faults

    @app.get("/health/live", tags=["health"])
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @app.get("/health/ready", tags=["health"])
    async def ready() -> JSONResponse:
        found = await faults()
        return JSONResponse({"status": "not ready" if found else "ready", "faults": found}, 503 if found else 200)

    @app.get("/metrics", tags=["health"])
    async def metrics() -> PlainTextResponse:
        return PlainTextResponse(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def add_documents(app: FastAPI, service: str, handlers: Handlers) -> None:
    """``/docs`` (OpenAPI) and ``/asyncapi`` (streams), both without any foreign host."""
    app.openapi_version = "3.0.3"  # the newest the packaged Swagger UI can draw
    app.mount("/docs/static", StaticFiles(directory=swagger_ui_path), "docs")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=app.title,
            swagger_js_url="/docs/static/swagger-ui-bundle.js",
            swagger_css_url="/docs/static/swagger-ui.css",
            swagger_favicon_url="/docs/static/favicon-32x32.png",
        )

    @app.get("/asyncapi", tags=["documentation"])
    async def asyncapi() -> dict[str, Any]:
        return document(service, handlers)
