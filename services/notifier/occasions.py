"""Use cases of occasions: store what there is to tell, and find out whom, whichever comes first.

Handlers only store. One replica then brings occasions and people together, in committed rows that flag themselves:
an occasion until it was looked through with the people known, a person until the occasions were looked through for
her. Whichever of the two commits last is looked at after both are visible, so none is missed; the permanent business
key of (occasion, recipient) keeps it at one mail.
"""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.repository import notices as notice_rows
from services.notifier.repository import occasions
from services.notifier.repository.occasions import Recipient
from shared.clock import now
from shared.database import Database
from shared.messaging import claim_all

BATCH = 200


async def resolve(database: Database, late: timedelta) -> int:
    """Turn flagged occasions and people into notices; returns how many were looked through.

    ``late``: how old an occasion (but a suggestion) may be for people who turn up after it.
    """
    async with database.transaction() as session:
        keys = await occasions.unresolved(session, BATCH)
        if keys:
            await add_once(session, await occasions.recipients_of(session, keys, now() - late), now())
            await occasions.mark_resolved(session, keys)
    async with database.transaction() as session:
        people = await occasions.fresh_people(session, BATCH)
        if people:
            found = await occasions.occasions_for(session, people, now() - late)
            await add_once(session, [each for each in found if each.person_id in set(people)], now())
            await occasions.mark_settled(session, people)
    return len(keys) + len(people)


async def add_once(session: AsyncSession, recipients: list[Recipient], at: datetime) -> None:
    """Put each occasion on its recipient's list unless its business key was claimed before."""
    unclaimed = await claim_all(session, [each.key for each in recipients])
    # Somebody whom an occasion reaches on behalf of two organisations is told once.
    first = {each.key: each for each in reversed(recipients) if each.key in unclaimed}
    await notice_rows.add(session, reversed(first.values()), at)
