"""The topic table: the only place where a topic's name stands."""

from dataclasses import dataclass

ORGANISATIONS = "profiles.organisations"
PEOPLE = "profiles.people"
SUGGESTIONS = "matching.suggestions"
ROADMAPS = "matching.roadmaps"
VISITS = "mobility.visits"
VOUCHERS = "mobility.vouchers"
PROGRAMMES = "mobility.programmes"
STATE_AID = "mobility.state-aid"
DELIVERIES = "notifier.deliveries"

SERVICES = ("profiles", "matching", "mobility", "notifier", "console")

EPOCH_TOPIC_PREFIX = "intercluster.epoch."
"""The marker topic's name, followed by the broker epoch: created last, so where it is, all topics are."""


@dataclass(frozen=True)
class Topic:
    """One topic as deployed: ``compacted`` where the newest snapshot of a key is all that is needed."""

    name: str
    producer: str
    partitions: int = 3
    compacted: bool = True


def dead_letters(service: str) -> str:
    """Return the name of the topic that takes what ``service`` can never process."""
    return f"{service}.dead-letters"


TOPICS: tuple[Topic, ...] = (
    *(
        Topic(name, name.split(".")[0])
        for name in (ORGANISATIONS, PEOPLE, SUGGESTIONS, ROADMAPS, VISITS, VOUCHERS, PROGRAMMES, STATE_AID, DELIVERIES)
    ),
    *(Topic(dead_letters(service), service, compacted=False) for service in SERVICES),
)
