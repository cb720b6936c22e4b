"""What a test reads straight from the database."""

import sqlalchemy as sa

from tests.matching.conftest import Matching


async def everything_stored(matching: Matching) -> str:
    """Return all rows of all tables as text."""
    async with matching.context.database.session() as session:
        tables = (await session.scalars(sa.text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))).all()
        rows = [
            str(row)
            for table in tables
            for row in (await session.scalars(sa.text(f'SELECT to_jsonb(t)::text FROM "{table}" t'))).all()
        ]
    return "\n".join(rows)
