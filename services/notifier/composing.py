"""Use cases of composing: from waiting notices to deliveries. One transaction per mail, and nothing is sent here.

A notice, its delivery and the job that sends it are committed together. Killed before the commit, the notice still
waits; killed after it, the job is there. So no mail is missing and no occasion is in two mails.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier import audience, bundling, deliveries
from services.notifier.consent import SUGGESTIONS, Choice, Consent, Rule, Verdict, verdict
from services.notifier.models import Notice, Organisation, Person, Preference, Suggestion
from services.notifier.repository import deliveries as delivery_rows
from services.notifier.repository import notices as notice_rows
from services.notifier.repository import occasions, people, projections
from services.notifier.settings import Settings
from services.notifier.state import make_settling
from shared.clock import now
from shared.contracts.matching import SuggestionState
from shared.contracts.profiles import OrganisationStatus
from shared.database import Database
from shared.reference.countries import EmailRule, email_rule

BATCH = 200
PEOPLE_AT_ONCE = 40
"""Digests made before looking for other mails again: those never wait behind an import's hundreds."""
HELD_FOR = timedelta(days=30)
"""Suggestions that may not be mailed now are looked at again after this, or as soon as the person's card changes."""
DIGEST_GAP = timedelta(days=1)
"""What did not fit into a mail waits at least this long for the next one."""
LONGEST_PAUSE = timedelta(minutes=1)
NOTICE_PAUSE = timedelta(seconds=1)
GIVE_UP_AFTER = timedelta(days=30)
"""What can't be told for want of a name or a card (an erased organisation) is dropped after this."""


@dataclass(frozen=True)
class Digest:
    """What may be told to one person now; the rest is put off until ``later`` or dropped (``moot``)."""

    chosen: list[Notice]
    moot: list[Notice]
    later: list[tuple[Notice, datetime]]
    notice_first: Notice | None = None


@dataclass(frozen=True)
class Composed:
    """How many notices and people were looked at, and how many people's suggestions have to settle still."""

    looked_at: int
    settling: int


async def compose(database: Database, settings: Settings) -> Composed:
    """Make deliveries of all notices that are due."""
    async with database.session() as session:
        others = await notice_rows.waiting_others(session, now(), BATCH)
        waiting = await notice_rows.waiting_suggestions(session, now(), BATCH * 5)
    for notice_id in others:
        async with database.transaction() as session:
            await _compose_one(session, notice_id)
    settling = make_settling(settings)
    settled = [person_id for person_id, bundle in waiting if settling.settled(bundle, len(waiting), now())]
    for person_id in settled[:PEOPLE_AT_ONCE]:
        async with database.transaction() as session:
            await _compose_suggestions(session, person_id, settings)
    return Composed(len(others) + len(settled[:PEOPLE_AT_ONCE]), len(waiting) - len(settled))


async def _compose_one(session: AsyncSession, notice_id: UUID) -> None:
    notice = await notice_rows.lock_notice(session, notice_id)
    if notice is None:
        return
    occasion = await occasions.occasion(session, notice.occasion_key)
    person = await people.get(session, notice.person_id)
    if occasion is None or (person and person.erased) or now() - notice.created_at > GIVE_UP_AFTER:
        await notice_rows.make_moot(session, [notice_id])
    elif person is None or person.email is None or not await deliveries.facts_are_there(session, occasion, notice):
        # Another topic is behind: card or names have not arrived yet. Look again, less and less often.
        await notice_rows.put_off(session, [notice_id], now() + _pause(notice))
    else:
        await deliveries.queue(session, notice.person_id, notice.organisation_id, notice.key, notice.template, [notice])


async def _compose_suggestions(session: AsyncSession, person_id: UUID, settings: Settings) -> None:
    # The person's row is locked first: two composers, or one and an unsubscribe, take turns.
    person = await people.get(session, person_id, lock=True)
    notices = await notice_rows.lock_suggestions(session, person_id)
    if person is None or person.email is None:
        pause = LONGEST_PAUSE if person is None or not person.erased else HELD_FOR
        await notice_rows.put_off(session, [each.notice_id for each in notices], now() + pause)
        return
    digest = await _digest(session, person, notices, settings)
    await notice_rows.make_moot(session, [each.notice_id for each in digest.moot])
    for moment, put_off in groupby(sorted(digest.later, key=_moment), key=_moment):
        await notice_rows.put_off(session, [notice.notice_id for notice, _ in put_off], moment)
    if digest.notice_first:
        await _queue_notice(session, person, digest.notice_first)
    if digest.chosen:
        first = digest.chosen[0]
        key = f"suggestions:{first.subject_id}:{person_id}"
        await deliveries.queue(session, person_id, first.organisation_id, key, audience.SUGGESTION, digest.chosen)


