"""Scores: symmetric, between 0 and 1, made of parts that add up, and the better the more the two have in common."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.parties import Party, may_meet, pair_of
from services.matching.ranking.cooperation import FACTORS, FEW, Actor, KnownPast, RecordedPast
from services.matching.ranking.network import Network, Tie, network_of
from services.matching.ranking.ranker import start_ranker
from services.matching.scoring import BY_REGION, Judge, Meeting, best_first, score_pair, sector_closeness
from shared.contracts.profiles import OrganisationKind

SME = OrganisationKind.SME
JUDGE = Judge(start_ranker())
codes = st.lists(st.sampled_from(["28.99", "28.22", "10.51", "62.10"]), max_size=3).map(tuple)
words = st.lists(st.sampled_from(["en", "de", "fr"]), max_size=3).map(tuple)


def party(number: int, country: str = "DE", **more: object) -> Party:
    """Return an SME with a small id."""
    return Party(UUID(int=number), more.pop("kind", SME), f"Firm {number}", country, **more)  # type: ignore[arg-type]


def meeting(needing: Party, offering: Party, similarity: float, number: int = 1) -> Meeting:
    """Return a meeting of two statements whose ids follow from ``number``."""
    need, offer = UUID(int=1000 + number), UUID(int=2000 + number)
    return Meeting(similarity, need, needing.id, offer, offering.id)


@st.composite
def meetings(draw: st.DrawFn, one: Party, other: Party) -> list[Meeting]:
    """Draw some statements that met, in both directions."""
    drawn = draw(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=6))
    return [
        meeting(*((one, other) if forth else (other, one)), round(value, 4), number)
        for number, (forth, value) in enumerate(drawn)
    ]


@given(st.data(), codes, codes, words, words)
def test_a_score_is_symmetric_bounded_and_the_sum_of_its_parts(
    data: st.DataObject,
    mine: tuple[str, ...],
    theirs: tuple[str, ...],
    my_words: tuple[str, ...],
    their_words: tuple[str, ...],
) -> None:
    one = party(1, sectors=mine, languages=my_words, tags=my_words)
    other = party(2, "FR", sectors=theirs, languages=their_words, tags=their_words)
    met = data.draw(meetings(one, other))
    scored = score_pair(one, other, met, JUDGE)
    assert scored == score_pair(other, one, list(reversed(met)), JUDGE)
    assert scored.features == score_pair(other, one, met, JUDGE).features
    assert 0 < scored.score < 1
    assert abs(sum(scored.features.values()) - scored.score) < 1e-9


@given(st.floats(0, 0.99), st.floats(0, 1))
def test_gaining_both_ways_is_better_than_one_way(best: float, second: float) -> None:
    one, other = party(1), party(2, "FR")
    single = score_pair(one, other, [meeting(one, other, best)], JUDGE)
    both = score_pair(one, other, [meeting(one, other, best), meeting(other, one, min(best, second), 2)], JUDGE)
    assert both.score >= single.score
    assert len(both.meetings) == 2


def test_what_two_have_in_common_speaks_for_them_but_less_than_their_statements() -> None:
    plain = score_pair(party(1), party(2, "FR"), [meeting(party(1), party(2), 0.6)], JUDGE)
    alike = {"sectors": ("28.99",), "languages": ("en",), "tags": ("low-carbon",)}
    close = score_pair(party(1, **alike), party(2, "FR", **alike), [meeting(party(1), party(2), 0.6)], JUDGE)
    assert plain.score < close.score < 0.9
    assert set(close.features) == {"before", "statements", "sectors", "languages", "tags", "distance"}
    assert max(close.features, key=lambda name: close.features[name]) == "statements"


def test_having_no_language_in_common_speaks_against_a_pair() -> None:
    strangers = party(1, languages=("de",)), party(2, "FR", languages=("fr",))
    assert score_pair(*strangers, [meeting(*strangers, 0.6)], JUDGE).features["languages"] < 0


def test_common_partners_speak_for_a_pair_and_rare_ones_more() -> None:
    one, other, met = party(1), party(2, "FR"), [meeting(party(1), party(2), 0.6)]
    day = datetime(2026, 11, 1, tzinfo=UTC)
    ties = [Tie(day, side.id, UUID(int=9)) for side in (one, other)]
    crowd = [Tie(day, UUID(int=9), UUID(int=number)) for number in range(20, 60)]
    rare, common = (
        score_pair(one, other, met, Judge(start_ranker(), network_of(each))) for each in (ties, ties + crowd)
    )
    assert score_pair(one, other, met, JUDGE).score < common.score < rare.score
    assert network_of([]) == Network()


BY_KIND = {"circle themes": 0.9, "themes that go together": 0.3, "countries that go together": 0.1, FEW: 1.0}
OF_BOTH = dict.fromkeys(FACTORS, 1.0)


def test_common_partners_are_told_beside_themes_unless_the_partners_themselves_are() -> None:
    one, other, met = party(1), party(2, "FR"), [meeting(party(1), party(2), 0.6)]
    day = datetime(2026, 11, 1, tzinfo=UTC)
    network = network_of([Tie(day, side.id, UUID(int=9)) for side in (one, other)])
    for past, told in (({}, True), (BY_KIND, True), (OF_BOTH, False)):
        scored = score_pair(one, other, met, Judge(start_ranker(), network, RecordedPast(past)))
        assert ("network" in scored.factors) is told
        assert scored.factors.items() >= past.items()
        assert sum(scored.features.values()) == pytest.approx(scored.score, abs=1e-9)
        assert scored.features.keys() >= {"network"} if told else scored.features.keys() >= {"circle themes", "reach"}


@pytest.mark.parametrize("kept", [{"network": 0.9}, {"network": 0.0}, OF_BOTH, {**BY_KIND, "network": 0.9}])
def test_what_a_scoring_has_kept_of_the_past_is_all_that_its_replay_is_told(kept: dict[str, float]) -> None:
    """The first and third are all that scorings of before could keep: common partners, or every factor of the past."""
    one, other, met = party(1), party(2, "FR"), [meeting(party(1), party(2), 0.6)]
    again = score_pair(one, other, met, Judge(start_ranker(), past=RecordedPast(kept)))
    assert {name: value for name, value in again.factors.items() if name in {*FACTORS, FEW, "network"}} == kept


def test_one_that_is_known_well_and_one_with_a_single_tie_are_scored_and_replayed_alike() -> None:
    names = [UUID(int=number) for number in range(1, 9)]
    ties = [(names[one], names[(one + step) % 7]) for one in range(7) for step in (1, 2)] + [(names[0], names[7])]
    past = KnownPast({each: Actor({"28": 1.0}, "DE", 1) for each in names}, ties)
    one, other, met = party(3), party(8, "FR"), [meeting(party(3), party(8), 0.6)]
    scored = score_pair(one, other, met, Judge(start_ranker(), past=past))
    assert scored.factors.keys() >= {*BY_KIND, "network"}
    assert not scored.factors.keys() & {"reach", "partners"}
    assert scored.features[FEW] > 0
    assert sum(scored.features.values()) == pytest.approx(scored.score, abs=1e-9)
    again = score_pair(other, one, met, Judge(start_ranker(), past=RecordedPast(scored.factors)))
    assert (again, again.features, again.factors) == (scored, scored.features, scored.factors)
    stranger = score_pair(one, party(9, "FR"), [meeting(one, party(9), 0.6)], Judge(start_ranker(), past=past))
    assert not stranger.factors.keys() & BY_KIND.keys(), "of one without any tie nothing is said"


def test_a_replay_that_forgot_common_partners_would_differ() -> None:
    """Negative control of the test above."""
    one, other, met = party(1), party(2, "FR"), [meeting(party(1), party(2), 0.6)]
    kept, forgot = (Judge(start_ranker(), past=RecordedPast(each)) for each in ({"network": 0.9}, {}))
    assert score_pair(one, other, met, kept).score != score_pair(one, other, met, forgot).score


def test_a_ranker_that_was_learned_before_hears_nothing_of_a_pair_of_which_one_is_hardly_known() -> None:
    """It would hold few partners against them: its curves of themes and countries have nothing beside them."""
    start, one, other, met = start_ranker(), party(1), party(2, "FR"), [meeting(party(1), party(2), 0.6)]
    before = replace(start, curves={name: each for name, each in start.curves.items() if name != FEW})
    for ranker, told in ((before, set[str]()), (start, set(BY_KIND))):
        scored = score_pair(one, other, met, Judge(ranker, past=RecordedPast(BY_KIND)))
        assert scored.factors.keys() & BY_KIND.keys() == told
        again = score_pair(one, other, met, Judge(ranker, past=RecordedPast(scored.factors)))
        assert (again.score, again.factors) == (scored.score, scored.factors)
    old = {name: each for name, each in BY_KIND.items() if name != FEW}
    kept = score_pair(one, other, met, Judge(before, past=RecordedPast(OF_BOTH | old)))
    assert kept.factors.keys() >= set(FACTORS), "what it knew of two that are known well it is told as before"


def distance(one: Party, other: Party) -> dict[str, float]:
    """Return what a score knows of the way between two."""
    known = score_pair(one, other, [meeting(one, other, 0.6)], JUDGE).factors
    return {name: value for name, value in known.items() if name in ("distance", BY_REGION)}


def test_two_regions_that_are_known_say_how_far_it_is_else_the_countries_do() -> None:
    freiburg, strasbourg = party(1, region="DE132"), party(2, "FR", region="FRF11")
    assert distance(freiburg, strasbourg) == {"distance": pytest.approx(0.065, abs=0.015), BY_REGION: 1.0}
    by_country = {"distance": pytest.approx(0.88, abs=0.03)}
    for one, other in ((party(1), strasbourg), (freiburg, party(2, "FR")), (freiburg, party(2, "FR", region="FR999"))):
        assert distance(one, other) == distance(party(1), party(2, "FR")) == by_country
    assert distance(party(1, "ZZ"), strasbourg) == {}


@given(st.floats(0, 20), st.floats(0, 20))
def test_farther_is_never_better(one: float, other: float) -> None:
    nearer, farther = (start_ranker().judge({"distance": each}).score for each in sorted((one, other)))
    assert nearer >= farther


def test_sectors_are_close_by_class_or_by_division() -> None:
    assert sector_closeness(["28.99"], ["28.99", "10.51"]) == 1
    assert sector_closeness(["28.99"], ["28.22"]) == 0.5
    assert sector_closeness(["28.99"], ["10.51"]) == 0
    assert sector_closeness([], []) == 0


def test_some_may_not_meet() -> None:
    sme = party(1)
    assert may_meet(sme, party(2, "FR"))
    assert not may_meet(sme, party(2, "DE"))
    assert not may_meet(sme, party(2, "FR", kind=OrganisationKind.PUBLIC_AUTHORITY))
    assert not may_meet(sme, party(2, "FR", clusters=(sme.id,)))
    assert not may_meet(party(1, undertaking_group="G"), party(2, "FR", undertaking_group="G"))
    assert may_meet(party(1, undertaking_group=""), party(2, "FR", undertaking_group=""))


@given(st.permutations(range(3)), st.floats(0.3, 0.9))
def test_pairs_below_the_quality_floor_are_left_out_and_order_does_not_matter(order: list[int], floor: float) -> None:
    one, two, three = party(1), party(2, "FR"), party(3, "PL")
    scored = [
        score_pair(one, two, [meeting(one, two, 0.9, 1), meeting(two, one, 0.5, 2)], JUDGE),
        score_pair(one, three, [meeting(one, three, 0.7, 3), meeting(three, one, 0.2, 4)], JUDGE),
        score_pair(two, three, [meeting(two, three, 0.4, 5), meeting(three, two, 0.35, 6)], JUDGE),
    ]
    best = best_first([scored[each] for each in order], floor)
    assert best == best_first(scored, floor)
    assert set(best) == {each for each in scored if each.score >= floor}
    assert [each.score for each in best] == sorted((each.score for each in best), reverse=True)
    assert best[0].pair == pair_of(one.id, two.id)
