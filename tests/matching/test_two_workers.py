"""Rounds are held by one leader; whichever process that is, and even if two were at once, the rows are the same."""

import asyncio
from collections.abc import Callable

import pytest

from services.matching.encoder.encoder import Encoder
from services.matching.encoder.fusion import load_fusion
from services.matching.engine import Engine
from services.matching.rounds import run_round
from services.matching.settings import Settings
from shared.context import Context
from shared.contracts.profiles import OrganisationSnapshot
from tests.matching.conftest import Matching, organisation, word_models

COUNTRIES = ("DE", "FR", "IT", "PL")
SAID = ("recycling of lithium batteries", "sensors for greenhouses", "membranes for sea water", "batteries for ships")


def changes() -> list[list[OrganisationSnapshot]]:
    """Return what is heard before each round: firms come, say something else, and say nothing any more."""
    return [
        [
            organisation(
                f"Firm {number}",
                COUNTRIES[number % 4],
                needs=[SAID[(number + step) % 4]],
                offers=[SAID[(number * step) % 4]] if (number + step) % 5 else [],
                n=step + 1,
            )
            for number in range(12)
            if step == 0 or number % 3 == step % 3
        ]
        for step in range(4)
    ]


def process(context: Context) -> Engine:
    """Return the engine of one more process on the same database."""
    assert isinstance(context.settings, Settings)
    return Engine(context.settings, Encoder(word_models(), load_fusion()))


async def rows_after(context: Context, workers: int, at_once: bool) -> dict[frozenset[str], tuple[object, ...]]:
    """Let processes hold the rounds of a history, in turn or all at once; return the suggestions that stand then."""
    engines = [process(context) for _ in range(workers)]
    context.state.engine = engines[0]
    matching = Matching(context, word_models())
    for step, heard in enumerate(changes()):
        await matching.hear(*heard)
        await matching.read()
        holding = engines if at_once else [engines[step % workers]]
        await asyncio.gather(*(run_round(context.database, each) for each in holding))
    found = await matching.suggestions(state=None)
    return {pair: (row.state, row.score, row.reason, row.evidence) for pair, row in found.items()}


@pytest.mark.parametrize("at_once", [False, True], ids=["in turn", "at once"])
async def test_two_workers_have_the_same_result_as_one(context: Callable[..., Context], at_once: bool) -> None:
    alone = await rows_after(context("matching"), 1, at_once)
    assert {state for state, *_ in alone.values()} == {"proposed", "withdrawn"}
    assert await rows_after(context("matching"), 2, at_once) == alone


async def test_a_worker_that_followed_nothing_would_have_another_result(
    context: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: the second process looks at the database once and never again."""
    alone = await rows_after(context("matching"), 1, False)
    from services.matching.world import World

    refresh = World.refresh

    async def once(self: World, session: object, every_seconds: float = 0.0) -> int:
        return 0 if self.known else await refresh(self, session, every_seconds)  # type: ignore[arg-type]

    monkeypatch.setattr(World, "refresh", once)
    assert await rows_after(context("matching"), 2, False) != alone
