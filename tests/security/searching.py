"""Searches a whole database for people's names and addresses, table by table."""

import json
from collections.abc import Iterable
from pathlib import Path

import sqlalchemy as sa

from shared.context import Context

SEED = Path(__file__).resolve().parents[2] / "deploy" / "local" / "seed"
FILES = ("platform.jsonl", "clusters.jsonl", "organisations.jsonl")


def seed_file() -> bytes:
    """Return the demo's records as one file to import."""
    return b"".join((SEED / name).read_bytes() for name in FILES)


def seed() -> list[dict[str, object]]:
    """Return the demo's records."""
    return [json.loads(line) for line in seed_file().splitlines()]


def words_of(records: Iterable[dict[str, object]]) -> set[str]:
    """Return every name and address of a contact in the records."""
    contacts = [contact for record in records for contact in record.get("contacts", ())]  # type: ignore[attr-defined]
    return {contact["email"] for contact in contacts} | {contact["name"] for contact in contacts}


async def tables_with(context: Context, words: Iterable[str]) -> dict[str, list[str]]:
    """Return which tables of the service's database hold which of the words (at most five of them), in any column."""
    wanted = [word.lower() for word in words]
    found: dict[str, list[str]] = {}
    async with context.database.session() as session:
        names = await session.scalars(sa.text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        for name in sorted(names):
            rows = await session.scalars(sa.text(f'SELECT t::text FROM "{name}" t'))
            if hits := found_in("\n".join(rows), wanted):
                found[name] = hits
    return found


def found_in(text: str, words: Iterable[str]) -> list[str]:
    """Return the words that are in the text, whatever their case (at most five)."""
    lower = text.lower()
    return [word for word in words if word.lower() in lower][:5]
