"""Slow work: a durable queue in the service's own database (faststream-outbox), filled inside business transactions."""

from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
import structlog
from faststream_outbox import OutboxBroker
from faststream_outbox.retry import ExponentialRetry
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from shared.messaging.events import Unprocessable
from shared.messaging.tables import job, job_dead_letter
from shared.observability import continue_trace, current_traceparent, fault_of

if TYPE_CHECKING:
    from shared.context import Context

log = structlog.get_logger()

JobHandler = Callable[["Context", dict[str, Any]], Awaitable[None]]
HandlerT = TypeVar("HandlerT", bound=JobHandler)


@dataclass(frozen=True)
class Job:
    """A kind of slow work. A job not finished after ``lease_seconds`` is taken to have died and is done again."""

    name: str
    handler: JobHandler
    workers: int
    max_attempts: int
    lease_seconds: float


_traceparent: ContextVar[str | None] = ContextVar("traceparent_of_the_job", default=None)


async def _decode(message: Any, decode: Callable[[Any], Awaitable[Any]]) -> Any:
    """Decode a job as usual, and keep the trace context of whoever queued it for the handler."""
    _traceparent.set(message.headers.get("traceparent"))
    return await decode(message)


class _Retry(ExponentialRetry):
    """Exponential back-off; what is unprocessable goes to the job dead letters at once."""

    def get_next_attempt_delay(self, *, exception: BaseException | None = None, **times: Any) -> float | None:
        if isinstance(exception, Unprocessable):
            return None
        return super().get_next_attempt_delay(exception=exception, **times)


class Jobs:
    """Registry of a service's jobs and the way to enqueue them."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._publisher = OutboxBroker(None, outbox_table=job)

    def job(
        self, name: str, *, workers: int = 1, max_attempts: int = 12, lease_seconds: float = 120.0
    ) -> Callable[[HandlerT], HandlerT]:
        """Register ``async def handler(context, payload)``. It may run more than once: make its effect idempotent."""

        def register(handler: HandlerT) -> HandlerT:
            self._jobs[name] = Job(name, handler, workers, max_attempts, lease_seconds)
            return handler

        return register

    def __iter__(self) -> Any:
        return iter(self._jobs.values())

    async def enqueue(
        self,
        session: AsyncSession,
        name: str,
        payload: dict[str, Any],
        *,
        timer_id: str | None = None,
        delay: timedelta | None = None,
    ) -> bool:
        """Add a job in the caller's transaction. ``timer_id``: at most one waiting job of that name and id.

        Returns ``False`` when such a job was waiting already.
        """
        if name not in self._jobs:
            raise KeyError(f"there is no job {name!r}")
        headers = {"traceparent": current_traceparent() or ""}
        row = await self._publisher.publish(
            payload, queue=name, session=session, headers=headers, timer_id=timer_id, activate_in=delay
        )
        return row is not None

    def connections(self) -> int:
        """Database connections the running queue holds: one to fetch and one a worker, for each kind of job."""
        return sum(each.workers + 2 for each in self._jobs.values())

    def broker(self, engine: AsyncEngine, context: "Context") -> OutboxBroker:
        """Return the broker that runs the jobs on this engine."""
        broker = OutboxBroker(
            engine,
            outbox_table=job,
            dlq_table=job_dead_letter,
            apply_types=False,
            graceful_timeout=10.0,
            logger=None,
            last_exception_renderer=fault_of,
        )
        for each in self._jobs.values():
            broker.subscriber(
                each.name,
                max_workers=each.workers,
                fetch_batch_size=max(10, each.workers * 4),
                retry_strategy=_Retry(
                    initial_delay_seconds=1.0,
                    multiplier=2.0,
                    max_delay_seconds=300.0,
                    jitter_factor=0.2,
                    max_attempts=each.max_attempts,
                ),
                min_fetch_interval=0.2,
                max_fetch_interval=2.0,
                lease_ttl_seconds=each.lease_seconds,
                decoder=_decode,
            )(_runner(each, context))
        return broker


async def dead_jobs(session: AsyncSession, ids: Sequence[int] | None, limit: int) -> list[dict[str, Any]]:
    """Return jobs that were given up (the named ones or all), oldest first, without their payloads."""
    query = sa.select(job_dead_letter).order_by(job_dead_letter.c.id).limit(limit)
    if ids is not None:
        query = query.where(job_dead_letter.c.id.in_(ids))
    names = {"id": "id", "job": "queue", "queued_at": "created_at", "failed_at": "failed_at", "error": "last_exception"}
    return [{shown: getattr(row, name) for shown, name in names.items()} for row in await session.execute(query)]


async def redrive_jobs(session: AsyncSession, ids: Sequence[int] | None) -> list[int]:
    """Queue jobs anew that were given up (the named ones or all), with all their attempts; return the ids taken.

    One whose timer waits again meanwhile is the same work, and only leaves the dead ones.
    """
    taking = sa.delete(job_dead_letter).returning(job_dead_letter)
    if ids is not None:
        taking = taking.where(job_dead_letter.c.id.in_(ids))
    rows = sorted(await session.execute(taking), key=lambda row: int(row.id))
    again = [{name: getattr(row, name) for name in ("queue", "payload", "headers", "timer_id")} for row in rows]
    if again:
        await session.execute(insert(job).on_conflict_do_nothing(), again)
    return [row.id for row in rows]


def _runner(job_kind: Job, context: "Context") -> Callable[[Any], Awaitable[None]]:
    async def run(payload: dict[str, Any]) -> None:
        continue_trace(_traceparent.get())
        try:
            await job_kind.handler(context, payload)
        except Exception as error:
            log.warning("job failed", job=job_kind.name, fault=fault_of(error))
            raise

    return run
