"""Who has worked with whom before, by dated ties. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import log
from uuid import UUID


@dataclass(frozen=True, order=True)
class Tie:
    """Two organisations have begun to work together on a day: a connection, a visit, a paid voucher."""

    since: datetime
    one: UUID
    other: UUID


@dataclass(frozen=True)
class Network:
    """Partners by organisation, and how far in time it reaches: the newest tie (``None`` without any)."""

    partners: Mapping[UUID, frozenset[UUID]] = field(default_factory=dict, hash=False)
    until: datetime | None = None

    def common(self, one: UUID, other: UUID) -> float:
        """Return the weight of the partners that both have: the fewer others a common partner has, the more it says.

        Adamic and Adar (2003), each common partner with 1 / log(1 + its partners).
        """
        both = self.partners.get(one, frozenset()) & self.partners.get(other, frozenset())
        return sum(1 / log(1 + max(2, len(self.partners[each]))) for each in sorted(both))


def network_of(ties: Iterable[Tie]) -> Network:
    """Return the network of all ties."""
    partners: dict[UUID, set[UUID]] = {}
    newest: datetime | None = None
    for tie in ties:
        partners.setdefault(tie.one, set()).add(tie.other)
        partners.setdefault(tie.other, set()).add(tie.one)
        newest = tie.since if newest is None else max(newest, tie.since)
    return Network({each: frozenset(known) for each, known in partners.items()}, newest)
