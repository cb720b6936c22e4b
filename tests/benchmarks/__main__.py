"""`intercluster bench`: all figures of this machine in one run. ``--only PART`` (may be repeated) measures less."""

import argparse
import asyncio
import os
import platform
import tempfile
from pathlib import Path

from rich.console import Console

from deploy.local.broker import choose_broker
from deploy.local.environment import MODELS
from deploy.local.postgres import Postgres
from deploy.local.stack import Stack
from deploy.local.state import Installation
from deploy.topics import ensure_topics
from tests.benchmarks import bulk, change, exposure, matching_scale, memory, relay, story
from tests.benchmarks.figures import Figure, show
from tests.faults.field import Field

PARTS = ("relay", "matching", "stack", "exposure", "demo", "clone")


def measure_relay(folder: Path, console: Console) -> list[Figure]:
    """The relay on a database and a broker of its own."""
    postgres = Postgres(folder / "postgres", durable=True)
    broker = choose_broker(folder / "broker", folder / "broker.log", os.environ.get("KAFKA_HOME"))
    try:
        postgres.start()
        broker.start()
        asyncio.run(ensure_topics({"bootstrap_servers": broker.bootstrap}))
        return asyncio.run(relay.measure(postgres, broker, console.log))
    finally:
        broker.stop()
        postgres.stop()


def measure_stack(folder: Path, console: Console) -> list[Figure]:
    """Bulk import, latency of a change and memory on one running stack."""
    console.log("bulk: the texts are encoded alone")
    alone = bulk.encode_alone(MODELS)
    stack = Stack(Installation(folder, ports={}), os.environ.get("KAFKA_HOME"), report=console.log)
    stack.start()
    field = Field(stack)
    field.supervisor.start()
    try:
        figures = bulk.measure(field, alone, console.log)
        figures += asyncio.run(change.measure(field, MODELS, console.log))
        return figures + memory.measure(stack)
    finally:
        field.supervisor.stop()
        stack.stop()


def main() -> None:
    """Measure and print. The exit status is 0 when it was measured, whether or not every target is met."""
    parser = argparse.ArgumentParser(prog="intercluster bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=PARTS, help="measure only this part")
    parser.add_argument("--organisations", type=int, default=100_000, help="the largest site that matching is tried on")
    given = parser.parse_args()
    chosen = given.only or PARTS
    console = Console(stderr=True)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="intercluster-bench-") as scratch:
        folder = Path(scratch)
        if "relay" in chosen:
            figures += measure_relay(folder / "relay", console)
        if "matching" in chosen:
            figures += matching_scale.main(folder / "matching", given.organisations, console.log)
        if "stack" in chosen:
            figures += measure_stack(folder / "stack", console)
        if "exposure" in chosen:
            figures += exposure.measure(console.log)
        if "demo" in chosen:
            figures += story.measure_installed(console.log)
        if "clone" in chosen:
            figures += story.measure_fresh_clone(console.log)
    machine = {
        "cores": os.cpu_count(),
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "broker": "Apache Kafka" if os.environ.get("KAFKA_HOME") else "embedded",
    }
    show(figures, console, machine)


if __name__ == "__main__":
    main()
