"""SQL for suggestions: the live ones of a round, answers under a row lock, lists scoped to who asks."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.matching.models import Organisation, Suggestion
from services.matching.parties import Pair
from shared.contracts.matching import Answer, SuggestionState
from shared.contracts.profiles import OrganisationStatus


@dataclass(frozen=True)
class Scope:
    """Whose suggestions the caller may see: everybody's, or those of some organisations and of some clusters'
    members.
    """

    everything: bool = False
    organisations: frozenset[UUID] = frozenset()
    clusters: frozenset[UUID] = frozenset()

    def condition(self, organisation_id: Any) -> sa.ColumnElement[bool]:
        """Return the SQL condition that this organisation (a column or a value) lies within the scope."""
        if self.everything:
            return sa.true()
        members = sa.select(col(Organisation.id)).where(
            col(Organisation.clusters).op("&&")(sa.cast(list(self.clusters), ARRAY(sa.Uuid)))
        )
        own = sa.literal(organisation_id, sa.Uuid) if isinstance(organisation_id, UUID) else organisation_id
        return sa.or_(own.in_(self.organisations), own.in_(members))


async def may_see_organisation(session: AsyncSession, scope: Scope, organisation_id: UUID) -> bool:
    """Whether an organisation's suggestions lie within the caller's scope."""
    return bool(await session.scalar(sa.select(scope.condition(organisation_id))))


async def within(session: AsyncSession, scope: Scope, organisation_ids: Collection[UUID]) -> set[UUID]:
    """Return those of the organisations that lie within the caller's scope."""
    query = sa.select(col(Organisation.id)).where(col(Organisation.id).in_(organisation_ids))
    return set(await session.scalars(query.where(scope.condition(col(Organisation.id)))))


def _within(scope: Scope) -> sa.ColumnElement[bool]:
    return sa.or_(scope.condition(col(Suggestion.first_id)), scope.condition(col(Suggestion.second_id)))


def _of(organisation_id: UUID) -> sa.ColumnElement[bool]:
    return sa.or_(col(Suggestion.first_id) == organisation_id, col(Suggestion.second_id) == organisation_id)


def _shown_as(state: SuggestionState, scope: Scope) -> sa.ColumnElement[bool]:
    stored = col(Suggestion.state)
    own_decline = sa.or_(
        *(
            sa.and_(answer.is_not_distinct_from(Answer.NOT_INTERESTED), scope.condition(side))
            for answer, side in (
                (col(Suggestion.first_answer), col(Suggestion.first_id)),
                (col(Suggestion.second_answer), col(Suggestion.second_id)),
            )
        )
    )
    if state is SuggestionState.DECLINED:
        return sa.and_(stored == state, own_decline)
    if state is SuggestionState.WITHDRAWN:
        return sa.or_(stored == state, sa.and_(stored == SuggestionState.DECLINED, sa.not_(own_decline)))
    return stored == state


async def page(
    session: AsyncSession,
    scope: Scope,
    limit: int,
    after: tuple[float, UUID] | None = None,
    organisation_id: UUID | None = None,
    state: SuggestionState | None = None,
) -> Sequence[Suggestion]:
    """Return suggestions within the scope, best score first; ``after`` is the last one of the page before.

    ``state`` is as it is shown: ``declined`` only to the side that has declined, ``withdrawn`` to the other one.
    """
    query = sa.select(Suggestion).where(_within(scope))
    if organisation_id is not None:
        query = query.where(_of(organisation_id))
    if state is not None:
        query = query.where(_shown_as(state, scope))
    if after is not None:
        score, last = after
        same_score = sa.and_(col(Suggestion.score) == score, col(Suggestion.id) > last)
        query = query.where(sa.or_(col(Suggestion.score) < score, same_score))
    query = query.order_by(col(Suggestion.score).desc(), col(Suggestion.id)).limit(limit)
    return (await session.scalars(query)).all()


