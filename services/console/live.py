"""The operator's live view: one look at all services serves all who watch, and a short history of lag."""

import asyncio
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import datetime

from services.console.asking import ask
from services.console.identity import Visitor
from services.console.lag import Lag, behind_most, lags
from services.console.schemas import ServiceStatus, Streams, one
from shared.clock import now
from shared.context import Context
from shared.contracts.topics import SERVICES
from shared.problems import Problem

HISTORY = 60
"""Readings kept per service, for the line beside its lag."""


@dataclass(frozen=True)
class Look:
    """What was seen at one moment. ``statuses`` has ``None`` for a service that does not answer."""

    at: datetime
    statuses: dict[str, ServiceStatus | None]
    lags: list[Lag] | None = None
    history: dict[str, list[float]] = field(default_factory=dict)

    def lag_of(self, service: str) -> int:
        """Return the largest lag of one service, in journal rows."""
        return behind_most(self.lags or (), service)

    @property
    def broker_epochs(self) -> set[str]:
        """The broker epochs the services are on; more than one means that some have not noticed a new broker yet."""
        return {status.broker_epoch for status in self.statuses.values() if status and status.broker_epoch}


async def statuses_of(context: Context, visitor: Visitor) -> dict[str, ServiceStatus | None]:
    """Ask every service how it is, all at once."""
    answers = await ask(context, visitor, {service: ("/operations/status", {}) for service in SERVICES})
    return {s: None if isinstance(a, Problem) else one(ServiceStatus, a) for s, a in answers.items()}


async def streams_of(context: Context, visitor: Visitor) -> list[Streams]:
    """Ask every service for its heads and positions, all at once; those that do not answer are left out."""
    answers = await ask(context, visitor, {service: ("/operations/streams", {}) for service in SERVICES})
    return [one(Streams, answer) for answer in answers.values() if not isinstance(answer, Problem)]


class Live:
    """Looks at the services at most once per ``seconds``, however many operators watch."""

    def __init__(self, context: Context, seconds: float) -> None:
        self._context = context
        self._seconds = seconds
        self._lock = asyncio.Lock()
        self._looked_at = 0.0
        self.watchers = 0
        """Streams that are open now."""
        self._look: Look | None = None
        self._history: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=HISTORY))

    async def look(self, visitor: Visitor) -> Look:
        """Return the present look, taken on behalf of an operator."""
        async with self._lock:
            if self._look is None or time.monotonic() - self._looked_at >= self._seconds:
                statuses, streams = await asyncio.gather(
                    statuses_of(self._context, visitor), streams_of(self._context, visitor)
                )
                found = lags(streams)
                for service in SERVICES:
                    self._history[service].append(float(behind_most(found, service)))
                history = {service: list(readings) for service, readings in self._history.items()}
                self._look = Look(now(), statuses, found, history)
                self._looked_at = time.monotonic()
            return self._look
