"""What an operator asks of the running services: status, trace, replay, import. Data first, printing beside it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deploy.local.operator_client import OperatorClient, ServiceError
from shared.contracts import EVENT_TYPES
from shared.contracts.topics import SERVICES, TOPICS

TRACE_PAGE = 1000
PRODUCERS = {topic.name: topic.producer for topic in TOPICS}


def status(client: OperatorClient) -> dict[str, Any]:
    """Return ``services`` (state of each) and ``streams`` (each reader's lag on each topic); one round of calls."""

    def look(service: str) -> tuple[dict[str, Any], dict[str, Any]]:
        try:
            return client.call(service, "GET", "/operations/status"), client.call(service, "GET", "/operations/streams")
        except ServiceError as error:
            return {"service": service, "ready": False, "faults": [str(error)]}, {"heads": [], "positions": []}

    with ThreadPoolExecutor(max_workers=len(SERVICES)) as pool:
        looked = list(pool.map(look, SERVICES))
    heads = {(head["topic"], head["partition"]): head for _, streams in looked for head in streams["heads"]}
    return {
        "services": [state for state, _ in looked],
        "streams": [lag for state, streams in looked for lag in _lags(state["service"], streams, heads)],
    }


def _lags(reader: str, streams: dict[str, Any], heads: dict[tuple[str, int], dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one row per topic that ``reader`` reads: the lag in records of the furthest partition.

    A partition of which the reader has processed nothing yet on this broker counts from its beginning.
    """
    topics = {EVENT_TYPES[name].topic for name in streams.get("types_consumed", ()) if name in EVENT_TYPES}
    found: dict[str, dict[str, Any]] = {
        topic: {"reader": reader, "topic": topic, "lag": 0, "processed_at": None} for topic in topics
    }
    known = {(position["topic"], position["partition"]) for position in streams["positions"]}
    for (topic, partition), head in heads.items():
        if topic in topics and (topic, partition) not in known:
            found[topic]["lag"] = max(found[topic]["lag"], head["offset"] + 1)
    for position in streams["positions"]:
        topic = position["topic"]
        newest = heads.get((topic, position["partition"]))
        row = found.setdefault(topic, {"reader": reader, "topic": topic, "lag": 0, "processed_at": None})
        if newest is not None:
            same = newest["broker_epoch"] == position["broker_epoch"]
            row["lag"] = max(row["lag"], newest["offset"] - (position["offset"] if same else -1))
        row["processed_at"] = max(filter(None, (row["processed_at"], position["processed_at"])), default=None)
    return sorted(found.values(), key=lambda row: str(row["topic"]))


def print_status(found: dict[str, Any], console: Console) -> None:
    """Print services and streams as tables."""
    table = Table("service", "state", "journal", "unsent", "oldest", "parked", "dead", "jobs", "MB", box=SIMPLE_HEAD)
    for each in found["services"]:
        if "journal" not in each:
            table.add_row(each["service"], f"[red]{escape('; '.join(each['faults']))}[/red]")
            continue
        state = "[green]ready[/green]" if each["ready"] else f"[yellow]{escape('; '.join(each['faults']))}[/yellow]"
        journal, jobs = each["journal"], each["jobs"]
        table.add_row(
            each["service"],
            state,
            *(str(journal["rows"]), str(journal["unpublished"]), f"{journal['oldest_unpublished_seconds']:.1f} s"),
            *(str(each["parked"]), str(each["dead_letters"] + jobs["dead"])),
            *(str(jobs["waiting"]), f"{each['memory_bytes'] / 1e6:.0f}"),
        )
    console.print(table)
    console.print("[dim]journal: events written; unsent: not yet in Kafka, and how old the oldest of them is;")
    console.print("[dim]parked: retried by themselves; dead: events and jobs that need a person.")
    streams = Table("reader", "topic", "lag (events)", "last processed (UTC)", box=SIMPLE_HEAD)
    for each in found["streams"]:
        streams.add_row(each["reader"], each["topic"], str(each["lag"]), (each["processed_at"] or "never")[:19])
    console.print(streams)


def find_organisation(client: OperatorClient, wanted: str) -> dict[str, Any]:
    """Return the organisation with that id, or the only one whose name fits; else say which there are."""
    try:
        found: dict[str, Any] = client.call("profiles", "GET", f"/organisations/{UUID(wanted)}")
    except ValueError:
        items = client.call("profiles", "GET", "/organisations", params={"q": wanted, "limit": 10})["items"]
        if len(items) != 1:
            names = "".join(f"\n  {each['id']}  {each['name']} ({each['country']})" for each in items)
            raise ServiceError(f"{len(items)} organisations fit {wanted!r}; give the id:{names}") from None
        found = items[0]
    except ServiceError as error:
        # An erased organisation still has its trail.
        if error.status not in (404, 410):
            raise
        found = {"id": wanted, "name": wanted}
    return found


def trace(client: OperatorClient, organisation_id: str) -> list[dict[str, Any]]:
    """Return the organisation's events from all services' journals, in time order."""
    entries = []
    for service in SERVICES:
        page = [{"sequence": 0}]
        while page:
            place = {"organisation_id": organisation_id, "after": page[-1]["sequence"], "limit": TRACE_PAGE}
            page = client.call(service, "GET", "/operations/trace", params=place)
            entries += page
    return sorted(entries, key=lambda entry: (entry["time"], entry["service"], entry["sequence"]))


def print_trace(entries: list[dict[str, Any]], name: str, console: Console) -> None:
    """Print a trace as a table."""
    table = Table("time (UTC)", "service", "event", "key", "v", "trace", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.title = f"Events that concern {escape(name)}"
    for each in entries:
        short = each["type"].removeprefix("org.intercluster.")
        cells = (each["time"][11:23], each["service"], short, each["key"][-8:], each["version"])
        table.add_row(*cells, (each["trace_id"] or "")[:8])
    console.print(table)


def replay(client: OperatorClient, topic: str | None, group: str | None, dry_run: bool) -> dict[str, int]:
    """Have the writers of ``topic`` (or of all topics) send their journals again; return the rows per service."""
    if topic is not None and topic not in PRODUCERS:
        raise ServiceError(f"no topic {topic!r}; there are: {', '.join(sorted(PRODUCERS))}")
    if group is not None and group not in SERVICES:
        raise ServiceError(f"no service {group!r}; there are: {', '.join(SERVICES)}")
    writers = [PRODUCERS[topic]] if topic else SERVICES
    body = {"topic": topic, "group": group, "dry_run": dry_run}
    return {each: client.call(each, "POST", "/operations/replay", json=body)["count"] for each in writers}


def print_replay(counts: dict[str, int], console: Console, done: bool) -> None:
    """Print how many events were, or would be, sent again."""
    for service, count in counts.items():
        console.print(f"{service}: {count} events {'are being sent again' if done else 'would be sent again'}")


def import_file(client: OperatorClient, file: Path, source: str) -> dict[str, Any]:
    """Send a file to profiles and return its row-by-row report."""
    kind = "csv" if file.suffix.lower() == ".csv" else "jsonl"
    report: dict[str, Any] = client.call(
        "profiles", "POST", "/imports", params={"format": kind, "source": source}, content=file.read_bytes()
    )
    return report


def import_calls(client: OperatorClient, file: Path, source: str) -> dict[str, Any]:
    """Send a file of calls to matching and return its row-by-row report."""
    report: dict[str, Any] = client.call(
        "matching", "POST", "/calls/imports", params={"source": source}, content=file.read_bytes()
    )
    return report


def print_import(report: dict[str, Any], console: Console) -> None:
    """Print an import's counts and its errors."""
    names = ("accepted", "created", "updated", "unchanged", "rejected")
    console.print(", ".join(f"{report[name]} {name}" for name in names))
    for error in report["errors"]:
        console.print(f"  row {error['row']}, {error['field']}: {error['message']} ({error['rule']})", markup=False)
    if report.get("over"):
        console.print(f"{report['over']} of them can't be answered any more; they fit nobody")
