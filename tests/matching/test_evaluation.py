"""The command that runs benchmarks: right measures, clear errors, every candidate scored on its own."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.__main__ import main
from services.matching.evaluation import learn_partners, partners
from services.matching.evaluation.figures import one_among, retrieval
from services.matching.evaluation.reading import records_of
from services.matching.ranking import cooperation
from services.matching.ranking.cooperation import BY_KIND, ENOUGH, FACTORS, FEW, Actor, Cooperation
from services.matching.ranking.ranker import Ranker, from_json, start_ranker


def a_world(folder: Path) -> Path:
    """Write a small world in the benchmark's format: two themes, partners within a theme; returns the queries' file."""
    organisations = [
        {"id": f"o{n}", "country": ("DE", "FR", "PL")[n % 3], "themes": {("SC1", "SC5")[n % 2]: 2}, "n_before": 3,
         "profile": f"organisation {n}"}
        for n in range(60)
    ]  # fmt: skip
    with gzip.open(folder / "organisations.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(each) + "\n" for each in organisations)
    with gzip.open(folder / "partners_before.tsv.gz", "wt") as file:
        for n in range(60):
            others = ",".join(f"o{(n + step) % 60}" for step in (2, 4, 6))
            file.write(f"o{n}\t{others}\n")
    alike = [f"o{n}" for n in range(1, 60, 2)] + [f"o{n}" for n in range(10, 50, 2)]
    queries = folder / "queries.jsonl"
    queries.write_text(json.dumps({"query": "o0", "partner": "o8", "others": alike[:49]}) + "\n")
    return queries


def test_partners_are_evaluated_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    queries = a_world(tmp_path)
    assert main(["evaluate", "partners", "--data", str(tmp_path), "--queries", str(queries), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["queries"] == 1
    assert told["figures"]["product"]["AUC"] > 0.5
    assert {"theme cosine", "TF-IDF of profiles"} <= told["figures"].keys()
    assert main(["evaluate", "partners", "--data", str(tmp_path), "--queries", str(queries)]) == 0
    assert "product" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("no json", "line 1: no JSON"),
        ('{"query": "o0"}', "line 1: partner, others missing"),
        ('{"query": "o0", "partner": "o8", "others": ["o1"]}', "line 1: needs 49 others"),
    ],
)
def test_a_file_of_another_format_is_named_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    queries = a_world(tmp_path)
    queries.write_text(text)
    assert main(["evaluate", "partners", "--data", str(tmp_path), "--queries", str(queries)]) == 1
    assert words in " ".join(capsys.readouterr().err.split())
    assert main(["evaluate", "partners", "--data", str(tmp_path / "none"), "--queries", str(queries)]) == 1
    assert "can't be read" in " ".join(capsys.readouterr().err.split())


def test_a_title_may_hold_a_line_separator(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_text(json.dumps({"title": "one\u2028two"}, ensure_ascii=False) + "\n", encoding="utf-8")
    assert records_of(file, ("title",)) == [{"title": "one\u2028two"}]


def test_a_candidate_is_scored_on_its_own(tmp_path: Path) -> None:
    """Whoever else is in the case, and in whatever order, changes nothing of a candidate's score."""
    a_world(tmp_path)
    scores = {}
    for order in (range(1, 60), range(59, 0, -1), range(8, 60, 7)):
        _, world = partners.world_of(tmp_path)
        for other in order:
            found = partners.score(start_ranker(), world, 0, other)
            assert scores.setdefault(other, found) == found


def a_ring_and_two_newcomers() -> Cooperation:
    """Return seven that have worked with four others each, and two (7 and 8) that have worked with nobody."""
    actors = [Actor({("01", "02")[n % 2]: 1}, ("DE", "FR")[n % 2], 1) for n in range(9)]
    return Cooperation(actors, [(one, (one + step) % 7) for one in range(7) for step in (1, 2)])


def test_two_that_are_known_well_are_told_everything_and_two_newcomers_nothing() -> None:
    world = a_ring_and_two_newcomers()
    assert world.degree[0] >= ENOUGH
    assert set(world.factors(0, 3)) == set(FACTORS)
    assert world.mutual_factors(0, 3) == pytest.approx(world.mutual_factors(3, 0))
    assert world.factors(7, 8) == {}


def test_a_newcomer_and_one_that_is_known_well_are_told_what_goes_by_themes_and_countries() -> None:
    world = a_ring_and_two_newcomers()
    for known in range(7):
        assert set(world.factors(known, 7)) == set(world.factors(7, known)) == {*BY_KIND, FEW}
        assert world.mutual_factors(known, 7) == pytest.approx(world.mutual_factors(7, known))
    alike, unlike = world.factors(1, 7)["circle themes"], world.factors(0, 7)["circle themes"]
    assert alike > unlike, "the newcomer works on the themes of the first one"


