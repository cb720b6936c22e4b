"""Bulk import → all suggestions computed, beside encoding the same texts alone with the product's own encoder."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from deploy.local.process import wait_until
from services.matching.encoder.encoder import Chosen, load_encoder
from services.matching.encoder.spaces import ReadText, read_text
from services.matching.settings import Settings
from tests.benchmarks.figures import Figure, at_most
from tests.faults.field import OWED, SEED, Field

UNREAD = "SELECT EXISTS (SELECT 1 FROM statement WHERE encoded_with IS NULL)"


def lines() -> list[str]:
    """Return all seed records in import order."""
    names = ("platform.jsonl", "clusters.jsonl", "organisations.jsonl")
    return [line for name in names for line in (SEED / name).read_text(encoding="utf-8").splitlines()]


def measure(field: Field, alone: float, progress: Callable[[str], None]) -> list[Figure]:
    """Import all seed organisations into an empty stack and wait until all are matched.

    ``alone``: seconds that encoding the same texts took before the stack was started.
    """
    records = lines()
    progress(f"bulk: {len(records)} organisations are imported and matched")
    started = time.perf_counter()
    field.import_lines(records)
    imported = time.perf_counter() - started
    newest = field.mailbox.newest()

    def matched() -> bool:
        return not (field.sql_true("matching", UNREAD) or field.sql_true("matching", OWED))

    first_mail = _first_mail_seconds(field, newest)
    wait_until(lambda: matched() and _all_arrived(field, len(records)), 300, "all is matched", every=0.5)
    everything = time.perf_counter() - started
    field.wait_quiet()
    return [
        Figure("import", len(records) / imported, "organisations/s", note=f"{len(records)} in requests of 12"),
        at_most("first mail after the import ended", first_mail, "s", 15, "0: it came before the import ended"),
        Figure("import → all suggestions", everything, "s", note=f"{len(texts_of(records))} statements"),
        Figure("encoding alone", alone, "s", note="product's encoder, same batches, all cores, no stack running"),
        at_most("bulk beside encoding alone", everything / alone, "×", 1.5),
    ]


def _first_mail_seconds(field: Field, newest: int) -> float:
    ended = time.perf_counter()
    if newest:
        return 0.0
    wait_until(lambda: field.mailbox.newest() > 0, 120, "the first mail comes", every=0.05)
    return time.perf_counter() - ended


def _all_arrived(field: Field, count: int) -> bool:
    return field.sql_true("matching", f"SELECT count(*) >= {count} FROM organisation")


def texts_of(records: list[str]) -> list[ReadText]:
    """Return the statements of seed records as the models read them."""
    return [
        read_text(each["text"], each["language"])
        for record in map(json.loads, records)
        for each in (*record["offers"], *record["needs"])
    ]


def encode_alone(models: Path) -> float:
    """Return seconds; the models are loaded and warm before the clock starts."""
    settings, stated = Settings(), texts_of(lines())
    encoder = load_encoder(Chosen(models), threads=os.cpu_count())
    encoder.encode([ReadText("en", "warm up")])
    started = time.perf_counter()
    size = settings.statements_per_batch
    for start in range(0, len(stated), size):
        encoder.encode(stated[start : start + size])
    return time.perf_counter() - started
