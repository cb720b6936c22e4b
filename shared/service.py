"""The composition root that all services share: HTTP, consumer, work queue and periodic work in one event loop."""

import argparse
import asyncio
import gc
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog
import uvicorn
from fastapi import APIRouter, FastAPI

from shared import migrations, operations, operations_jobs
from shared.auth import TokenIssuer, TokenVerifier, new_key
from shared.client import ServiceClient
from shared.context import Context
from shared.database import Database, create_engine
from shared.http import install_problem_handlers
from shared.messaging.events import Handlers
from shared.messaging.jobs import Jobs
from shared.messaging.leader import Leader
from shared.messaging.restore import mark_restored
from shared.messaging.runtime import MessagingRuntime
from shared.observability import configure_logging, fault_of
from shared.settings import ServiceSettings
from shared.web import add_documents, add_health, add_middleware

log = structlog.get_logger()

Hook = Callable[[Context], Awaitable[None]]

LEADER_SECONDS = 1.0
"""How long periodic work trusts that it still leads. Leadership only spares work: its effects are safe without."""
REST_SECONDS = 0.2
"""Periodic work rests so long after a fault, and while another replica leads."""


@dataclass(frozen=True)
class Periodic:
    """Work done again and again, every ``seconds`` (never twice at once). ``leader``: on one replica only.

    With 0 ``seconds`` it has to wait by itself while there is nothing to do.
    """

    name: str
    seconds: float
    run: Hook
    leader: bool = True


@dataclass
class Service:
    """Everything a service is made of. ``main()`` runs it; tests build its application on a context of their own."""

    name: str
    settings: type[ServiceSettings]
    routers: Sequence[APIRouter] = ()
    handlers: Handlers | None = None
    jobs: Jobs = field(default_factory=Jobs)
    periodic: Sequence[Periodic] = ()
    start: Sequence[Hook] = ()
    stop: Sequence[Hook] = ()
    customise: Callable[[FastAPI], None] | None = None
    body_limits: Mapping[str, int] = field(default_factory=dict)
    """Bytes of a body by path, where more is allowed than usual."""

    def context(self, settings: ServiceSettings | None = None) -> Context:
        """Make the context from settings; without a key file a throw-away key is used (tests)."""
        settings = settings or self.settings()
        key_file = settings.signing_key_file
        issuer = TokenIssuer.from_file(self.name, key_file) if key_file else TokenIssuer(self.name, new_key(self.name))
        return Context(
            name=self.name,
            settings=settings,
            database=Database(settings),
            http=ServiceClient(settings, issuer),
            issuer=issuer,
            verifier=TokenVerifier(self.name, settings.trusted_keys_file),
        )

    def runtime(self, context: Context) -> MessagingRuntime:
        """Return the messaging side, not started."""
        return MessagingRuntime(context, self.handlers or Handlers(self.name))

    def http_app(self, context: Context, messaging: MessagingRuntime | None = None, role: str = "all") -> FastAPI:
        """Return the ASGI application. With ``role="worker"`` it has only health, metrics and operations."""
        messaging = messaging or self.runtime(context)
        app = FastAPI(title=f"Intercluster {self.name}", version="1.0.0", docs_url=None, redoc_url=None)
        app.state.context = context
        app.state.messaging = messaging
        install_problem_handlers(app)
        add_middleware(app, self.body_limits)
        add_health(app, messaging=role != "http")
        add_documents(app, self.name, messaging.handlers)
        app.include_router(operations.router)
        app.include_router(operations_jobs.router)
        if role != "worker":
            for router in self.routers:
                app.include_router(router)
            if self.customise:
                self.customise(app)
        return app

    @asynccontextmanager
    async def running(self, context: Context, messaging: MessagingRuntime, role: str) -> AsyncIterator[None]:
        """Run the background side for the time of the block; everything that was started is stopped, bounded."""
        tasks: list[asyncio.Task[None]] = []
        work = None
        try:
            for hook in self.start:
                await hook(context)
            if role != "http":
                await messaging.start()
                engine = create_engine(context.settings, self.jobs.connections() + 2)
                work = self.jobs.broker(engine, context)
                await work.start()
                tasks = [asyncio.create_task(_repeat(each, context)) for each in self.periodic]
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if role != "http":
                await _bounded("messaging", messaging.stop())
            if work is not None:
                await _bounded("jobs", work.stop())
                await engine.dispose()
            for hook in self.stop:
                await _bounded("hook", hook(context))
            await context.http.close()
            await context.database.close()

    def main(self, arguments: Sequence[str] | None = None) -> None:
        """Run from the command line: ``[run|migrate|restored] [--role all|http|worker]``.

        ``restored`` is said once after the database came back from a backup, before the service runs again.
        """
        parser = argparse.ArgumentParser(prog=f"python -m services.{self.name}")
        parser.add_argument("command", nargs="?", choices=("run", "migrate", "restored"), default="run")
        parser.add_argument("--role", choices=("all", "http", "worker"), default="all")
        parsed = parser.parse_args(arguments)
        settings = self.settings()
        configure_logging(self.name, settings)
        if parsed.command == "migrate":
            migrations.upgrade(self.name, settings.database_url.get_secret_value())
        elif parsed.command == "restored":
            asyncio.run(_mark_restored(settings))
        else:
            asyncio.run(self._serve(settings, parsed.role))

    async def _serve(self, settings: ServiceSettings, role: str) -> None:
        context = self.context(settings)
        messaging = self.runtime(context)
        app = self.http_app(context, messaging, role)

        @asynccontextmanager
        async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
            async with self.running(context, messaging, role):
                freeze_objects()
                log.info("serving", role=role, port=settings.http_port, pid=os.getpid())
                yield
                app.state.stopping = True

        app.router.lifespan_context = lifespan
        await uvicorn.Server(server_config(app, settings)).serve()


def server_config(app: FastAPI, settings: ServiceSettings) -> uvicorn.Config:
    """Return how the application is served; who asks is told by a proxy only where the site trusts it."""
    return uvicorn.Config(
        app,
        host=settings.http_host,
        port=settings.http_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies,
    )


def freeze_objects() -> None:
    """Exempt all that is loaded now from garbage collection: it stays anyway, and looking through it stops everything.

    A full collection took 110 ms in the notifier (172,000 objects), frozen 0.003 ms.
    """
    gc.collect()
    gc.freeze()


async def _mark_restored(settings: ServiceSettings) -> None:
    database = Database(settings)
    async with database.transaction() as session:
        epoch = await mark_restored(session)
    await database.close()
    log.info("marked as restored", epoch=epoch)


async def _bounded(what: str, stopping: Awaitable[None], seconds: float = 15.0) -> None:
    try:
        await asyncio.wait_for(stopping, seconds)
    except Exception as error:  # noqa: BLE001 - the rest must be stopped too
        log.warning("did not stop cleanly", what=what, fault=type(error).__name__)


async def _repeat(periodic: Periodic, context: Context) -> None:
    leader = Leader(context.database, f"periodic.{periodic.name}") if periodic.leader else None
    try:
        while True:
            started = time.monotonic()
            least = REST_SECONDS
            try:
                if leader is None or await leader.hold(LEADER_SECONDS):
                    await periodic.run(context)
                    least = 0.0
            except Exception as error:  # noqa: BLE001 - periodic work must go on
                log.warning("periodic work will go on", work=periodic.name, fault=fault_of(error))
            await asyncio.sleep(max(least, periodic.seconds - (time.monotonic() - started)))
    finally:
        if leader:
            await leader.release()
