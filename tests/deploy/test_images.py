"""The compose file and the Dockerfile: valid, and every command line that needs no Docker really works."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from compose_spec import PyCompose

from deploy.local.broker import Broker
from deploy.local.postgres import Postgres
from deploy.local.process import LOOPBACK, Process, free_port, wait_until
from shared.contracts.topics import SERVICES
from tests.conftest import REPOSITORY, kafka_home, new_broker
from tests.support.mailbox import MailboxProcess

COMPOSE = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
DOCKERFILE = (REPOSITORY / "deploy" / "Dockerfile").read_text()

FIRST_OPERATOR = "first@operator.example.org"

NEEDS_DOCKER = {
    'python -m pip install --no-cache-dir --no-deps ${TORCH_SOURCE} "${TORCH}"': "deploy/install.sh runs the same",
    "python -m pip install --no-cache-dir --no-deps --use-pep517 --require-hashes -r requirements.lock": "the same",
    "useradd --system --uid 10001 --home-dir /app intercluster": "adds a user to the machine",
}
"""Command lines of the Dockerfile that are not run here, and why."""


def commands(instruction: str) -> list[str]:
    """Return the command lines of one kind of instruction, as a shell would read them."""
    found = []
    for line in re.findall(rf"^{instruction} (.*)$", DOCKERFILE, re.MULTILINE):
        words = line.split("CMD ", 1)[-1]
        found.append(shlex.join(json.loads(words)) if words.startswith("[") else words)
    return found


def run(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command line of an image with our interpreter as ``python``."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    variables = {**os.environ, "PATH": path, "PYTHONPATH": str(REPOSITORY), **environment}
    return subprocess.run(["sh", "-c", command], env=variables, capture_output=True, text=True, check=False)


def test_the_compose_file_follows_the_specification() -> None:
    parsed = PyCompose.from_yaml(yaml.safe_dump(COMPOSE))
    assert set(parsed.service_names()) == {*SERVICES, "kafka", "postgres", "mailpit", "prepare"}


def test_a_misspelt_key_in_a_compose_file_is_noticed() -> None:
    broken = {**COMPOSE, "services": {**COMPOSE["services"], "console": {"imagge": "intercluster"}}}
    with pytest.raises(Exception, match="imagge"):
        PyCompose.from_yaml(yaml.safe_dump(broken))


def test_every_service_sees_its_own_secrets_only() -> None:
    for service in SERVICES:
        assert COMPOSE["services"][service]["volumes"] == [f"{service}-secrets:/run/own:ro"]


def test_nothing_but_the_console_and_the_mailbox_is_reachable_from_outside() -> None:
    open_ports = {name: each["ports"] for name, each in COMPOSE["services"].items() if "ports" in each}
    assert open_ports.keys() == {"console", "mailpit"}
    assert all(port.startswith("127.0.0.1:") for ports in open_ports.values() for port in ports)


def test_the_image_installs_what_the_installer_installs() -> None:
    installer = (REPOSITORY / "deploy" / "install.sh").read_text()
    for option in ("--no-deps", "--require-hashes", "--use-pep517"):
        assert option in installer
    assert re.search(r'ARG TORCH="(.*)"', DOCKERFILE)[1] in (REPOSITORY / "Makefile").read_text()  # type: ignore[index]


def test_every_build_step_of_the_image_works(tmp_path: Path) -> None:
    steps = [each for each in commands("RUN") if each not in NEEDS_DOCKER]
    assert steps, "the Dockerfile has steps that run here"
    for step in steps:
        done = run(
            step, INTERCLUSTER_MATCHING_MODELS_DIRECTORY=str(tmp_path / "models"), PYTHONPYCACHEPREFIX=str(tmp_path)
        )
        assert done.returncode == 0, f"{step}: {done.stderr[-2000:]}"


def test_every_path_that_the_image_copies_is_there() -> None:
    for line in re.findall(r"^COPY (.*)$", DOCKERFILE, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (REPOSITORY / source).exists(), source


@pytest.fixture
def production_broker(tmp_path: Path) -> Iterator[Broker]:
    """What comes closest to the compose file's broker: Apache Kafka where there is one."""
    broker = new_broker("kafka" if kafka_home() else "embedded", tmp_path / "broker")
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[Postgres]:
    server = Postgres(tmp_path / "postgres", durable=False)
    server.start()
    yield server
    server.stop()


