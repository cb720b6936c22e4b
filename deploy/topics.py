"""Create the topics on a broker: ``python -m deploy.topics`` (cluster, compose) or :func:`ensure_topics` (launcher).

Auto-creation is off everywhere, so that a broker that came back empty is noticed. The marker topic that names the
broker epoch is created last: where it exists, all topics exist.
"""

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.contracts.topics import EPOCH_TOPIC_PREFIX, TOPICS, Topic
from shared.ids import new_id
from shared.settings import ServiceSettings

ALREADY_EXISTS = 36
"""Kafka's error code TOPIC_ALREADY_EXISTS."""

VISIBLE_WITHIN_SECONDS = 30

DAY_MS = 24 * 3600 * 1000
OCCASIONS_DAYS = 30
"""How long a reader may be away and still find every occasion; then compaction may leave only the newest snapshot."""
DEAD_LETTER_RETENTION_MS = 90 * DAY_MS
"""Dead letters also stand in their service's database; the topic is for whoever watches from outside."""


@dataclass(frozen=True)
class Deployed:
    """A topic as created: partitions and Kafka's own configuration."""

    name: str
    partitions: int
    configuration: dict[str, str]


class TopicError(RuntimeError):
    """The broker refused to create a topic."""


def deployed(topic: Topic) -> Deployed:
    """Return how a topic of the contract is created.

    A compacted topic keeps the newest snapshot of each key forever, and everything for a month: an older version may
    be an occasion (an approval, a payment) that a reader who was away has still to act on. Who was away for longer
    asks for a replay of the journals.
    """
    if topic.compacted:
        configuration = {
            "cleanup.policy": "compact",
            "delete.retention.ms": str(7 * DAY_MS),
            "min.cleanable.dirty.ratio": "0.2",
            "min.compaction.lag.ms": str(OCCASIONS_DAYS * DAY_MS),
            "max.compaction.lag.ms": str((OCCASIONS_DAYS + 1) * DAY_MS),
        }
    else:
        configuration = {"cleanup.policy": "delete", "retention.ms": str(DEAD_LETTER_RETENTION_MS)}
    return Deployed(topic.name, topic.partitions, configuration)


def as_data() -> dict[str, Any]:
    """Return the topics as the content of ``topics.yaml``, for sites that create topics with their own tools."""
    return {
        "topics": [
            {"name": each.name, "partitions": each.partitions, "config": each.configuration}
            for each in map(deployed, TOPICS)
        ],
        "marker_topic": {"name": f"{EPOCH_TOPIC_PREFIX}<uuid>", "partitions": 1, "config": {"retention.ms": "-1"}},
    }


async def ensure_topics(client: dict[str, Any], replication: int = 1) -> str:
    """Create what is missing and return the broker epoch (32 hex digits).

    ``client`` are aiokafka's own keywords: ``bootstrap_servers`` and what the site's security needs.
    Raises :class:`TopicError` with the broker's words when a topic is refused.
    """
    admin = AIOKafkaAdminClient(**client, client_id="intercluster-topics")
    await admin.start()
    try:
        present = set(await admin.list_topics())
        epochs = sorted(name for name in present if name.startswith(EPOCH_TOPIC_PREFIX))
        missing = [each for each in map(deployed, TOPICS) if each.name not in present]
        if missing:
            await _create(admin, missing, replication)
        if epochs:
            # Two only if two callers raced on an empty broker; the relays take the first as well.
            return str(epochs[0]).removeprefix(EPOCH_TOPIC_PREFIX)
        epoch = new_id().hex
        await _create(admin, [Deployed(EPOCH_TOPIC_PREFIX + epoch, 1, {"retention.ms": "-1"})], replication)
        return epoch
    finally:
        await admin.close()


async def _create(admin: AIOKafkaAdminClient, topics: list[Deployed], replication: int) -> None:
    answer = await admin.create_topics(
        [NewTopic(each.name, each.partitions, replication, topic_configs=each.configuration) for each in topics]
    )
    for name, code, *words in answer.topic_errors:
        if code not in (0, ALREADY_EXISTS):
            raise TopicError(f"topic {name}: error {code} {words[0] if words else ''}".strip())
    # The controller answers before every broker lists the topics; a second caller must not see fewer.
    async with asyncio.timeout(VISIBLE_WITHIN_SECONDS):
        while not {each.name for each in topics} <= set(await admin.list_topics()):
            await asyncio.sleep(0.05)


def write_yaml(file: Path) -> None:
    """Write the topics as data."""
    heading = "# Made by `python -m deploy.topics --write` from shared/contracts/topics.py; a test compares the two.\n"
    file.write_text(heading + yaml.safe_dump(as_data(), sort_keys=False))


def main() -> None:
    """Create the topics on the broker that the environment names, or write ``topics.yaml`` (``--write``)."""
    if "--write" in sys.argv[1:]:
        write_yaml(Path(__file__).with_name("topics.yaml"))
        return
    # Imported here: FastStream behind it takes a second, and the launcher has no use for it.
    from shared.messaging.broker import client_arguments

    replication = int(os.environ.get("INTERCLUSTER_KAFKA_REPLICATION", "1"))
    epoch = asyncio.run(ensure_topics(client_arguments(ServiceSettings()), replication))
    print(f"{len(TOPICS)} topics are there; broker epoch {epoch}")


if __name__ == "__main__":
    main()
