"""What is kept of a plan between rounds: after any changes the plan is the one that everything anew would give."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching import live_plan
from services.matching.considering import Candidates, Changes
from services.matching.exploration import Choice, Exploring
from services.matching.live_allocation import LiveAllocation, _Following
from services.matching.live_lottery import LiveLottery
from services.matching.live_plan import LivePlan, Situation
from services.matching.parties import Pair
from services.matching.planning import Limits, Plan, Standing, plan_round
from services.matching.scoring import Scored
from shared.contracts.matching import CallFit, SuggestionState
from tests.matching.test_planning import reason, scored

LIMITS = Limits(3, 0.8, 0.05)
WEEKS = (LIMITS, replace(LIMITS, exploring=Exploring(0.2, "seed", "1")))


def no_call(pair: Pair) -> CallFit | None:
    """Return that no call fits."""
    return None


@dataclass
class Town:
    """Organisations whose candidates, answers and comings and goings are thrown by dice."""

    chance: Random
    size: int
    scored: dict[Pair, Scored] = field(default_factory=dict)
    standing: dict[Pair, Standing] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    reasons: dict[Pair, str] = field(default_factory=dict)
    number: int = 0
    answered: set[Pair] = field(default_factory=set)

    def happen(self, changes: int) -> Changes:
        """Let something happen to some pairs and organisations; return what of it changes candidates."""
        pairs: set[Pair] = set()
        organisations: set[UUID] = set()
        for _ in range(changes):
            one, other = self.chance.sample(range(1, self.size + 1), 2)
            what = self.chance.random()
            if what < 0.1:
                (self.gone.discard if one in self.gone else self.gone.add)(one)
                organisations.add(UUID(int=one))
                touched = [pair for pair in self.scored if UUID(int=one) in pair]
                pairs.update(touched)
                for pair in touched:
                    del self.scored[pair]
            elif what < 0.3 and self.standing:
                self._answer(self.chance.choice(sorted(self.standing)))
            elif not {one, other} & self.gone:
                new = scored(one, other, self.chance.randint(60, 90) / 100)
                pairs.add(new.pair)
                self.scored.pop(new.pair, None)
                if self.chance.random() < 0.8:
                    self.scored[new.pair] = new
                    self.reasons[new.pair] = reason(new.pair) + self.chance.choice("?!")
        return Changes(pairs, organisations)

    def _answer(self, pair: Pair) -> None:
        state = self.chance.choice(list(SuggestionState)[:3])
        self.standing[pair] = replace(self.standing[pair], state=state, answered=self.chance.random() < 0.7)
        self.answered.add(pair)

    def situation(self, changes: Changes | None, limits: Limits) -> Situation:
        """Return what a round finds."""
        self.number += 1
        candidates = Candidates(dict(self.scored), self.reasons, {}, frozenset(), self.number, changes)
        active = {UUID(int=each) for each in range(1, self.size + 1) if each not in self.gone}
        answered, self.answered = self.answered, set()

        def of(organisation_id: UUID) -> list[Pair]:
            return [pair for pair in self.standing if organisation_id in pair]

        return Situation(candidates, dict(self.standing), answered, of, active, limits, no_call)

    def write(self, plan: Plan, failing: float) -> None:
        """Have most of a plan stand; the rest was changed meanwhile."""
        for each in (*plan.propose, *plan.change):
            if self.chance.random() >= failing:
                met = tuple((one.need_id, one.offer_id) for one in each.meetings)
                self.standing[each.pair] = Standing(
                    each.pair, SuggestionState.PROPOSED, False, each.score, met, self.reasons[each.pair]
                )
                self.answered.add(each.pair)
        for pair in plan.withdraw:
            if self.chance.random() >= failing:
                del self.standing[pair]
                self.answered.add(pair)


def rounds(seed: int, many: float, steps: int = 8) -> Iterator[tuple[Plan, Plan, bool]]:
    """Yield what is planned round by round, what would be planned of everything anew, and whether the first was made
    by following what has changed.
    """
    chance = Random(seed)
    town, kept = Town(chance, chance.choice((6, 12, 24))), LivePlan()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live_plan, "MANY", many)
        for step in range(steps):
            changes = town.happen(chance.choice((1, 2, 40)) if step else 200)
            now = town.situation(changes if step else None, WEEKS[chance.random() < 0.8])
            final = chance.random() < 0.8
            anew = plan_round(
                now.candidates.singles, now.candidates.reasons, list(now.standing.values()), now.active, now.limits,
                final, now.call_of,
            )  # fmt: skip
            plan = kept.plan(now, final)
            yield plan, anew, final and not kept.choices
            town.write(plan, 0.2)


def are_equal(plan: Plan, anew: Plan, followed: bool = True) -> bool:
    """Whether two plans are the same, and say as likely what they show."""
    told = [each.pair for each in (*plan.propose, *plan.change)]
    shown = [(plan.choices[pair], anew.choices[pair]) for pair in told if pair in anew.choices]
    return plan == anew and all(
        one.explored == other.explored and one.propensity == pytest.approx(other.propensity, abs=1e-12)
        for one, other in shown
    )


@pytest.mark.parametrize("many", [0.02, 10.0])
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1_000_000))
def test_after_any_history_a_kept_plan_is_the_one_of_everything_anew(many: float, seed: int) -> None:
    assert all(are_equal(*both) for both in rounds(seed, many))


def is_explored_somewhere(seeds: range) -> bool:
    """Whether these histories have something explored, and something that gives way, in what is followed."""
    told = [
        choice
        for seed in seeds
        for plan, _, followed in rounds(seed, 10.0)
        if followed
        for choice in plan.choices.values()
    ]
    return any(each.explored for each in told) and any(0.5 < each.propensity < 1 for each in told)


def test_the_histories_above_explore() -> None:
    assert is_explored_somewhere(range(20))


def test_negative_control_what_is_allocated_anew_does_not_count_as_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LiveLottery, "choice", lambda self, scored: Choice(scored))
    assert not is_explored_somewhere(range(20))


@pytest.mark.parametrize(
    ("owner", "guard", "careless"),
    [
        (_Following, "after", lambda self, side, event: None),
        (LiveAllocation, "change", lambda self, gone, new, kept: {}),
        (LiveLottery, "_name", lambda self, moved, doubtful: set()),
        (LiveLottery, "_draw", lambda self, gone, reached, moved: set()),
        (
            LivePlan,
            "_concerned",
            lambda self, now: set(now.candidates.changes.pairs) if now.candidates.changes else set(),
        ),
    ],
)
def test_negative_control_a_change_that_is_not_followed_is_seen(
    monkeypatch: pytest.MonkeyPatch, owner: type, guard: str, careless: object
) -> None:
    monkeypatch.setattr(owner, guard, careless)
    assert not all(are_equal(*both) for seed in range(20) for both in rounds(seed, 10.0))