async def find(session: AsyncSession, scope: Scope, suggestion_id: UUID) -> Suggestion | None:
    """Return a suggestion, ``None`` when there is none or the caller may not see it."""
    query = sa.select(Suggestion).where(col(Suggestion.id) == suggestion_id, _within(scope))
    return (await session.scalars(query)).one_or_none()


async def lock(session: AsyncSession, suggestion_id: UUID) -> Suggestion | None:
    """Return the suggestion with its row locked until the transaction ends: two answers come one after the other."""
    query = sa.select(Suggestion).where(col(Suggestion.id) == suggestion_id).with_for_update()
    return (await session.scalars(query.execution_options(populate_existing=True))).one_or_none()


async def both_active(session: AsyncSession, suggestion: Suggestion) -> bool:
    """Whether both organisations of the pair take part."""
    query = sa.select(sa.func.count()).where(
        col(Organisation.id).in_((suggestion.first_id, suggestion.second_id)),
        col(Organisation.status) == OrganisationStatus.ACTIVE,
    )
    return await session.scalar(query) == 2


async def changed_since(session: AsyncSession, transaction: int | None) -> Sequence[Suggestion]:
    """Return the suggestions that were changed in this transaction or later, and perhaps some more; without one, all
    that are not withdrawn (what a round must respect).
    """
    query = sa.select(Suggestion).execution_options(populate_existing=True)
    if transaction is None:
        query = query.where(col(Suggestion.state) != SuggestionState.WITHDRAWN)
    else:
        since = sa.text("changed_in >= CAST(CAST(:since AS text) AS xid8)").bindparams(since=str(transaction))
        query = query.where(since)
    return (await session.scalars(query)).all()


async def unsettled(session: AsyncSession) -> list[tuple[UUID, int]]:
    """Return the suggestions with answers that no round has seen: id and version number."""
    query = sa.select(col(Suggestion.id), col(Suggestion.version_n)).where(
        sa.not_(col(Suggestion.settled)), col(Suggestion.state) != SuggestionState.WITHDRAWN
    )
    return [(row[0], row[1]) for row in await session.execute(query)]


async def lock_pairs(session: AsyncSession, pairs: Collection[Pair]) -> dict[Pair, Suggestion]:
    """Return the suggestions of these pairs, locked, in the order of their ids (so that two lockers can't cross)."""
    if not pairs:
        return {}
    # Two arrays, not two parameters a pair: a query can have 32,767 of them, and a first round more pairs.
    sides = (sa.cast([pair[side] for pair in pairs], ARRAY(sa.Uuid)) for side in (0, 1))
    wanted = sa.func.unnest(*sides).table_valued("one", "other").render_derived(name="wanted")
    here = sa.and_(col(Suggestion.first_id) == wanted.c.one, col(Suggestion.second_id) == wanted.c.other)
    query = sa.select(Suggestion).join(wanted, here).order_by(col(Suggestion.id)).with_for_update(of=Suggestion)
    rows = (await session.scalars(query.execution_options(populate_existing=True))).all()
    return {(row.first_id, row.second_id): row for row in rows}


async def lock_of_organisation(session: AsyncSession, organisation_id: UUID) -> Sequence[Suggestion]:
    """Return all suggestions of an organisation, locked, ordered by id."""
    query = sa.select(Suggestion).where(_of(organisation_id)).order_by(col(Suggestion.id)).with_for_update()
    return (await session.scalars(query.execution_options(populate_existing=True))).all()


