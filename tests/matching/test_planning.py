"""What a round changes: a difference of sets, respectful of answers, quiet about trifles."""

from dataclasses import replace
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.matching.exploration import Exploring
from services.matching.parties import Pair, pair_of
from services.matching.planning import Limits, Plan, Standing, plan_round
from services.matching.scoring import Meeting, Scored
from shared.contracts.matching import SuggestionState

PROPOSED, DECLINED, CONNECTED = SuggestionState.PROPOSED, SuggestionState.DECLINED, SuggestionState.CONNECTED
LIMITS = Limits(per_organisation=3, least_score_in_bursts=0.8, least_change=0.05)
EVERYONE = [UUID(int=number) for number in range(1, 9)]
pairs = st.tuples(st.integers(1, 8), st.integers(1, 8)).filter(lambda p: p[0] != p[1])


def scored(one: int, other: int, score: float) -> Scored:
    """Return a scored pair with one meeting of statements."""
    met = Meeting(score, UUID(int=one * 100 + other), UUID(int=one), UUID(int=other * 100 + one), UUID(int=other))
    return Scored(pair_of(UUID(int=one), UUID(int=other)), score, (met,))


def standing(new: Scored, state: SuggestionState = PROPOSED, answered: bool = False) -> Standing:
    """Return what a round would have stored for a scored pair."""
    met = tuple((each.need_id, each.offer_id) for each in new.meetings)
    return Standing(new.pair, state, answered, new.score, met, reason(new.pair))


def reason(pair: Pair) -> str:
    """Return the reason of a pair."""
    return f"because {pair}"


def plan(
    market: list[Scored],
    stored: list[Standing],
    final: bool = True,
    active: list[UUID] = EVERYONE,
    limits: Limits = LIMITS,
) -> Plan:
    """Plan a round."""
    return plan_round(market, {each.pair: reason(each.pair) for each in market}, stored, active, limits, final)


@st.composite
def markets(draw: st.DrawFn) -> list[Scored]:
    """Draw scored pairs, each once."""
    drawn = draw(st.dictionaries(pairs.map(lambda p: (min(p), max(p))), st.integers(60, 100), max_size=20))
    return [scored(*pair, value / 100) for pair, value in drawn.items()]


EXPLORING = replace(LIMITS, exploring=Exploring(0.2, "seed", "2026-W48"))


@given(markets(), markets(), st.sampled_from((LIMITS, EXPLORING)))
def test_after_any_history_the_live_suggestions_are_those_of_a_first_round(
    before: list[Scored], now: list[Scored], limits: Limits
) -> None:
    fresh = {each.pair for each in plan(now, [], limits=limits).propose}
    stored = [standing(each) for each in plan(before, [], limits=limits).propose]
    changed = plan(now, stored, limits=limits)
    live = {each.pair for each in stored} - set(changed.withdraw) | {each.pair for each in changed.propose}
    assert live == fresh


@given(markets(), st.sampled_from((LIMITS, EXPLORING)))
def test_the_same_round_again_changes_nothing(market: list[Scored], limits: Limits) -> None:
    stored = [standing(each) for each in plan(market, [], limits=limits).propose]
    assert plan(market, stored, limits=limits) == Plan((), (), ())


def test_a_round_says_of_all_it_proposes_how_likely_that_was_and_explores_only_when_all_is_read() -> None:
    market = [scored(one, other, 0.9 + (one * other % 7) / 100) for other in range(1, 9) for one in range(1, other)]
    weeks = [replace(LIMITS, exploring=Exploring(0.2, "seed", str(week))) for week in range(10)]
    plans = [plan(market, [], limits=week) for week in weeks]
    assert any(each.explored for one in plans for each in one.choices.values())
    assert all(0 < one.choices[each.pair].propensity <= 1 for one in plans for each in one.propose)
    in_bursts = [plan(market, [], final=False, limits=week) for week in weeks]
    assert not any(each.explored for one in in_bursts for each in one.choices.values())


@given(markets(), st.data())
def test_declined_and_connected_pairs_are_neither_proposed_nor_withdrawn(
    market: list[Scored], data: st.DataObject
) -> None:
    settled = [standing(each, data.draw(st.sampled_from((DECLINED, CONNECTED))), True) for each in market[::2]]
    result = plan(market, settled)
    touched = {each.pair for each in (*result.propose, *result.change)} | set(result.withdraw)
    assert not touched & {each.pair for each in settled}


def test_an_answered_proposal_is_kept_until_a_side_leaves() -> None:
    one = scored(1, 2, 0.7)
    assert plan([], [standing(one, answered=True)]).withdraw == ()
    assert plan([], [standing(one)]).withdraw == (one.pair,)
    assert plan([], [standing(one, answered=True)], active=EVERYONE[1:]).withdraw == (one.pair,)
    assert plan([], [standing(one, answered=True)], final=False, active=EVERYONE[1:]).withdraw == (one.pair,)


def test_a_trifle_is_not_told_a_change_is() -> None:
    old = standing(scored(1, 2, 0.7))
    assert plan([scored(1, 2, 0.74)], [old]).change == ()
    assert [each.pair for each in plan([scored(1, 2, 0.76)], [old]).change] == [old.pair]
    other_words = Standing(old.pair, PROPOSED, False, 0.7, old.met, "an older reason")
    assert [each.pair for each in plan([scored(1, 2, 0.7)], [other_words]).change] == [old.pair]


def test_in_a_burst_only_very_good_pairs_are_added() -> None:
    stored = [standing(scored(1, 2, 0.7))]
    result = plan([scored(1, 3, 0.9), scored(1, 4, 0.7)], stored, final=False)
    assert [each.score for each in result.propose] == [0.9]
    assert result.withdraw == ()
    assert plan([scored(1, 3, 0.9), scored(1, 4, 0.7)], stored).withdraw == (stored[0].pair,)
