"""Use cases of a person's choices: preferences, and unsubscribing by link."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.consent import SUGGESTIONS
from services.notifier.repository import people
from services.notifier.schemas import PreferencesIn, PreferencesOut
from services.notifier.tokens import InvalidUnsubscribeTokenError, UnsubscribeTokens, Unsubscription
from shared.clock import now
from shared.problems import unprocessable


async def read(session: AsyncSession, person_id: UUID) -> PreferencesOut:
    """Return a person's preferences; the defaults when she has chosen nothing."""
    chosen = await people.preference(session, person_id)
    person = await people.get(session, person_id)
    return PreferencesOut(
        person_id=person_id,
        suggestions=chosen.suggestions if chosen else True,
        mails_per_week=chosen.mails_per_week if chosen else None,
        delivery_hour=chosen.delivery_hour if chosen else None,
        consent_recorded=any(each["given"] for each in (person.consents if person else [])),
        changed_at=chosen.changed_at if chosen else None,
    )


async def store(session: AsyncSession, person_id: UUID, wanted: PreferencesIn) -> PreferencesOut:
    """Replace a person's preferences; what waits for her is judged anew."""
    await people.store_preference(session, person_id, now(), wanted.model_dump())
    return await read(session, person_id)


async def unsubscribe(session: AsyncSession, tokens: UnsubscribeTokens, token: str) -> Unsubscription:
    """Take the person named by a token off the list named by it. Doing it again changes nothing.

    Raises a problem (422) when the token is not ours.
    """
    try:
        wanted = tokens.read(token)
    except InvalidUnsubscribeTokenError as error:
        raise unprocessable("invalid-unsubscribe-link", "This unsubscribe link is not complete or not ours.") from error
    if wanted.list_name != SUGGESTIONS:
        raise unprocessable("unknown-list", "There is no such list.")
    person = await people.get(session, wanted.person_id, lock=True)
    chosen = await people.preference(session, wanted.person_id)
    forgotten = person is not None and person.erased
    if not forgotten and (chosen is None or chosen.suggestions):
        await people.store_preference(session, wanted.person_id, now(), {"suggestions": False})
    return wanted
