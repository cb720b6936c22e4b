"""Comparing two rankers: by more than chance, on answers that neither has seen."""

import json
from dataclasses import replace
from datetime import timedelta
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from services.matching.ranking.diagram import reliability_svg
from services.matching.ranking.examples import Example, Memory, Told, labels_of, values_of, weights_of
from services.matching.ranking.learning import learn_ranker, probabilities
from services.matching.ranking.measuring import compare_rankers, measures
from services.matching.ranking.ranker import Ranker, start_ranker
from services.matching.settings import Settings
from services.matching.training import Step, hold_against
from tests.matching.rankings import BEGIN, SECTORS_FIRST, answers, exposed, taste

SHIPPED = start_ranker()


def memory_of(examples: list[Example]) -> Memory:
    """Return the past that such examples come from."""
    outcomes = [Told(each.pair, each.kind, each.at, each.pair[0]) for each in examples]
    return Memory([each.shown for each in examples], outcomes)


def test_the_measures_are_those_of_scikit_learn() -> None:
    examples = list(exposed(400, 0.2))
    labels, weights = labels_of(examples), weights_of(examples)
    foreseen = probabilities(SHIPPED, values_of(examples))
    found = measures(SHIPPED, examples)
    assert found["log_loss"] == pytest.approx(log_loss(labels, foreseen, sample_weight=weights), abs=1e-4)
    assert found["brier"] == pytest.approx(brier_score_loss(labels, foreseen, sample_weight=weights), abs=1e-4)
    assert found["auc"] == pytest.approx(roc_auc_score(labels, foreseen, sample_weight=weights), abs=1e-4)


def test_a_reliability_table_has_every_answer_once_and_rises_in_what_was_foreseen() -> None:
    table = measures(SHIPPED, answers(SHIPPED, 1003))["reliability"]
    assert len(table) == 10
    assert sum(each["count"] for each in table) == 1003
    assert [each["predicted"] for each in table] == sorted(each["predicted"] for each in table)
    assert max(abs(each["predicted"] - each["observed"]) for each in table) < 0.15  # it is the answerers' own ranker


def test_who_knows_the_answerers_taste_takes_over_and_not_the_other_way_round() -> None:
    found = answers(SECTORS_FIRST, 400)
    assert compare_rankers(SHIPPED, SECTORS_FIRST, found).better
    assert not compare_rankers(SECTORS_FIRST, SHIPPED, found).better


def test_a_ranker_is_no_better_than_itself() -> None:
    found = compare_rankers(SHIPPED, SHIPPED, answers(SHIPPED, 100))
    assert (found.gain, found.auc_gain, found.better) == (0, 0, False)


def test_a_lead_within_chance_does_not_win() -> None:
    """Of rankers that differ by a hair, the one that happened to be right does not take over."""
    hair = replace(SHIPPED, intercept=SHIPPED.intercept + 0.02)
    chances = [compare_rankers(SHIPPED, hair, answers(SHIPPED, 60, seed)) for seed in range(40)]
    assert any(each.gain > 0 for each in chances)
    assert sum(each.better for each in chances) < 20  # one standard error: about one in six
    assert sum(each.gain > 0 for each in chances) > sum(each.better for each in chances)


def test_who_is_better_calibrated_but_tells_good_from_bad_worse_does_not_win() -> None:
    blind = Ranker(float(np.log(labels_of(HARSH).mean() / (1 - labels_of(HARSH).mean()))), {})
    found = compare_rankers(SHIPPED, blind, HARSH)
    assert found.gain > found.gain_error
    assert found.auc_gain is not None
    assert found.auc_error is not None
    assert found.auc_gain < -found.auc_error
    assert not found.better


HARSH = answers(replace(SHIPPED, intercept=-4.5), 400)
"""Answers in the shipped ranker's taste, but with far fewer yeses."""


