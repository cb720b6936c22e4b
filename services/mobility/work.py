"""Periodic work: vouchers that nobody used lapse, and their money is available again."""

from datetime import timedelta

import structlog

from services.mobility import vouchers
from services.mobility.repository import vouchers as rows
from shared.clock import today
from shared.context import Context

log = structlog.get_logger()

BATCH = 200


async def expire_vouchers(context: Context) -> None:
    """Expire lapsed vouchers, each in a transaction of its own.

    Candidates are taken a day early in UTC; the use case judges by the funder's own day.
    """
    async with context.database.session() as session:
        candidates = await rows.lapsed(session, today() + timedelta(days=1), BATCH)
    expired = 0
    for voucher_id in candidates:
        async with context.database.transaction() as session:
            expired += await vouchers.expire(session, voucher_id)
    if expired:
        log.info("vouchers expired", count=expired)
