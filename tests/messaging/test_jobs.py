"""The durable queue: jobs go on with the trace they were queued in, and dead ones can be tried again."""

from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from shared.context import Context
from shared.messaging import Jobs
from shared.observability import continue_trace, current_traceparent
from shared.service import Service
from shared.settings import ServiceSettings
from tests.messaging.conftest import eventually

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
