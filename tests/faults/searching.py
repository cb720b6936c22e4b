"""Looks for words in everything that is kept: databases, topics and logs. The mailbox is the outside world."""

import asyncio

from aiokafka import AIOKafkaConsumer

from deploy.local.process import run_apart
from deploy.local.stack import Stack

QUIET_MS = 2500


def places_with(stack: Stack, words: str) -> list[str]:
    """Return where the words stand: ``database:profiles``, ``topic:profiles.people``, ``log:notifier`` …."""
    found = [f"database:{each}" for each in stack.services if _in_database(stack, each, words)]
    found += [f"topic:{each}" for each in run_apart(lambda: _topics_with(stack.bootstrap, words.encode()))]
    logs = sorted(stack.installation.logs.glob("*.log"))
    return found + [f"log:{each.stem}" for each in logs if words in each.read_text(errors="replace")]


def _in_database(stack: Stack, service: str, words: str) -> bool:
    assert stack.postgres is not None
    dump = stack.postgres.run("pg_dump", "--data-only", "-d", service)
    # Bytes columns (jobs, parked events) are dumped in hexadecimal.
    return words in dump or words.encode().hex() in dump


async def _topics_with(bootstrap: str, words: bytes) -> list[str]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    found: set[str] = set()
    read = 0
    try:
        consumer.subscribe(sorted(each for each in await consumer.topics() if not each.startswith("__")))
        while not consumer.assignment():
            await asyncio.sleep(0)
            await consumer.getmany(timeout_ms=100)
        await consumer.seek_to_beginning()
        while batches := await consumer.getmany(timeout_ms=QUIET_MS):
            for partition, records in batches.items():
                read += len(records)
                for record in records:
                    everything = b"\n".join(
                        [record.key or b"", record.value or b"", *(value or b"" for _, value in record.headers)]
                    )
                    if words in everything:
                        found.add(partition.topic)
    finally:
        await consumer.stop()
    assert read, "nothing was read: the search proves nothing"
    return sorted(found)