def test_the_errors_are_about_those_of_drawing_the_pairs_again() -> None:
    examples = list(exposed(600, 0.3))
    found = compare_rankers(SHIPPED, SECTORS_FIRST, examples)
    random = np.random.default_rng(5)
    again = [
        compare_rankers(SHIPPED, SECTORS_FIRST, [examples[at] for at in random.integers(0, 600, 600)])
        for _ in range(120)
    ]
    assert found.gain_error == pytest.approx(np.std([each.gain for each in again]), rel=0.3)
    assert found.auc_error == pytest.approx(np.std([each.auc_gain or 0 for each in again]), rel=0.3)


def test_the_two_answers_of_a_pair_are_no_two_witnesses() -> None:
    once = answers(SECTORS_FIRST, 200)
    single, double = (compare_rankers(SHIPPED, SECTORS_FIRST, each) for each in (once, [*once, *once]))
    assert double.gain == pytest.approx(single.gain)
    assert double.gain_error == pytest.approx(single.gain_error)


def test_answers_of_one_kind_decide_nothing() -> None:
    liked = [each for each in answers(SHIPPED, 200) if each.good]
    found = compare_rankers(SHIPPED, replace(SHIPPED, intercept=5.0), liked)
    assert not found.sayable
    assert not found.better
    assert hold_against(SHIPPED, SECTORS_FIRST, memory_of(liked), None, Settings()).step is Step.FEW_NEW_ANSWERS


def test_one_pair_decides_nothing_whatever_both_sides_say() -> None:
    yes, no = (next(each for each in answers(SHIPPED, 50) if each.good is good) for good in (True, False))
    found = compare_rankers(SHIPPED, SECTORS_FIRST, [yes, replace(no, pair=yes.pair)])
    assert not found.sayable
    assert "Infinity" not in json.dumps(found.to_json())


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 60), st.integers(0, 9))
def test_whoever_is_compared_at_most_one_of_the_two_is_better(count: int, seed: int) -> None:
    found = list(exposed(count, 0.1, seed))
    assert not (
        compare_rankers(SHIPPED, SECTORS_FIRST, found).better and compare_rankers(SECTORS_FIRST, SHIPPED, found).better
    )


def test_only_answers_that_neither_has_seen_are_compared() -> None:
    found = answers(SECTORS_FIRST, 200)
    seen = BEGIN + timedelta(minutes=119)
    compared = hold_against(SHIPPED, SECTORS_FIRST, memory_of(found), seen, Settings())
    assert (compared.step, compared.answers) == (Step.TAKEN_OVER, 80)
    too_few = hold_against(SHIPPED, SECTORS_FIRST, memory_of(found), found[-50].at, Settings())
    assert (too_few.step, too_few.answers) == (Step.FEW_NEW_ANSWERS, 49)


def test_compared_on_what_it_has_learned_a_worse_ranker_would_pass() -> None:
    """Negative control of that: a crowd with another taste has answered for a while, and is gone."""
    passing, since = answers(taste(statements=(0, 0.0), both_ways=(0, 4.0)), 150, 1), answers(SHIPPED, 400, 2)
    later = [replace(each, at=each.at + timedelta(days=9)) for each in since]
    shadow = learn_ranker(SHIPPED, passing).ranker
    assert compare_rankers(SHIPPED, shadow, passing).better
    assert not compare_rankers(SHIPPED, shadow, later).better


def test_the_diagram_is_a_picture_of_both_tables() -> None:
    tables = {name: measures(each, HARSH)["reliability"] for name, each in (("<a>", SHIPPED), ("b", SECTORS_FIRST))}
    picture = ElementTree.fromstring(reliability_svg("Answers & more", tables))
    space = "{http://www.w3.org/2000/svg}"
    assert len(picture.findall(f".//{space}circle")) == 20
    assert len(picture.findall(f".//{space}polyline")) == 2
    assert "<a>" in [each.text for each in picture.findall(f".//{space}text")]
    assert reliability_svg("nothing yet", {})
