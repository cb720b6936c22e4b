"""Why two organisations are suggested: told from what was stored, in the reader's language, adding up to the score."""

import string
from dataclasses import replace
from typing import Any
from uuid import uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching import explaining
from services.matching.explaining import SHOWN_LENGTH, Grounds, Reader, explain
from services.matching.parties import Party
from services.matching.ranking import cooperation
from services.matching.ranking.ranker import BEFORE, DECIMALS, Curve, Ranker, start_ranker
from services.matching.schemas import ExplanationView, ScoredWith, SuggestionView
from services.matching.scoring import BY_REGION, Judge, Meeting, factors_of
from services.matching.texts import WRITTEN, Texts, catalogue, written_language
from shared.contracts.matching import Evidence
from shared.contracts.profiles import OrganisationKind
from tests.matching.conftest import NAMESPACE

AKKU, PILE = sorted(uuid5(NAMESPACE, name) for name in ("Akku", "Pile"))
NEED, OFFER = "Recycling von Lithiumbatterien.", "Nous recyclons les batteries au lithium."
MODEL = ScoredWith(model_version="fused ranker 1", profiles={AKKU: "1.4", PILE: "1.2"})
KNOWN = {"statements": 0.7, "both_ways": 0.0, "sectors": 1.0, "languages": 0.0, "tags": 0.0, "network": 0.0}


def met(need_of: Any = AKKU, offer_of: Any = PILE, need: str = NEED, offer: str = OFFER) -> Evidence:
    """Return a need in German that met an offer in French."""
    return Evidence(
        need_statement_id=uuid5(NAMESPACE, need), need_organisation_id=need_of, need_text=need, need_language="de",
        offer_statement_id=uuid5(NAMESPACE, offer), offer_organisation_id=offer_of, offer_text=offer,
        offer_language="fr", similarity=0.7,
    )  # fmt: skip


def told(score: float, *evidence: Evidence) -> SuggestionView:
    """Return a suggestion as the API tells it."""
    return SuggestionView.model_validate(
        {
            "version": {"epoch": 1, "n": 1}, "suggestion_id": uuid5(NAMESPACE, "suggestion"), "first_id": AKKU,
            "second_id": PILE, "state": "proposed", "score": score, "reason": "stored", "evidence": evidence,
            "model_version": "fused ranker 1", "proposed_at": "2026-11-01T00:00:00Z", "first_name": "Akku",
            "second_name": "Pile", "first_country": "DE", "second_country": "FR",
        }
    )  # fmt: skip


def explained(
    values: dict[str, float], *evidence: Evidence, language: str = "en", reads: tuple[str, ...] = (), **more: Any
) -> ExplanationView:
    """Return how a pair of which this is known is explained to a reader, as the ranker judges it."""
    verdict = more.get("ranker", start_ranker()).judge(values)
    grounds = Grounds(verdict.shares, values, MODEL)
    reader = Reader(language, frozenset(reads or (language,)))
    return explain(told(verdict.score, *(evidence or (met(),))), grounds, reader)


known = st.dictionaries(st.sampled_from([*KNOWN, "phase of the moon"]), st.floats(0, 3))
languages = st.sampled_from([*WRITTEN, "hu"])


@given(known, languages)
def test_the_shares_that_are_told_add_up_to_the_score(values: dict[str, float], language: str) -> None:
    shown = explained(values, language=language)
    assert round(sum(each.share for each in shown.factors), DECIMALS) == shown.score
    assert shown.factors[0].name == BEFORE
    assert all(each.text and "{" not in each.text for each in shown.factors)
    by_share = [each.share for each in shown.factors[1:]]
    assert by_share == sorted(by_share, reverse=True)


@pytest.mark.parametrize("lost", ["statements", BEFORE])
def test_control_an_explanation_that_forgets_a_share_does_not_add_up(lost: str, monkeypatch: Any) -> None:
    """Negative control of the property above: one factor is left out on the way to the reader."""
    tell = explaining.factors_told
    monkeypatch.setattr(
        explaining,
        "factors_told",
        lambda grounds, texts: tell(
            replace(grounds, shares={name: each for name, each in grounds.shares.items() if name != lost}), texts
        ),
    )
    shown = explained(KNOWN)
    assert round(sum(each.share for each in shown.factors), DECIMALS) != shown.score


