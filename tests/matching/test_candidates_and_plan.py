"""Candidates and the plan made of them, both kept from round to round, against both worked out anew each time."""

from dataclasses import dataclass, field, replace
from datetime import date
from random import Random
from uuid import UUID

import numpy as np
import pytest

from services.matching import considering, live_plan
from services.matching.considering import Candidates, Changes, Considering
from services.matching.exploration import Exploring
from services.matching.firms import Firms
from services.matching.live_plan import LivePlan, Situation
from services.matching.parties import Pair, Party, firm_of
from services.matching.planning import Limits, Plan, Standing, plan_round
from services.matching.ranking.ranker import start_ranker
from services.matching.scoring import Judge, Scored
from services.matching.search import Indexed
from services.matching.store import StatementStore, index_of
from shared.contracts.matching import CallFit, SuggestionState
from shared.contracts.profiles import OrganisationKind
from tests.matching.test_live_plan import are_equal
from tests.matching.test_meetings import some
from tests.matching.test_search import CALIBRATIONS, COUNTRIES

SIZE, STATEMENTS, STEPS, NAMES = 14, 2, 8, 5
LEAST = (0.5, 0.3)
LIMITS = Limits(2, 0.8, 0.05, Exploring(0.2, "seed", "1"))
JUDGE = Judge(start_ranker())
SEEDS = range(11, 27)
"""The first has someone leave and come back whose answered pair meets no more: only whole organisations tell of it."""


@dataclass
class Town:
    """Organisations with few names among them: many are registered twice. ``calls`` counts how often calls changed."""

    seed: int
    stored: dict[int, Indexed] = field(default_factory=dict)
    standing: dict[Pair, Standing] = field(default_factory=dict)
    changed: set[Pair] = field(default_factory=set)
    calls: int = 0

    def __post_init__(self) -> None:
        self.chance, self.vectors = Random(self.seed), np.random.default_rng(self.seed)
        self.store = StatementStore(CALIBRATIONS)
        self.parties = {
            each: Party(UUID(int=each), OrganisationKind.SME, self._name(), self.chance.choice(COUNTRIES))
            for each in range(1, SIZE + 1)
        }
        for each in self.parties:
            self._say(each)

    def _name(self) -> str:
        return f"Firm {self.chance.randrange(NAMES)}"

    def _say(self, organisation: int) -> None:
        for number in range(STATEMENTS * organisation, STATEMENTS * (organisation + 1)):
            entry = some(self.vectors, number)
            fact = replace(entry.statement, organisation_id=UUID(int=organisation))
            self.stored[number] = replace(entry, statement=fact, country=self.parties[organisation].country)
            self.store.put([self.stored[number]])

    def _leave(self, organisation: int) -> None:
        for number in range(STATEMENTS * organisation, STATEMENTS * (organisation + 1)):
            del self.stored[number]
            self.store.drop([UUID(int=number)])

    def there(self) -> dict[UUID, Party]:
        """Return who takes part."""
        return {UUID(int=each): party for each, party in self.parties.items() if STATEMENTS * each in self.stored}

    def of(self, organisation: UUID) -> list[Pair]:
        """Return the pairs that an organisation stands in."""
        return [pair for pair in self.standing if organisation in pair]

    def happen(self) -> None:
        """Let some pairs be answered, now and then calls come or go, who left come back, and others change or leave."""
        for pair in sorted(self.standing):
            if self.chance.random() < 0.3:
                state = self.chance.choice(list(SuggestionState)[:3])
                self.standing[pair] = replace(self.standing[pair], state=state, answered=True)
                self.changed.add(pair)
        self.calls += self.chance.random() < 0.3
        for one in [each for each in self.parties if STATEMENTS * each not in self.stored]:
            if self.chance.random() < 0.4:
                self.parties[one] = replace(self.parties[one])
                self._say(one)
        for _ in range(self.chance.choice((0, 1, 1, 2))):
            one, what = self.chance.randint(1, SIZE), self.chance.random()
            if STATEMENTS * one not in self.stored:
                continue
            self.parties[one] = replace(self.parties[one])
            if what < 0.3:
                self.parties[one] = replace(self.parties[one], name=self._name())
            elif what < 0.6:
                self._leave(one)
            elif what < 0.7:
                self.parties[one] = replace(self.parties[one], country=self.chance.choice(COUNTRIES))
                self._say(one)
            else:
                self._say(one)

    def call_of(self, pair: Pair) -> CallFit | None:
        """Return a call for some pairs, which are others whenever calls have changed."""
        first, second = (each.int for each in pair)
        if (first * second + self.calls) % 3 == 0:
            return None
        return CallFit(
            call_id=UUID(int=self.calls + 1), title="call", language="en", deadline=date(2027, 1, 1),
            first_similarity=0.9, second_similarity=0.9, first_statement_id=UUID(int=STATEMENTS * first),
            second_statement_id=UUID(int=STATEMENTS * second),
        )  # fmt: skip

    def write(self, plan: Plan, found: Candidates) -> None:
        """Have most of a plan stand; the rest was changed meanwhile."""
        self.changed = set()
        named = {each.pair: plan.calls.get(each.pair) for each in (*plan.propose, *plan.change)}
        for each in (*plan.propose, *plan.change):
            if self.chance.random() < 0.85:
                met = tuple((one.need_id, one.offer_id) for one in each.meetings)
                state, reason, call = SuggestionState.PROPOSED, found.reasons[each.pair], named[each.pair]
                self.standing[each.pair] = Standing(each.pair, state, False, each.score, met, reason, call)
                self.changed.add(each.pair)
        for pair in (*plan.withdraw, *plan.recall):
            if self.chance.random() < 0.85:
                self.changed.add(pair)
                if pair in plan.recall:
                    self.standing[pair] = replace(self.standing[pair], call=plan.calls.get(pair))
                else:
                    del self.standing[pair]


