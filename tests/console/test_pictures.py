"""Pictures say the same in words, stay inside their frame and escape what they show."""

import re
from decimal import Decimal
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.console.pictures import (
    BAR_WIDTH,
    budget_bar,
    lines_of,
    roadmap_matrix,
    score_ring,
    share_bars,
    shortened,
    sparkline,
)
from services.console.rendering import day, figures, label, money, points, seconds
from shared.contracts.matching import Theme, ThemeStrength
from shared.contracts.money import Money
from shared.ids import new_id

EVIL = '<script>alert("x")</script>'


@pytest.mark.parametrize(("score", "said"), [(0.0, 0), (0.784, 78), (1.0, 100), (1.7, 100), (-0.2, 0)])
def test_a_score_is_drawn_and_said(score: float, said: int) -> None:
    picture = score_ring(score)
    ElementTree.fromstring(picture)
    assert f'aria-label="Score {said} of 100"' in picture


@given(*(st.decimals(min_value=0, max_value=10**9, places=2) for _ in range(3)))
def test_a_budget_bar_never_leaves_its_frame(budget: Decimal, reserved: Decimal, paid: Decimal) -> None:
    picture = budget_bar(budget, reserved, paid, EVIL)
    ElementTree.fromstring(picture)
    start, width = (float(each) for each in re.findall(r'x="([\d.]+)" width="([\d.]+)"', picture)[0])
    assert start + width <= 320.11
    assert "<script" not in picture


def test_each_share_of_a_score_begins_where_the_one_before_ended_and_the_last_picture_is_the_whole() -> None:
    bars = share_bars([0.05, 0.7, 0.1, -0.05])
    said = [re.search(r'aria-label="([^"]*)"', each).group(1) for each in bars]  # type: ignore[union-attr]
    ways = ["From 0 to 5", "From 5 to 75", "From 75 to 85", "From 85 to 80", "From 0 to 80"]
    assert said == [f"{each} of 100" for each in ways]
    kinds = [re.search(r'class="share-(\w+)"', each).group(1) for each in bars]  # type: ignore[union-attr]
    assert kinds == ["before", "for", "for", "against", "sum"]
    assert share_bars([]) == []


@given(st.lists(st.floats(-1, 1), max_size=8))
def test_a_share_never_leaves_its_frame_and_is_always_seen(shares: list[float]) -> None:
    for picture in share_bars(shares):
        ElementTree.fromstring(picture)
        left, width = (float(each) for each in re.findall(r'x="([\d.-]+)" width="([\d.]+)"', picture)[0])
        assert left >= 0
        assert width >= 2
        assert left + width <= BAR_WIDTH + 0.11


def test_a_line_of_readings_stays_in_its_frame() -> None:
    for values in ([], [0.0], [3.0, 1.0, 4.0]):
        points = re.search(r'points="([^"]*)"', sparkline(values, "Lag"))
        assert points is not None
        for point in points.group(1).split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= 120
            assert 0 <= y <= 28


def test_a_roadmap_shows_numbers_gaps_and_escaped_names() -> None:
    one, two = new_id(), new_id()
    strengths = (ThemeStrength(cluster_id=one, offers=14, needs=0), ThemeStrength(cluster_id=two, offers=2, needs=9))
    themes = [Theme(label=EVIL, statement_ids=(), strengths=strengths, gaps=(two,))]
    picture = roadmap_matrix(themes, [one, two], {one: EVIL, two: "Pôle Mer"})
    drawn = ElementTree.fromstring(picture)
    assert "<script" not in picture
    words = [each.text for each in drawn.iter() if each.tag.endswith("text")]
    assert {"14", "2", "9"} <= set(words)
    assert len([each for each in drawn.iter() if each.get("class") == "matrix-gap"]) == 1


def test_a_roadmap_without_themes_or_names_is_no_fault() -> None:
    ElementTree.fromstring(roadmap_matrix([], [new_id()], {}))


def test_long_words_are_cut_with_a_mark_and_broken_into_lines() -> None:
    assert shortened("sealing against salt water", 12) == "sealing…"
    assert shortened("Abdichtungstechnologie", 8) == "Abdichtu…"
    assert lines_of("Pôle Mer Bretagne Atlantique und Freunde", 16, 2) == ["Pôle Mer", "Bretagne…"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (label("not_interested"), "Not interested"),
        (label("lump-sum"), "Lump sum"),
        (money(Money(amount=Decimal("1234.5"), currency="EUR")), "€1,234.50"),
        (money(Decimal(780), "GBP"), "£780.00"),
        (money(None), "–"),
        (day("2026-11-03"), "3 Nov 2026"),
        (day("soon"), "soon"),
        (day(None), "–"),
        (figures(["sme", "research"]), "sme, research"),
        (figures([{"from_working_days": 3, "amount": "780.00"}]), "from working days 3, amount 780.00"),
        (seconds(0.42), "0.4 s"),
        (seconds(190), "3 min"),
        (seconds(None), "–"),
        (points(0.5293), "+52.93"),
        (points(-0.0567), "−5.67"),
        (points(0.78, False), "78.00"),
    ],
)
def test_words_and_figures_are_written_for_people(written: str, expected: str) -> None:
    assert written == expected