async def insert_new(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> set[UUID]:
    """Insert suggestions; returns the ids of those whose pair was not there yet."""
    if not rows:
        return set()
    statement = insert(Suggestion).on_conflict_do_nothing(constraint="uq_suggestion_pair")
    done = await session.execute(statement.returning(col(Suggestion.id)), rows)
    return set(done.scalars().all())


async def is_round_owed(session: AsyncSession) -> bool:
    """Whether a complete organisation has changed, or an answer was given, since the last round looked."""
    query = sa.text(
        "SELECT EXISTS (SELECT 1 FROM organisation o WHERE o.matched_sequence IS DISTINCT FROM o.change_sequence"
        " AND (o.status <> 'active' OR NOT EXISTS (SELECT 1 FROM statement s"
        " WHERE s.organisation_id = o.id AND s.encoded_with IS NULL)))"
        " OR EXISTS (SELECT 1 FROM suggestion WHERE NOT settled AND state <> 'withdrawn')"
    )
    return bool(await session.scalar(query))


async def anything_to_read(session: AsyncSession) -> bool:
    """Whether a statement of an active organisation waits to be read by the models."""
    query = sa.text(
        "SELECT EXISTS (SELECT 1 FROM statement s JOIN organisation o ON o.id = s.organisation_id"
        " WHERE s.encoded_with IS NULL AND o.status = 'active')"
    )
    return bool(await session.scalar(query))


async def newest_change(session: AsyncSession) -> int:
    """Return the highest change number given out so far (also those of open transactions): it moves while a burst
    lasts.
    """
    return int(await session.scalar(sa.text("SELECT last_value FROM change_sequence")) or 0)


async def unmatched(session: AsyncSession) -> dict[UUID, int]:
    """Return the organisations of which no round has seen the newest change, with its number."""
    query = sa.text(
        "SELECT id, change_sequence FROM organisation WHERE matched_sequence IS DISTINCT FROM change_sequence"
    )
    return {row[0]: row[1] for row in await session.execute(query)}


async def is_week_owed(session: AsyncSession, week: str) -> bool:
    """Whether lists are not yet those of this week, in which other pairs are explored than in the last one."""
    query = sa.text(
        "SELECT EXISTS (SELECT 1 FROM suggestion) AND NOT EXISTS (SELECT 1 FROM explored_week WHERE week = :week)"
    )
    return bool(await session.scalar(query, {"week": week}))


async def mark_week(session: AsyncSession, week: str) -> None:
    """Note that lists are those of this week."""
    query = "INSERT INTO explored_week (week) VALUES (:week) ON CONFLICT (only_row) DO UPDATE SET week = excluded.week"
    await session.execute(sa.text(query), {"week": week})


async def mark_matched(session: AsyncSession, seen: dict[UUID, int]) -> None:
    """Note which change of each organisation a round has seen; one changed or being changed meanwhile stays owed.

    Rows locked by the consumer are skipped: waiting for them could cross with its own waiting.
    """
    if seen:
        query = sa.text(
            "UPDATE organisation SET matched_sequence = change_sequence WHERE id IN (SELECT o.id FROM organisation o"
            " JOIN unnest(CAST(:ids AS uuid[]), CAST(:changes AS bigint[])) AS seen (id, change)"
            " ON o.id = seen.id AND o.change_sequence = seen.change"
            " WHERE o.matched_sequence IS DISTINCT FROM seen.change FOR UPDATE OF o SKIP LOCKED)"
        )
        await session.execute(query, {"ids": list(seen), "changes": list(seen.values())})


async def mark_settled(session: AsyncSession, seen: Iterable[tuple[UUID, int]]) -> None:
    """Note that a round has seen these answers (suggestion id, version number); a newer answer stays unsettled."""
    keys = list(seen)
    if keys:
        ids, numbers = sa.cast([each for each, _ in keys], ARRAY(sa.Uuid)), [number for _, number in keys]
        seen_ones = (
            sa.func.unnest(ids, sa.cast(numbers, ARRAY(sa.Integer))).table_valued("id", "n").render_derived(name="seen")
        )
        same = sa.and_(col(Suggestion.id) == seen_ones.c.id, col(Suggestion.version_n) == seen_ones.c.n)
        await session.execute(sa.update(Suggestion).where(same).values(settled=True))
