"""What every event body has in common: an aggregate, its version, the organisations it concerns."""

from dataclasses import dataclass
from functools import total_ordering
from typing import Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict


@total_ordering
class Version(BaseModel):
    """Version of an aggregate: ``epoch`` rises when its database is restored from a backup, ``n`` with each change.

    Compared as the pair, so what a restored service says overrides all that was said before the restore.
    """

    model_config = ConfigDict(frozen=True)

    epoch: int
    n: int

    def __lt__(self, other: "Version") -> bool:
        return (self.epoch, self.n) < (other.epoch, other.n)

    def __str__(self) -> str:
        return f"{self.epoch}.{self.n}"

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Read ``"epoch.n"``; raises ``ValueError`` on anything else."""
        epoch, n = text.split(".")
        return cls(epoch=int(epoch), n=int(n))


class Snapshot(BaseModel):
    """Base of every event body: the whole state of one aggregate after the change.

    Consumers ignore fields they do not know, so that a producer may add optional ones.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    version: Version

    @property
    def aggregate_id(self) -> UUID:
        """Id of the aggregate, used as the Kafka key."""
        raise NotImplementedError

    @property
    def organisations(self) -> tuple[UUID, ...]:
        """Ids of the organisations this event concerns (for ``trace`` and erasure)."""
        return ()


BodyT = TypeVar("BodyT", bound=Snapshot)


@dataclass(frozen=True)
class EventType(Generic[BodyT]):
    """A CloudEvents type: its name, the topic it travels on and the contract of its body."""

    name: str
    topic: str
    body: type[BodyT]

    @property
    def occasion(self) -> str:
        """The short name, e.g. ``visit.approved`` of ``org.intercluster.visit.approved.v1``."""
        return ".".join(self.name.split(".")[2:-1])
