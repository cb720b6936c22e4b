"""A site where suggestions were answered, and the rankers that stand there."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.matching import training
from services.matching.judging import SHADOW
from services.matching.models import RankerRow
from services.matching.ranking.examples import Example
from services.matching.ranking.ranker import Ranker, start_ranker
from services.matching.repository import history
from services.matching.settings import Settings
from services.matching.training import Compared, Taught, compare, learn
from shared.clock import now
from shared.ids import new_id
from tests.matching.conftest import Matching, organisation
from tests.matching.rankings import exposed

SHIPPED = start_ranker()


MANY = list(exposed(300, 0.2))
"""Answers to what a ranker shows, and to some pairs shown by chance."""


def settings_of(matching: Matching) -> Settings:
    """Return the service's settings."""
    assert isinstance(matching.context.settings, Settings)
    return matching.context.settings


async def remember(matching: Matching, examples: Sequence[Example]) -> None:
    """Store scorings and outcomes as rounds and answers would have."""
    async with matching.context.database.transaction() as session:
        await history.add_scorings(
            session,
            [
                {
                    "suggestion_id": new_id(), "version": "1.1", "at": each.shown.at, "first_id": each.pair[0],
                    "second_id": each.pair[1], "score": 0.7, "features": {}, "factors": dict(each.shown.factors),
                    "met": [], "profiles": {}, "encoder": "words", "ranker": SHIPPED.version, "network_until": None,
                    "propensity": each.shown.propensity, "explored": each.shown.explored,
                }
                for each in examples
            ],
        )  # fmt: skip
        for each in examples:
            values = {"id": new_id(), "first_id": each.pair[0], "second_id": each.pair[1], "kind": each.kind}
            await history.add_outcome(session, {**values, "organisation_id": each.pair[0], "at": each.at})


async def stand(matching: Matching, shadow: Ranker, until: Any = None) -> None:
    """Make a ranker the shadow, as if it had been learned until a moment."""
    async with matching.context.database.transaction() as session:
        await training.install_start_ranker(session)
        values = {"version": shadow.version, "state": SHADOW, "parameters": shadow.to_json(), "report": {}}
        assert await history.add_ranker(session, {**values, "made_at": now(), "learned_until": until})


async def states(matching: Matching) -> dict[str, str]:
    """Return the state of every ranker by version."""
    async with matching.context.database.session() as session:
        return {row.version: row.state for row in (await session.scalars(sa.select(RankerRow))).all()}


async def learned(matching: Matching) -> Taught:
    return await learn(matching.context.database, settings_of(matching))


async def compared(matching: Matching) -> Compared:
    return await compare(matching.context.database, settings_of(matching))


NEED, OFFER = "recycling of lithium batteries from electric cars", "we recycle lithium batteries of electric cars"


async def suggested(matching: Matching) -> UUID:
    """Have the leader make one suggestion."""
    matching.engine.settings.round_quiet_seconds = 0
    await matching.hear(
        organisation("Akku", "DE", needs=[NEED], offers=["quiet heat pumps"], sectors=("38.32",)),
        organisation("Pile", "FR", offers=[OFFER], needs=["heat pumps that are quiet"], sectors=("38.32",)),
    )
    await matching.lead()
    (row,) = (await matching.suggestions()).values()
    return row.id
