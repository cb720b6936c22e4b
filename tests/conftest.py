"""Fixtures for all tests: real PostgreSQL, a real broker, a real mailbox, and tokens as the console signs them."""

import asyncio
import importlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from xdist.scheduler import LoadScopeScheduling

from deploy.local.broker import Broker, choose_broker
from deploy.local.keys import Keys
from deploy.local.postgres import Postgres
from deploy.local.process import run_apart
from deploy.local.stack import Stack
from deploy.local.state import Installation
from deploy.local.supervisor import Supervisor
from deploy.topics import ensure_topics
from shared.auth import Role, TokenIssuer
from shared.database import Database
from shared.ids import new_id
from tests.support.databases import Databases
from tests.support.mailbox import MailboxProcess

WHOLE_STACK = ("tests/end_to_end/", "tests/faults/", "tests/browser/test_demo.py")
"""Tests that run on everything at once: they share one worker, and so the running stack."""
MODELS = ("tests/matching/test_models.py", "tests/matching/test_adversarial.py")
"""Tests that load the real sentence models: they share one worker, and so the loaded models."""


class FilesAndStack(LoadScopeScheduling):  # type: ignore[misc]
    """Gives each file of tests to one worker; all files on the whole stack to the same one, and those with models."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        if file.startswith(WHOLE_STACK):
            return "the whole stack"
        return "the models" if file in MODELS else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Let the workers divide the tests as said above."""
    return FilesAndStack(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest: what runs on the whole stack, then what kills brokers."""
    first = (*WHOLE_STACK, "tests/messaging/")
    items.sort(key=lambda item: next((at for at, each in enumerate(first) if item.nodeid.startswith(each)), len(first)))


# Killed consumers are missed sooner than elsewhere; the embedded broker lets everyone who joins wait for half of it.
os.environ.setdefault("INTERCLUSTER_KAFKA_SESSION_SECONDS", "3")

REPOSITORY = Path(__file__).resolve().parent.parent


def kafka_home() -> str | None:
    """The unpacked Apache Kafka to test on; ``None`` means the embedded broker."""
    return os.environ.get("KAFKA_HOME") or None


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """One embedded PostgreSQL for the whole run; its data may be lost with the machine."""
    server = Postgres(tmp_path_factory.mktemp("postgres"), durable=False)
    server.start()
    yield server
    server.stop()


BROKERS = ["embedded", *(["kafka"] if kafka_home() else [])]


@pytest.fixture(scope="session", params=BROKERS)
def broker_kind(request: pytest.FixtureRequest) -> str:
    """``embedded``, and ``kafka`` too when KAFKA_HOME is set: whoever asks for it runs on both."""
    return str(request.param)


@pytest.fixture(scope="session")
def apache_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One running Apache Kafka for the whole run: it takes seconds to start. :func:`emptied` makes it as new."""
    started = new_broker("kafka", tmp_path_factory.mktemp("kafka"))
    started.start()
    yield started
    started.stop()


@pytest.fixture(scope="session")
def broker(
    broker_kind: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Broker]:
    """A running broker with all topics, shared by the tests of a run."""
    if broker_kind == "kafka":
        yield emptied(request.getfixturevalue("apache_kafka"))
        return
    started = new_broker(broker_kind, tmp_path_factory.mktemp("broker"))
    started.start()
    run_apart(lambda: ensure_topics({"bootstrap_servers": started.bootstrap}))
    yield started
    started.stop()


def emptied(broker: Broker) -> Broker:
    """Return a running broker after giving it new, empty topics and so a new epoch, as a broker would have that lost
    everything.
    """
    if not broker.process.alive:
        broker.start()

    async def renew() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
        await admin.start()
        try:
            async with asyncio.timeout(60):
                while ours := [each for each in await admin.list_topics() if not each.startswith("__")]:
                    await admin.delete_topics(ours)
                    await asyncio.sleep(0.05)
        finally:
            await admin.close()
        await ensure_topics({"bootstrap_servers": broker.bootstrap})

    run_apart(renew)
    return broker


def new_broker(kind: str, folder: Path) -> Broker:
    """Return a broker that is not started yet."""
    return choose_broker(folder / "data", folder / "broker.log", kafka_home() if kind == "kafka" else None)


def new_stack(kind: str, folder: Path, **options: Any) -> Stack:
    """Return a whole stack that is not started yet, on ports nobody uses; see :class:`Stack` for the options."""
    return Stack(Installation(folder, ports={}), kafka_home() if kind == "kafka" else None, durable=False, **options)


@pytest.fixture(scope="session")
def stack(broker_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole of Intercluster, as ``intercluster up`` starts it: engines, mailbox, five processes, supervisor."""
    running = new_stack(broker_kind, tmp_path_factory.mktemp("stack"))
    running.start()
    supervisor = Supervisor(running, report=lambda words: None)
    supervisor.start()
    yield running
    supervisor.stop()
    running.stop()


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Signing keys of all services, and the set they trust."""
    made = Keys(tmp_path_factory.mktemp("keys"))
    made.ensure()
    return made


@pytest.fixture(scope="session")
def template(postgres: Postgres) -> Callable[[str], str]:
    """Return a function that gives a service's migrated template database, migrating it at the first call."""
    from shared.migrations import upgrade

    made: set[str] = set()

    def of(service: str) -> str:
        name = f"template_{service}"
        if service not in made:
            url = postgres.create_database(name, service)
            run_apart(lambda: asyncio.to_thread(upgrade, service, url))
            made.add(service)
        return name

    return of


@pytest.fixture(scope="session")
def databases(postgres: Postgres) -> Iterator[Databases]:
    """Who makes and drops the tests' databases."""
    made = Databases(postgres)
    yield made
    made.close()


@pytest.fixture
def database_url(databases: Databases, template: Callable[[str], str]) -> Iterator[Callable[[str], str]]:
    """Return a function that makes a fresh, migrated database of a service and gives its address."""
    made: list[str] = []

    def fresh(service: str) -> str:
        name = f"{service}_{new_id().hex[-12:]}"
        url = databases.copy(template(service), name, service)
        made.append(name)
        return url

    yield fresh
    for name in made:
        databases.drop(name)


@pytest.fixture
def settings(database_url: Callable[[str], str], keys: Keys, request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Return a function that makes a service's settings with a fresh database; keywords override.

    The broker is only started by tests that ask for the fixture ``broker``.
    """

    def of(service: str, **overrides: Any) -> Any:
        kind = importlib.import_module(f"services.{service}.settings").Settings
        values: dict[str, Any] = {
            "signing_key_file": keys.private(service),
            "trusted_keys_file": keys.trusted,
            "database_pool_size": 4,
        }
        if "database_url" not in overrides:
            values["database_url"] = database_url(service)
        if "broker" in request.fixturenames:
            running: Broker = request.getfixturevalue("broker")
            values |= {"kafka_bootstrap_servers": running.bootstrap, "kafka_profile": running.profile}
        return kind(**(values | overrides))

    return of


@pytest.fixture
async def database(settings: Callable[..., Any]) -> AsyncIterator[Callable[[str], Database]]:
    """Return a function that opens a fresh, migrated database of a service; closed after the test."""
    async with AsyncExitStack() as opened:

        def open_fresh(service: str) -> Database:
            made = Database(settings(service))
            opened.push_async_callback(made.close)
            return made

        yield open_fresh


@pytest.fixture
async def context(settings: Callable[..., Any]) -> AsyncIterator[Callable[..., Any]]:
    """Return a function that makes a service's context (fresh database, signing key, trusted keys)."""
    from shared.auth import TokenVerifier
    from shared.client import ServiceClient
    from shared.context import Context

    async with AsyncExitStack() as opened:

        def of(service: str, **overrides: Any) -> Context:
            chosen = settings(service, **overrides)
            issuer = TokenIssuer.from_file(service, chosen.signing_key_file)
            http = ServiceClient(chosen, issuer)
            opened.push_async_callback(http.close)
            database = Database(chosen)
            opened.push_async_callback(database.close)
            verifier = TokenVerifier(service, chosen.trusted_keys_file)
            return Context(service, chosen, database, http, issuer, verifier)

        yield of


@pytest.fixture(scope="session")
def token(keys: Keys) -> Callable[..., str]:
    """Return a function that signs a person's token as the console does.

    ``token("hub_manager", organisation_id)``; more roles as ``roles=[Role(...)]``; ``actions=["answer:…"]``.
    """
    issuer = TokenIssuer.from_file("console", keys.private("console"))

    def sign(
        role: str | None = None,
        organisation_id: UUID | None = None,
        *,
        person_id: UUID | None = None,
        roles: tuple[Role, ...] = (),
        actions: tuple[str, ...] = (),
    ) -> str:
        held = (*roles, Role(role, organisation_id)) if role else roles
        return issuer.person_token(person_id or new_id(), held, actions)

    return sign


@pytest.fixture(scope="session")
def service_token(keys: Keys) -> Callable[[str, str], str]:
    """Return a function that signs the token with which one service calls another."""

    def sign(caller: str, audience: str) -> str:
        return TokenIssuer.from_file(caller, keys.private(caller)).service_token(audience)

    return sign


@pytest.fixture(scope="session")
def mailbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailboxProcess]:
    """One mailbox process for the whole run."""
    started = MailboxProcess(tmp_path_factory.mktemp("mailbox"))
    started.start()
    yield started
    started.stop()


@pytest.fixture
def mailbox(mailbox_process: MailboxProcess) -> MailboxProcess:
    """The mailbox, showing only what arrives from now on."""
    mailbox_process.forget()
    return mailbox_process