def test_one_with_too_few_partners_counts_as_a_newcomer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control of the two tests above: the number of partners decides, and nothing else."""
    world = a_ring_and_two_newcomers()
    monkeypatch.setattr(cooperation, "ENOUGH", 5)
    assert world.factors(0, 3) == world.factors(0, 7) == {}
    monkeypatch.setattr(cooperation, "ENOUGH", 0)
    assert set(world.factors(7, 8)) == set(FACTORS)


def test_of_one_whose_themes_nobody_knows_only_its_country_and_partners_are_told() -> None:
    ring = [(one, (one + step) % 7) for one in range(7) for step in (1, 2)]
    stars = [Actor({("01", "02")[n % 2]: 1}, "DE", 1) for n in range(7)]
    world = Cooperation([*stars, Actor({}, "FR", 1)], [*ring, *((7, other) for other in range(ENOUGH))])
    assert set(FACTORS) - set(world.factors(0, 7)) == {"themes that go together"}
    assert FEW not in world.factors(0, 7)
    assert Cooperation([*stars, Actor({}, "FR", 1)], ring).factors(0, 7) == {}, "some of what FEW evens out is not all"


def a_benchmark_with_beginners(folder: Path) -> Path:
    """Write a world as above in which every fifth organisation has worked with one other; returns ten queries' file."""
    a_world(folder)
    with gzip.open(folder / "partners_before.tsv.gz", "wt") as file:
        for n in range(60):
            steps = (2,) if n % 5 == 1 else (2, 4, 6, 8)
            met = [(n + step) % 60 for step in steps if n % 5 == 1 or (n + step) % 5 != 1]
            file.write(f"o{n}\t{','.join(f'o{other}' for other in met)}\n")
    queries = folder / "ten.jsonl"
    with queries.open("w") as file:
        for n in range(0, 60, 6):
            others = [f"o{other}" for other in range(60) if other not in (n, (n + 10) % 60)][:49]
            file.write(json.dumps({"query": f"o{n}", "partner": f"o{(n + 10) % 60}", "others": others}) + "\n")
    return queries


def told_of_beginners(ranker: Ranker, folder: Path, queries: Path) -> list[float]:
    """Return the log odds that a ranker gives the benchmark's pairs of which only one side is known well."""
    organisations, world = partners.world_of(folder)
    cases = partners.cases_of(queries, {each["id"]: row for row, each in enumerate(organisations)})
    told = (world.factors(case[0], other) for case in cases.tolist() for other in case[1:])
    return [sum(ranker.contributions(each).values()) for each in told if FEW in each]


def test_who_has_worked_with_one_other_does_not_fall_behind_who_has_worked_with_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two newcomers nothing is told: 0. So is the mean of the learned shares of those who have just begun."""
    queries, made = a_benchmark_with_beginners(tmp_path), tmp_path / "made.json"
    command = ["learn", "--data", str(tmp_path), "--queries", str(queries), "--out", str(made)]
    monkeypatch.setattr("sys.argv", command)
    learn_partners.main()
    learned = from_json(json.loads(made.read_text()))
    beginners = told_of_beginners(learned, tmp_path, queries)
    assert len(beginners) > 50
    assert np.mean(beginners) == pytest.approx(0, abs=2e-4)  # curves are rounded to four digits
    assert np.std(beginners) > 0.01, "what is known still tells them apart"
    monkeypatch.setattr(learn_partners, "evening_out", lambda *_: 0.0)  # negative control
    learn_partners.main()
    uneven = told_of_beginners(from_json(json.loads(made.read_text())), tmp_path, queries)
    assert abs(np.mean(uneven)) > 0.01


@given(st.integers(2, 30), st.integers(0, 1000))
def test_measures_agree_with_their_definitions(count: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    scores = chance.permutation(count).astype(float)[None, :]
    rank = int((scores[0] > scores[0, 0]).sum())
    assert one_among(scores)["MRR"] == pytest.approx(1 / (1 + rank))
    assert one_among(scores)["AUC"] == pytest.approx(1 - rank / (count - 1))
    right = np.arange(count)[None, :] == 0
    found = retrieval(scores, right)
    assert found["hit@1"] == (rank == 0)
    assert found["nDCG@10"] == pytest.approx(1 / np.log2(2 + rank) if rank < 10 else 0)


def test_a_scorer_that_says_the_same_of_all_is_worth_nothing() -> None:
    assert one_among(np.zeros((3, 50)))["AUC"] == 0.5
    assert retrieval(np.zeros((1, 50)), np.arange(50)[None, :] == 0)["hit@20"] == 0