async def _digest(session: AsyncSession, person: Person, notices: list[Notice], settings: Settings) -> Digest:
    stored = await projections.suggestions(session, [each.subject_id for each in notices])
    sides = {side for each in stored.values() for side in (each.first_id, each.second_id)}
    named = await projections.organisations(session, sides)
    choice = await people.preference(session, person.person_id)
    acts_for = await people.organisations_of(session, person.person_id)
    digest = Digest([], [], [])
    ready: list[Notice] = []
    unnoticed: list[Notice] = []
    for notice in notices:
        suggestion = stored.get(notice.subject_id)
        if suggestion is None or not are_named(suggestion, named):
            _wait_or_drop(digest, notice)
        elif not still_open(suggestion, notice.organisation_id):
            digest.moot.append(notice)
        elif notice.organisation_id not in acts_for:
            # She has left it. Should she come back, her card changes and the notice is due again.
            digest.later.append((notice, now() + HELD_FOR))
        else:
            decided = suggestion_verdict(person, choice, named[notice.organisation_id], settings)
            if decided.allows:
                ready.append(notice)
            else:
                digest.later.append((notice, _look_again(decided, person, settings)))
                if decided is Verdict.NOTICE_FIRST:
                    unnoticed.append(notice)
    if ready:
        moment = await _allowed_from(session, person, choice, settings)
        if moment is None or moment > now():
            digest.later.extend((each, moment or now() + HELD_FOR) for each in ready)
        else:
            ready.sort(key=lambda notice: (-stored[notice.subject_id].score, notice.subject_id))
            digest.chosen.extend(ready[: settings.suggestions_per_mail])
            digest.later.extend((each, now() + DIGEST_GAP) for each in ready[settings.suggestions_per_mail :])
    if unnoticed and not await delivery_rows.has_mail(session, person.person_id, audience.NOTICE):
        return replace(digest, notice_first=unnoticed[0])
    return digest


def _wait_or_drop(digest: Digest, notice: Notice) -> None:
    if now() - notice.created_at > GIVE_UP_AFTER:
        digest.moot.append(notice)
    else:
        digest.later.append((notice, now() + _pause(notice)))


def _look_again(decided: Verdict, person: Person, settings: Settings) -> datetime:
    if decided is Verdict.NOTICE_FIRST or (decided is Verdict.WAIT and person.noticed_at):
        # Not at once, be the period 0: the notice has to be sent first.
        return max((person.noticed_at or now()) + timedelta(days=settings.notice_days), now() + NOTICE_PAUSE)
    return now() + HELD_FOR


def _moment(later: tuple[Notice, datetime]) -> datetime:
    return later[1]


def _pause(notice: Notice) -> timedelta:
    return min(max(now() - notice.created_at, timedelta(milliseconds=200)), LONGEST_PAUSE)


def are_named(suggestion: Suggestion, named: dict[UUID, Organisation]) -> bool:
    """Whether both organisations are known and active.

    One that is withdrawn has its suggestions withdrawn by matching; until we hear of that (or of its return), we wait.
    """
    sides = [named.get(side) for side in (suggestion.first_id, suggestion.second_id)]
    return all(side is not None and side.status == OrganisationStatus.ACTIVE for side in sides)


def still_open(suggestion: Suggestion, own_id: UUID) -> bool:
    """Whether a suggestion still waits for the answer of this side."""
    answer = suggestion.first_answer if suggestion.first_id == own_id else suggestion.second_answer
    return suggestion.state == SuggestionState.PROPOSED and answer is None


def suggestion_verdict(
    person: Person, choice: Preference | None, own: Organisation | None, settings: Settings
) -> Verdict:
    """Whether suggestions for this organisation may be mailed to the person, by her word and its country's rule."""
    known = [each for each in person.consents if each["purpose"] == SUGGESTIONS]
    newest = max(known, key=lambda each: datetime.fromisoformat(each["at"]), default=None)
    consent = None
    if newest:
        at = datetime.fromisoformat(newest["at"])
        consent = Consent(newest["given"], at, newest["source"], newest.get("by_herself", False))
    rule = email_rule(own.country, now().date()) if own and own.country else EmailRule.OPT_IN
    chosen = Choice(choice.suggestions, choice.changed_at) if choice else None
    period = timedelta(days=settings.notice_days)
    return verdict(Rule(rule, period), consent, chosen, person.noticed_at, now())


async def _allowed_from(
    session: AsyncSession, person: Person, choice: Preference | None, settings: Settings
) -> datetime | None:
    cap = settings.suggestion_mails_per_week
    if choice and choice.mails_per_week is not None:
        cap = min(cap, choice.mails_per_week)
    sent = await delivery_rows.suggestion_mails(session, person.person_id, now() - bundling.WEEK)
    moment = bundling.next_under_cap(sent, cap, now())
    hour = choice.delivery_hour if choice else None
    return bundling.next_delivery_hour(moment, hour, person.time_zone or "UTC") if moment else None


async def _queue_notice(session: AsyncSession, person: Person, cause: Notice) -> None:
    key = audience.delivery_key(audience.NOTICE, person.person_id)
    await deliveries.queue(session, person.person_id, cause.organisation_id, key, audience.NOTICE, [])
