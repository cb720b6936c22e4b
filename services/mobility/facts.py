"""What rules are judged on: plain facts, gathered by the use cases and free of any database."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from shared.contracts.mobility import Party, VisitKind, VisitState, VoucherKind
from shared.contracts.profiles import OrganisationKind


@dataclass(frozen=True)
class Organisation:
    """An organisation as mobility knows it from its projection. ``clusters``: ids it is a member of."""

    id: UUID
    name: str
    kind: OrganisationKind
    country: str
    clusters: frozenset[UUID] = frozenset()
    active: bool = True

    def __str__(self) -> str:
        return f"{self.name} ({self.country})"


@dataclass(frozen=True)
class VisitFacts:
    """A requested visit. Dates are inclusive; ``earlier_visits`` counts live visits of the same person and kind.

    ``connected``: whether the named connection joins visitor and host; ``None`` if none is named.
    ``person_known`` and ``person_belongs``: whether the visitor exists and works for the visiting organisation.
    """

    kind: VisitKind
    parties: dict[Party, Organisation]
    starts_on: date
    ends_on: date
    requested_on: date
    working_days: int
    earlier_visits: int = 0
    connected: bool | None = None
    person_known: bool = True
    person_belongs: bool = True

    @property
    def visitor(self) -> Organisation:
        return self.parties[Party.VISITOR]

    @property
    def host(self) -> Organisation:
        return self.parties[Party.HOST]


@dataclass(frozen=True)
class ClaimedVisit:
    """The visit that a travel voucher pays for; ``working_days`` are those of the host's country."""

    id: UUID
    state: VisitState
    visitor_id: UUID
    host: Organisation
    starts_on: date
    ends_on: date
    working_days: int


@dataclass(frozen=True)
class Application:
    """A claim on a programme on the day it is made, in the funder's time zone.

    ``cost`` is what the provider asks (innovation), in the programme's currency; ``distance_km`` is declared.
    """

    kind: VoucherKind
    applied_on: date
    opens_on: date
    closes_on: date
    currency: str
    beneficiary: Organisation
    visit: ClaimedVisit | None = None
    provider: Organisation | None = None
    cost: Decimal | None = None
    distance_km: int | None = None

    @property
    def counterpart(self) -> Organisation | None:
        """The other side: who hosts the visit, or who provides the service."""
        return self.visit.host if self.visit else self.provider