def one_of_each_two_firms(scored: dict[Pair, Scored], there: dict[UUID, Party]) -> list[Scored]:
    """Return the best pair of each two firms, without anything that was kept."""
    firm = {each: (firm_of(party), party.country) for each, party in there.items()}
    best: dict[frozenset[object], Scored] = {}
    for each in sorted(scored.values(), key=lambda one: (-one.score, one.pair)):
        best.setdefault(frozenset(firm[side] for side in each.pair), each)
    return list(best.values())


def is_right_all_along(seed: int) -> bool:
    """Let a town go through a history; tell whether what is kept gave the plan of everything anew in each round."""
    town, kept, planning = Town(seed), Considering(*LEAST), LivePlan()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live_plan, "MANY", 10.0)
        for _ in range(STEPS):
            there, final = town.there(), town.chance.random() < 0.8
            found = kept.candidates(town.store.snapshot(), there, JUDGE)
            fresh = Considering(*LEAST).candidates(index_of(town.stored.values(), CALIBRATIONS), there, JUDGE)
            singles = one_of_each_two_firms(dict(fresh.by_pair), there)
            standing, active = list(town.standing.values()), there.keys()
            anew = plan_round(singles, fresh.reasons, standing, active, LIMITS, final, town.call_of)
            now = Situation(
                found, dict(town.standing), town.changed, town.of, active, LIMITS, town.call_of, town.calls
            )  # fmt: skip
            plan = planning.plan(now, final)
            if not are_equal(plan, anew):
                return False
            town.write(plan, found)
            town.happen()
    return True


def is_right_or_breaks(seed: int) -> bool:
    """Tell the same, also of a plan that can't even be made of what is missing."""
    try:
        return is_right_all_along(seed)
    except (LookupError, ArithmeticError):
        return False


@pytest.mark.parametrize("seed", SEEDS)
def test_after_any_history_kept_candidates_give_the_plan_of_everything_anew(seed: int) -> None:
    assert is_right_all_along(seed)


@pytest.mark.parametrize("what", ["doubles", "firms", "pairs", "organisations", "calls"])
def test_negative_control_what_is_not_told_to_the_plan_is_seen(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    sort_out, take_over = Firms.sort_out, Firms.take_over

    def silent(whole: object) -> object:
        def call(self: Firms, *arguments: object) -> set[object]:
            whole(self, *arguments)  # type: ignore[operator]
            return set()

        return call

    if what == "doubles":
        monkeypatch.setattr(Firms, "sort_out", silent(sort_out))
    elif what == "firms":
        monkeypatch.setattr(Firms, "take_over", silent(take_over))
    elif what == "calls":
        concerned = LivePlan._concerned
        monkeypatch.setattr(LivePlan, "_concerned", lambda self, now: concerned(self, replace(now, calls=None)))
    else:
        keeps = what == "organisations"
        monkeypatch.setattr(
            considering, "Changes", lambda pairs, others: Changes(pairs, set()) if keeps else Changes(set(), others)
        )
    assert not all(map(is_right_or_breaks, SEEDS))
