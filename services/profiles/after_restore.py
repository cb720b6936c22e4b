"""What was erased after a backup is erased once more when the database comes back from it."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.profiles.organisations import erase_stored
from services.profiles.person import erased_person
from services.profiles.repository import organisations, people
from services.profiles.storing import store_people
from shared.audit import audit
from shared.auth import Principal
from shared.contracts import topics

ITSELF = Principal(subject="service:profiles", service="profiles")


async def erase_again(session: AsyncSession, topic: str, key: UUID) -> None:
    """Erase the organisation or the person of that id, without asking who may; nothing if there is none any more."""
    await organisations.lock_structure(session)
    if topic == topics.ORGANISATIONS:
        await erase_stored(session, ITSELF, key)
        return
    stored = (await people.load(session, [key], lock=True)).get(key)
    if stored is not None and stored.status == "active":
        await store_people(session, [(stored, erased_person(stored))])
        await audit(session, ITSELF, "person-erased", None, key)