def test_shares_that_are_not_the_scores_own_are_not_told() -> None:
    shown = explain(
        told(0.8, met()), Grounds({"needs": 0.1, "offers": -0.2}, {}, MODEL), Reader("en", frozenset(("en",)))
    )
    assert (shown.factors, shown.against) == ([], [])
    assert shown.sentence


def test_what_is_known_of_the_pair_stands_beside_its_share() -> None:
    shown = {each.name: each for each in explained(KNOWN).factors}
    assert shown[BEFORE].value is None
    assert shown[BEFORE].text == "What any pair of organisations has before anything is known of it"
    assert (shown["statements"].value, shown["sectors"].value) == (0.7, 1.0)
    assert shown["statements"].text.endswith("70 of 100")
    assert shown["sectors"].text == "The same sector"
    assert {each.name: each.text for each in explained({**KNOWN, "sectors": 0.5}).factors}[
        "sectors"
    ] == "Neighbouring sectors"


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "This lowers the score: Their countries lie about 2,150 km apart."),
        ("de", "Das senkt die Bewertung: Ihre Länder liegen etwa 2.150 km auseinander."),
    ],
)
def test_a_long_way_is_said_in_kilometres(language: str, expected: str) -> None:
    assert expected in explained({"statements": 0.7, "distance": 2.149}, language=language).against
    assert explained({"statements": 0.7, "distance": 0.3}, language=language).against == []


@pytest.mark.parametrize(
    ("language", "km", "expected"),
    [
        ("en", 0.063, "Their regions lie close to each other, about 60 km apart"),
        ("en", 0.512, "Their regions lie about 510 km apart"),
        ("de", 0.063, "Ihre Regionen liegen nah beieinander, etwa 60 km"),
        ("de", 0.512, "Ihre Regionen liegen etwa 510 km auseinander"),
        ("fr", 0.063, "Leurs régions sont proches l’une de l’autre, à environ 60 km"),
        ("fr", 0.512, "Leurs régions sont distantes d’environ 510 km"),
        ("pl", 0.063, "Ich regiony leżą blisko siebie, dzieli je około 60 km"),
        ("pl", 0.512, "Ich regiony dzieli około 510 km"),
    ],
)
def test_what_lies_between_two_regions_is_said_of_the_regions(language: str, km: float, expected: str) -> None:
    shown = explained({"statements": 0.7, "distance": km, BY_REGION: 1.0}, language=language)
    assert expected in [each.text for each in shown.factors]
    assert BY_REGION not in {each.name for each in shown.factors}
    without = explained({"statements": 0.7, "distance": km}, language=language)
    assert expected not in [each.text for each in without.factors]
    assert without.score == shown.score


def test_a_factor_that_has_no_words_yet_is_named_as_it_is() -> None:
    ranker = Ranker(-1.0, {"phase_of_moon": Curve((0, 1), (0, 1))})
    shown = explained({"phase_of_moon": 1.0}, ranker=ranker)
    assert shown.factors[1].text == "Also looked at: phase of moon"


def test_every_factor_that_the_shipped_ranker_looks_at_has_words() -> None:
    sides = [Party(each, OrganisationKind.SME, "x", "DE") for each in (AKKU, PILE)]
    looked_at = factors_of(sides[0], sides[1], (Meeting(0.5, AKKU, AKKU, PILE, PILE),), Judge(start_ranker()))
    texts = Texts("en")
    for name in {*looked_at, *cooperation.FACTORS, *start_ranker().curves}:
        assert texts.first_of(f"factor.{name}"), f"no words for the factor {name}"


@pytest.mark.parametrize("language", WRITTEN)
def test_every_language_has_every_text_with_the_same_blanks(language: str) -> None:
    english, other = catalogue("en"), catalogue(language)
    assert english.keys() == other.keys()
    for key, text in english.items():
        blanks = [{name for _, name, _, _ in string.Formatter().parse(each) if name} for each in (text, other[key])]
        assert blanks[0] == blanks[1], key


