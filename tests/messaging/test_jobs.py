"""The durable queue: jobs go on with the trace they were queued in, and dead ones can be tried again."""

from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa

from services.matching.work import jobs as matching_jobs
from shared.clock import now
from shared.context import Context
from shared.messaging import Jobs
from shared.messaging.jobs import dead_jobs, redrive_jobs
from shared.messaging.tables import job_dead_letter
from shared.observability import continue_trace, current_traceparent
from shared.service import Service
from shared.settings import ServiceSettings
from tests.messaging.conftest import eventually, scalar

Make = Callable[..., Awaitable[Context]]


@asynccontextmanager
async def working(jobs: Jobs, context: Context) -> Any:
    """Run a service's queue, and nothing else of it."""
    broker = jobs.broker(context.database.engine, context)
    await broker.start()
    try:
        yield
    finally:
        await broker.stop()


async def _value(value: Any) -> Any:
    return value


async def test_a_job_goes_on_with_the_trace_it_was_queued_in(example_context: Make) -> None:
    jobs, seen = Jobs(), list[str]()
    begun = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    @jobs.job("note")
    async def note(_context: Context, payload: dict[str, Any]) -> None:
        seen.append(f"{payload['n']} {(current_traceparent() or '').split('-')[1]}")

    context = await example_context(Service(name="matching", settings=ServiceSettings), "127.0.0.1:1", "embedded")
    async with context.database.transaction() as session:
        continue_trace(begun)
        await jobs.enqueue(session, "note", {"n": 1})
    continue_trace(None)
    async with working(jobs, context):
        await eventually(lambda: _value(seen), ["1 0af7651916cd43dd8448eb211c80319c"])


async def test_a_job_that_was_given_up_is_done_when_it_is_redriven(example_context: Make) -> None:
    jobs, done, broken = Jobs(), list[int](), [True]

    @jobs.job("draft", max_attempts=1)
    async def draft(_context: Context, payload: dict[str, Any]) -> None:
        if broken[0]:
            raise RuntimeError("not yet")
        done.append(payload["n"])

    context = await example_context(Service(name="matching", settings=ServiceSettings), "127.0.0.1:1", "embedded")
    async with context.database.transaction() as session:
        for n in (1, 2):
            await jobs.enqueue(session, "draft", {"n": n}, timer_id=str(n))
    async with working(jobs, context):
        await eventually(lambda: scalar(context, "SELECT count(*) FROM job_dead_letter"), 2)
        broken[0] = False
        async with context.database.transaction() as session:
            first, second = await dead_jobs(session, None, 10)
            assert (first["job"], "payload" in first) == ("draft", False)
            assert await redrive_jobs(session, [first["id"]]) == [first["id"]]
        await eventually(lambda: _value(done), [1])
        async with context.database.transaction() as session:
            assert await redrive_jobs(session, None) == [second["id"]]
            assert await redrive_jobs(session, None) == []
        await eventually(lambda: _value(done), [1, 2])


async def test_a_redriven_job_whose_timer_waits_again_is_not_done_twice(example_context: Make) -> None:
    jobs = Jobs()
    jobs.job("draft")(_nothing)
    context = await example_context(Service(name="matching", settings=ServiceSettings), "127.0.0.1:1", "embedded")
    async with context.database.transaction() as session:
        await jobs.enqueue(session, "draft", {"n": 1}, timer_id="same")
        died = sa.insert(job_dead_letter).values(
            original_id=1, queue="draft", payload=b"{}", deliveries_count=1, created_at=now(),
            failure_reason="rejected", timer_id="same",
        )  # fmt: skip
        await session.execute(died)
        assert len(await redrive_jobs(session, None)) == 1
    assert await scalar(context, "SELECT count(*) FROM job") == 1
    assert await scalar(context, "SELECT count(*) FROM job_dead_letter") == 0


async def _nothing(_context: Context, _payload: dict[str, Any]) -> None:
    return


def test_a_roadmap_is_not_given_up_while_its_members_wait_to_be_read() -> None:
    (draft,) = list(matching_jobs)
    longest_pause = 300
    assert draft.max_attempts * longest_pause > 3 * 24 * 3600
