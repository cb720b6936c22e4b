"""Partners: the organisation with which another one later worked for the first time, among 49 alike.

Every candidate is scored on its own, by what was known before: no statistic over the candidates of a case.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer

from services.matching.evaluation.figures import Measured, Scores, one_among
from services.matching.evaluation.reading import BenchmarkError, lines_of, records_of
from services.matching.ranking.cooperation import FACTORS, Actor, Cooperation
from services.matching.ranking.ranker import Ranker, start_ranker

OTHERS = 49
NOTE = "The ranker's curves of cooperation were learned from the dev half of the queries: there they are in-sample."


def world_of(data: Path) -> tuple[list[dict[str, Any]], Cooperation]:
    """Return the organisations and their earlier cooperation."""
    organisations = records_of(data / "organisations.jsonl.gz", ("id", "country", "themes", "n_before", "profile"))
    place = {each["id"]: row for row, each in enumerate(organisations)}
    ties = []
    for line in lines_of(data / "partners_before.tsv.gz"):
        one, _, others = line.partition("\t")
        ties += [(place[one], place[other]) for other in others.split(",") if one in place and other in place]
    actors = [Actor(each["themes"], each["country"], int(each["n_before"])) for each in organisations]
    return organisations, Cooperation(actors, ties)


def cases_of(queries: Path, place: Mapping[str, int]) -> npt.NDArray[np.intp]:
    """Return rows (query, right partner, 49 others) of places in the list of organisations."""
    rows = []
    for number, case in enumerate(records_of(queries, ("query", "partner", "others")), 1):
        named = [case["query"], case["partner"], *case["others"]]
        if len(named) != 2 + OTHERS or any(each not in place for each in named):
            raise BenchmarkError(f"{queries}, line {number}: needs {OTHERS} others, all of them known organisations")
        rows.append([place[each] for each in named])
    return np.array(rows, np.intp)


def score(ranker: Ranker, cooperation: Cooperation, query: int, candidate: int) -> float:
    """Return the ranker's log odds for one candidate as a partner of the query's organisation.

    A suggestion is for both sides: there the ranker is told the mean of both directions.
    """
    return ranker.log_odds(cooperation.factors(query, candidate))


def measure(data: Path, queries: Path, progress: Callable[[str], None]) -> Measured:
    """Return AUC and MRR of the product's ranker and of its single factors and plain baselines."""
    progress("reading who worked with whom")
    organisations, cooperation = world_of(data)
    cases = cases_of(queries, {each["id"]: row for row, each in enumerate(organisations)})
    progress(f"scoring {cases[:, 1:].size} candidates, one at a time")
    ranker = start_ranker()
    known = [[cooperation.factors(case[0], candidate) for candidate in case[1:]] for case in cases.tolist()]
    scores = np.array([[score(ranker, cooperation, case[0], each) for each in case[1:]] for case in cases.tolist()])
    figures = {"product": one_among(scores)}
    for name in FACTORS:
        alone = [[each.get(name, 0.0) for each in case] for case in known]
        figures[f"{name} alone"] = one_among(np.array(alone))
    progress("plain baselines")
    figures["theme cosine"] = one_among(_themes(organisations, cases))
    texts = TfidfVectorizer(sublinear_tf=True, stop_words="english").fit_transform(
        [each["profile"] for each in organisations]
    )
    figures["TF-IDF of profiles"] = one_among(_cosines(texts, cases))
    return Measured("partners", len(cases), figures, (NOTE,))


def _themes(organisations: Sequence[Mapping[str, Any]], cases: npt.NDArray[np.intp]) -> Scores:
    names = sorted({name for each in organisations for name in each["themes"]})
    counts = np.array([[each["themes"].get(name, 0) for name in names] for each in organisations], float)
    rows = np.log1p(counts) * np.log(len(counts) / (1 + (counts > 0).sum(axis=0)))
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    cosines: Scores = np.einsum("id,ijd->ij", rows[cases[:, 0]], rows[cases[:, 1:]])
    return cosines


def _cosines(rows: Any, cases: npt.NDArray[np.intp]) -> Scores:
    return np.array([np.asarray((rows[case[1:]] @ rows[case[0]].T).todense()).ravel() for case in cases])