@pytest.mark.parametrize(
    ("language", "written", "expected"),
    [
        ("en", "en", "Akku needs “Recycling von"),
        ("de", "de", "Akku sucht „Recycling von"),
        ("fr", "fr", "Akku recherche «\u00a0Recycling von"),
        ("pl", "pl", "Akku poszukuje „Recycling von"),
        ("hu", "en", "Akku needs “Recycling von"),
    ],
)
def test_the_reason_is_told_in_the_readers_language_or_in_english_and_says_so(
    language: str, written: str, expected: str
) -> None:
    shown = explained(KNOWN, language=language)
    assert shown.language == written == written_language(language)
    assert shown.sentence is not None
    assert shown.sentence.startswith(expected)


def test_both_directions_are_told_the_better_one_first() -> None:
    back = met(PILE, AKKU, "leise Wärmepumpen", "pompes à chaleur")
    assert explained(KNOWN, met(), back).sentence == (
        "Akku needs “Recycling von Lithiumbatterien”, and Pile offers “Nous recyclons les batteries au lithium”; "
        "in return, Pile needs “leise Wärmepumpen”, and Akku offers “pompes à chaleur”."
    )


def test_each_side_is_told_what_it_gains() -> None:
    one_way = explained(KNOWN).gains
    assert one_way[AKKU] == "An answer to what it needs: Pile offers “Nous recyclons les batteries au lithium”."
    assert one_way[PILE].startswith("Somebody who needs what it offers: Akku is looking for “Recycling von")
    both = explained(KNOWN, met(), met(PILE, AKKU, "leise Wärmepumpen", "pompes à chaleur")).gains
    assert both[PILE].startswith("An answer to what it needs: Akku offers “pompes à chaleur”. Somebody who")
    assert both.keys() == {AKKU, PILE}


def test_a_quote_in_a_language_that_the_reader_has_not_listed_is_shown_as_it_is_and_names_its_language() -> None:
    (meeting,) = explained(KNOWN, language="de").meetings
    assert (meeting.need.text, meeting.need.language_name, meeting.need.foreign) == (NEED, "Deutsch", False)
    assert (meeting.offer.text, meeting.offer.language_name, meeting.offer.foreign) == (OFFER, "Französisch", True)
    (listed,) = explained(KNOWN, language="en", reads=("fr", "pl")).meetings
    assert (listed.need.foreign, listed.offer.foreign) == (True, False)
    assert (listed.need.language_name, listed.offer.language_name) == ("German", "French")


@given(st.text(min_size=1, max_size=900), languages)
def test_any_statement_can_be_quoted(text: str, language: str) -> None:
    shown = explained(KNOWN, met(need=text), language=language)
    quoted = shown.meetings[0].need.text
    assert len(quoted) <= SHOWN_LENGTH + 1
    assert quoted == text.strip() or quoted.endswith("…")


def test_a_long_quote_is_cut_at_a_word() -> None:
    quoted = explained(KNOWN, met(need="Salzwasser " * 60)).meetings[0].need.text
    assert quoted.endswith("Salzwasser…")


def test_what_speaks_against_a_pair_is_what_the_stored_factors_say() -> None:
    missing = explained(KNOWN).against
    assert missing == [
        "They have no language in common on record.",
        "There is nothing in return yet: only one side finds what it needs.",
    ]
    everything = {"statements": 0.7, "both_ways": 0.6, "sectors": 0.5, "languages": 1.0, "tags": 1.0, "network": 1.0}
    assert explained(everything).against == []
    apart = explained({**everything, "sectors": 0.0}).against
    assert apart == ["They have no sector in common on record, so their trades may lie far apart."]


def test_whatever_lowers_the_score_is_told_in_its_own_words_and_nothing_that_is_not_so() -> None:
    ranker = replace(start_ranker(), curves={**start_ranker().curves, "languages": Curve((0, 1), (0.2, -0.3))})
    against = explained({**KNOWN, "both_ways": 0.9, "languages": 1.0}, ranker=ranker).against
    assert against == ["This lowers the score: A language in common."]
    no_language = explained({**KNOWN, "both_ways": 0.9}, ranker=ranker)
    assert no_language.against == ["They have no language in common on record."]


@pytest.mark.parametrize("name", ["{need}", "{0}", "<script>alert(1)</script>", "“”„«»"])
def test_names_and_statements_are_data(name: str) -> None:
    shown = explained(KNOWN, met(need=name + " x", offer="y " + name))
    assert name in shown.meetings[0].need.text
    assert shown.gains.keys() == {AKKU, PILE}
