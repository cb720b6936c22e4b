"""An organisation changed → its suggestion mail in the mailbox, at idle, beside the sum of its parts."""

import asyncio
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from statistics import median
from typing import Any

import aiosmtplib
import numpy as np
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from deploy.local.demo.mailbox_reader import answer_links
from deploy.local.process import LOOPBACK
from services.matching.encoder.encoder import Chosen, load_encoder
from services.matching.encoder.fusion import load_fusion
from services.matching.encoder.spaces import ReadText
from shared.contracts.topics import dead_letters
from shared.messaging.runtime import EMBEDDED_FETCH_WAIT_MS
from tests.benchmarks.figures import Figure, at_most, percentile
from tests.faults.field import Field

CHANGES = 30
TIMES = 40
MAIL_WITHIN_SECONDS = 10.0
IDLE_SECONDS = 1.5
"""Nobody has changed anything for so long before a change is timed: that is what "at idle" means."""


async def measure(field: Field, models: Path, progress: Callable[[str], None]) -> list[Figure]:
    """Change organisations one at a time, wait for each mail; then time every part on its own.

    A mail that is made but does not come in time counts with the limit. Where none is made (nothing new fits, or she
    may not be mailed), another organisation is taken, and the figure says how often that was.
    """
    latencies: list[float] = []
    unmailed = 0
    for needing, offered in _pairs(field):
        progress(f"change → mail: {len(latencies)} of {CHANGES}")
        if (seconds := _change(field, needing, offered)) is not None:
            latencies.append(seconds)
        else:
            unmailed += 1
        field.wait_quiet()
        time.sleep(IDLE_SECONDS)
        if len(latencies) == CHANGES:
            break
    progress("change → mail: the parts alone")
    statements = int(field.stack.postgres.sql("SELECT count(*) FROM statement", database="matching"))  # type: ignore[union-attr]
    parts = {
        "encode": _encode(models),
        "search": _search(statements),
        "hop": await _hop(field),
        "smtp": await _smtp(field),
    }
    total = parts["encode"] + parts["search"] + 2 * parts["hop"] + parts["smtp"]
    p50, p95 = percentile(latencies, 0.5), percentile(latencies, 0.95)
    note = f"{len(latencies)} changes, each {IDLE_SECONDS} s after all was quiet; after {unmailed} more no mail is due"
    beside = ", ".join(f"{name} {1000 * value:.1f}" for name, value in parts.items()) + " ms"
    return [
        Figure("change → mail, p50", 1000 * p50, "ms", note=note),
        Figure("change → mail, p95", 1000 * p95, "ms"),
        Figure("sum of the parts", 1000 * total, "ms", note=f"{beside}; two hops"),
        at_most("change → mail, p50, beside the sum", p50 / total, "×", 4),
        at_most("change → mail, p95, beside the sum", p95 / total, "×", 4),
    ]


def _pairs(field: Field) -> Any:
    """Yield firms with a mailable contact, each with another country's offer that it will say it needs."""
    firms: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = field.operator.call("profiles", "GET", "/organisations", params={"kind": "sme", "limit": 100, **cursor})
        firms += page["items"]
        if not page.get("next_cursor"):
            break
        cursor = {"cursor": page["next_cursor"]}
    for place, firm in enumerate(firms):
        other = firms[(place + len(firms) // 2) % len(firms)]
        if other["country"] != firm["country"]:
            yield firm["id"], other["id"]


def _change(field: Field, needing: str, offering: str) -> float | None:
    """Let a firm need what another offers; return seconds until its contact's mail had come in at the mailbox, by the
    mailbox's own clock. ``None`` if she is sent none.
    """
    firm = field.operator.call("profiles", "GET", f"/organisations/{needing}")
    other = field.operator.call("profiles", "GET", f"/organisations/{offering}")
    offer = next(each for each in other["statements"] if each["role"] == "offer")
    need = {"role": "need", "text": f"We look for a partner: {offer['text'][:300]}", "language": offer["language"]}
    kept = ("kind", "name", "country", "region", "city", "website", "sectors", "languages", "tags", "clusters")
    body = {name: firm[name] for name in kept} | {"undertaking_group": firm.get("undertaking_group")}
    stated = [
        {name: each[name] for name in ("role", "text", "language", "illustrative")} for each in firm["statements"]
    ]
    body["offers"] = [_without_role(each) for each in stated if each["role"] == "offer"]
    body["needs"] = [_without_role(each) for each in (*stated, need) if each["role"] == "need"]
    addresses = {each["email"] for each in firm["contacts"]}
    newest = field.mailbox.newest()
    started, changed_at = time.perf_counter(), datetime.now(UTC)
    path = f"/organisations/{needing}"
    field.operator.call("profiles", "PUT", path, json=body, headers={"If-Match": f'"{firm["version"]}"'})
    while time.perf_counter() - started < MAIL_WITHIN_SECONDS:
        for mail in field.mailbox.messages(after=newest, wait=5):
            newest = max(newest, mail["number"])
            if mail["recipients"][0] in addresses and answer_links(mail):
                return (datetime.fromisoformat(mail["received_at"]) - changed_at).total_seconds()
    due = (
        "SELECT EXISTS (SELECT 1 FROM delivery WHERE template = 'suggestion'"
        f" AND organisation_id = '{needing}' AND created_at >= '{changed_at.isoformat()}')"
    )
    return MAIL_WITHIN_SECONDS if field.sql_true("notifier", due) else None


def _without_role(statement: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in statement.items() if name != "role"}


def _encode(models: Path) -> float:
    encoder = load_encoder(Chosen(models))
    text = "We look for a partner who makes membranes that stand salt and sand, for our wave-driven pumps. " * 3
    taken = []
    for number in range(TIMES):
        started = time.perf_counter()
        encoder.encode([ReadText("en", f"{number} {text}")])
        taken.append(time.perf_counter() - started)
    return median(taken)


def _search(statements: int) -> float:
    vectors = np.random.default_rng(1).normal(size=(statements, load_fusion().dimensions)).astype(np.float32)
    query = vectors[:1]
    taken = []
    for _ in range(TIMES):
        started = time.perf_counter()
        np.argpartition(query @ vectors.T, -40)
        taken.append(time.perf_counter() - started)
    return median(taken)


async def _hop(field: Field) -> float:
    topic = dead_letters("console")
    producer = AIOKafkaProducer(bootstrap_servers=field.stack.bootstrap, acks="all")
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=field.stack.bootstrap, fetch_max_wait_ms=EMBEDDED_FETCH_WAIT_MS
    )
    await producer.start()
    await consumer.start()
    await consumer.seek_to_end()
    taken = []
    for number in range(TIMES):
        # As at idle: the consumer's request waits at the broker since some moment when the record is sent.
        receiving = asyncio.create_task(consumer.getone())
        await asyncio.sleep(random.uniform(0.1, 0.2))
        started = time.perf_counter()
        await producer.send_and_wait(topic, b"{}", key=str(number).encode())
        await receiving
        taken.append(time.perf_counter() - started)
    await producer.stop()
    await consumer.stop()
    return median(taken)


async def _smtp(field: Field) -> float:
    taken = []
    port = field.stack.installation.ports["smtp"]
    for number in range(TIMES):
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "bench@example.org", "nobody@example.org", f"bench {number}"
        mail.set_content("x" * 8000)
        started = time.perf_counter()
        await aiosmtplib.send(mail, hostname=LOOPBACK, port=port)
        taken.append(time.perf_counter() - started)
        await asyncio.sleep(0)
    return median(taken)
