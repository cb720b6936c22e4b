"""Structured logs with trace ids, W3C trace context, and the metrics that all services have."""

import logging
import re
import secrets
import sys
import traceback
from contextvars import ContextVar
from pathlib import Path

import structlog
from prometheus_client import Counter, Gauge, Histogram

from shared.settings import ServiceSettings

TRACEPARENT = re.compile(r"^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$")

ADDRESS = re.compile(r"[^\s<>@\"']+@[^\s<>@\"']+")
"""What looks like an e-mail address: never in a log."""

_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)

EVENTS_HANDLED = Counter("intercluster_events_handled_total", "Events by outcome", ["type", "outcome"])
HANDLER_SECONDS = Histogram("intercluster_handler_seconds", "Time an event's handler took", ["type"])
JOURNAL_PUBLISHED = Counter("intercluster_journal_published_total", "Journal rows sent to Kafka", ["topic"])
JOURNAL_UNPUBLISHED = Gauge("intercluster_journal_unpublished", "Journal rows not yet sent")
JOURNAL_AGE = Gauge("intercluster_journal_oldest_unpublished_seconds", "Age of the oldest unsent journal row")
PARKED = Gauge("intercluster_parked_events", "Events parked behind a failure of their key")
DEAD_LETTERS = Gauge("intercluster_dead_letters", "Dead letters not yet redriven")
JOBS_WAITING = Gauge("intercluster_jobs_waiting", "Jobs in the durable queue")
REQUEST_SECONDS = Histogram("intercluster_http_seconds", "Time of HTTP requests", ["method", "route", "status"])


def current_traceparent() -> str | None:
    """Return the W3C trace context of what is being done now."""
    return _traceparent.get()


def continue_trace(traceparent: str | None) -> str:
    """Go on with the caller's trace in a span of our own, or begin a new one; binds ``trace_id`` to the logs."""
    found = TRACEPARENT.match(traceparent or "")
    trace_id = found.group(1) if found else secrets.token_hex(16)
    ours = f"00-{trace_id}-{secrets.token_hex(8)}-01"
    _traceparent.set(ours)
    structlog.contextvars.bind_contextvars(trace_id=trace_id)
    return ours


def fault_of(error: BaseException) -> str:
    """Name a fault for the log. Of the database's errors only the kind: their text may quote people's data."""
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    if state:
        return f"{type(error).__name__} {state}"
    if hasattr(error, "orig"):
        return type(error).__name__
    return f"{type(error).__name__}: {ADDRESS.sub('(address)', str(error)[:200])}"


def places_of(error: BaseException, most: int = 8) -> list[str]:
    """Return where a fault happened, innermost last: a traceback without the texts that quote data."""
    frames = traceback.extract_tb(error.__traceback__)[-most:]
    return [f"{Path(each.filename).name}:{each.lineno} {each.name}" for each in frames]


def configure_logging(service: str, settings: ServiceSettings) -> None:
    """Log one JSON object per line to standard error (or coloured text on a terminal)."""
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    common: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*common, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.log_level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=common)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=settings.log_level, force=True)
    for noisy in ("aiokafka", "faststream", "httpx", "httpcore", "uvicorn.access", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(service=service)