def here(value: Any, broker: Broker, mailbox: MailboxProcess, ports: dict[str, int], secrets: Path, me: str) -> str:
    """Translate a value of the compose file from the compose network to this machine."""
    text = re.sub(r"\$\{[A-Z_]+:-(.*)\}", r"\1", str(value))
    text = re.sub(r"\$\{FIRST_OPERATOR_EMAIL:\?.*\}", FIRST_OPERATOR, text)
    text = text.replace("kafka:9092", broker.bootstrap).replace("/run/own", str(secrets / me))
    for service, port in ports.items():
        text = text.replace(f"http://{service}:8000", f"http://{LOOPBACK}:{port}")
    return {"mailpit": LOOPBACK, "1025": str(mailbox.smtp_port), "0.0.0.0": LOOPBACK, "8000": str(ports[me])}.get(
        text, text
    )


def test_the_commands_of_the_compose_file_bring_all_services_up(
    own_postgres: Postgres, production_broker: Broker, mailbox: MailboxProcess, tmp_path: Path
) -> None:
    """`prepare`, then each service by its own command and environment, then the image's health check."""
    secrets, services, broker = tmp_path / "secrets", COMPOSE["services"], production_broker
    engines = {
        "PGHOST": LOOPBACK,
        "PGPORT": str(own_postgres.port),
        "PGUSER": "postgres",
        "PGPASSWORD": own_postgres.password,
        "INTERCLUSTER_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
        "INTERCLUSTER_SECRETS": str(secrets),
        "INTERCLUSTER_USER": str(os.getuid()),
    }
    prepare = shlex.join(services["prepare"]["command"]).replace("/app/", f"{shlex.quote(str(REPOSITORY))}/")
    for _ in ("first", "again: it keeps what is there"):
        done = run(prepare, **engines)
        assert done.returncode == 0, done.stderr[-2000:]

    ports = {service: free_port() for service in SERVICES}
    running: dict[str, Process] = {}
    try:
        for me in SERVICES:
            told = {
                name: here(value, broker, mailbox, ports, secrets, me)
                for name, value in services[me]["environment"].items()
            }
            told |= {"INTERCLUSTER_KAFKA_PROFILE": broker.profile, "PYTHONPATH": str(REPOSITORY)}
            command = [sys.executable, *services[me]["command"][1:]]
            log = tmp_path / f"{me}.log"
            running[me] = Process(me, command, log, {**os.environ, **told})
            running[me].start()
        wait_until(lambda: all(map(_settled, running.values(), ports.values())), 120, "all services are ready", 0.3)
        assert all(process.alive for process in running.values()), [p.failed(p.name) for p in running.values()]
        _signs_in(FIRST_OPERATOR, ports["console"], mailbox)
        [check] = commands("HEALTHCHECK")
        assert run(check, INTERCLUSTER_HTTP_PORT=str(ports["profiles"])).returncode == 0
        assert run(check, INTERCLUSTER_HTTP_PORT=str(free_port())).returncode == 1
    finally:
        for process in running.values():
            process.stop(seconds=15)


def test_the_image_starts_a_service_by_default() -> None:
    [command] = commands("CMD")
    assert command == shlex.join(COMPOSE["services"]["console"]["command"])


def _signs_in(address: str, console: int, mailbox: MailboxProcess) -> None:
    """Ask for a link; only somebody who is known is sent one."""
    url = f"http://{LOOPBACK}:{console}/sign-in"
    asked = httpx.post(url, data={"email": address}, trust_env=False)
    assert asked.status_code == 200, asked.text
    mailbox.wait_for(address, seconds=60)


def _settled(process: Process, port: int) -> bool:
    """Whether the service is ready, or has ended."""
    if not process.alive:
        return True
    try:
        url = f"http://{LOOPBACK}:{port}/health/ready"
        return httpx.get(url, timeout=2, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
