"""What earlier cooperation says of a pair: themes of an organisation's circle, ways through common partners. Pure.

Learned where it can be measured: organisations with many earlier projects. What goes by themes and countries is told
when one of the two has at least :data:`ENOUGH` earlier partners, what goes by the partners themselves when both have.
Of the other one's circle little is known, which makes it look less alike: :data:`FEW` says so and evens that out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol
from uuid import UUID

import numpy as np
import numpy.typing as npt
from scipy import sparse

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

ENOUGH = 3
"""Fewer earlier partners say too little."""
STEPS = 6
"""Steps of the random walk from partner to partner; further ones add less than one part in a hundred."""
RESTART = 0.5
FLOOR = 1e-9
COUNTRY_PRIOR = 5
"""Ties between two countries are counted as if there were so many more: a rare pair of countries says little."""
FACTORS = (
    "circle themes", "reach", "themed ways", "themes that go together", "countries that go together",
    "partners' partners", "partners per project", "partners",
)  # fmt: skip
BY_KIND = ("circle themes", "themes that go together", "countries that go together")
FEW = "few earlier partners"
"""1 for a pair of which only one is known well. Its curve is what lets what else is told of such pairs average 0: who
has worked with one or two others does not fall behind those who have worked with nobody.
"""


@dataclass(frozen=True)
class Actor:
    """An organisation with its past: how often it worked on each theme, in how many projects, where it sits."""

    themes: Mapping[str, float]
    country: str
    projects: int


@dataclass
class Cooperation:
    """All organisations and who has worked with whom (indices of ``actors``)."""

    actors: Sequence[Actor]
    ties: Iterable[tuple[int, int]]

    def __post_init__(self) -> None:
        count = len(self.actors)
        ends = np.array(sorted({(min(tie), max(tie)) for tie in self.ties if tie[0] != tie[1]}), int).reshape(-1, 2)
        both = np.concatenate([ends, ends[:, ::-1]])
        graph = sparse.csr_matrix((np.ones(len(both)), (both[:, 0], both[:, 1])), (count, count))
        self.degree = np.asarray(graph.sum(axis=1)).ravel()
        safe = np.maximum(self.degree, 1)
        walk = sparse.diags(1 / safe) @ graph
        self._back = walk.T.tocsr()
        themes = _themes(self.actors)
        weight = np.log(count / (1 + (themes > 0).sum(axis=0)))
        own = _unit(np.log1p(themes) * weight)
        partners = walk @ own
        self._circle = _unit(own + _unit(partners) + _unit(walk @ partners))
        share = themes / np.maximum(themes.sum(axis=1, keepdims=True), 1)
        self._share, self._towards = share, share @ _lift(share.T @ (graph @ share) + 1)
        self._has_circle: Flags = np.any(self._circle, axis=1)
        self._has_themes: Flags = np.any(share, axis=1)
        self._themed = _themed(graph, safe, own)
        codes = {each: place for place, each in enumerate(sorted({actor.country for actor in self.actors}))}
        self._country = np.array([codes[actor.country] for actor in self.actors], int)
        home = np.eye(len(codes))[self._country]
        self._countries = _lift(home.T @ (graph @ home) + COUNTRY_PRIOR, home.T @ (graph @ home))
        self._spread = walk @ np.log1p(self.degree)
        self._projects = np.array([actor.projects for actor in self.actors], float)
        self._ways = lru_cache(maxsize=256)(self._ways_from)

    def factors(self, one: int, other: int) -> dict[str, float]:
        """Return what the past says of ``other`` as a partner for ``one``, by factor; nothing where it is too short."""
        fewer, more = sorted((self.degree[one], self.degree[other]))
        if more < ENOUGH:
            return {}
        found = self._by_kind(one, other)
        if fewer >= ENOUGH:
            found |= self._by_partners(one, other)
        elif len(found) == len(BY_KIND):
            found[FEW] = 1.0
        else:  # FEW evens out all of them together, not some
            return {}
        return {name: float(found[name]) for name in (*FACTORS, FEW) if name in found}

    def _by_kind(self, one: int, other: int) -> dict[str, float]:
        found = {"countries that go together": self._countries[self._country[one], self._country[other]]}
        if self._has_circle[one] and self._has_circle[other]:
            found["circle themes"] = self._circle[one] @ self._circle[other]
        if self._has_themes[one] and self._has_themes[other]:
            found["themes that go together"] = self._towards[one] @ self._share[other]
        return found

    def _by_partners(self, one: int, other: int) -> dict[str, float]:
        reach, themed = self._ways(one)
        return {
            "reach": np.log((reach[other] + FLOOR) / max(self.degree[other], 1)),
            "themed ways": themed[other],
            "partners' partners": self._spread[other],
            "partners per project": np.log((1 + self.degree[other]) / (1 + self._projects[other])),
            "partners": np.log1p(self.degree[other]),
        }

    def mutual_factors(self, one: int, other: int) -> dict[str, float]:
        """Return the mean of both directions: a suggestion is for both sides."""
        there, back = self.factors(one, other), self.factors(other, one)
        return {name: (value + back[name]) / 2 for name, value in there.items()}

    def _ways_from(self, one: int) -> tuple[Numbers, Numbers]:
        """Return by organisation how likely a random walk from ``one`` is there, and the weight of themed two-steps."""
        place = np.zeros(len(self.actors))
        place[one] = 1.0
        reach = (1 - RESTART) * place
        for step in range(1, STEPS + 1):
            place = self._back @ place
            reach = reach + (1 - RESTART) * RESTART**step * place
        return reach, np.asarray((self._themed[one] @ self._themed).todense()).ravel()


class Past(Protocol):
    """What is known of the past of organisations."""

    def factors(self, one: UUID, other: UUID) -> dict[str, float]:
        """Return factors of a pair, none when too little is known."""


class KnownPast:
    """The past of the organisations of this installation: sectors for themes, ties for projects.

    ``actors``: those with ties. Of others nothing is said: a sector or two without any circle is like nobody's.
    """

    def __init__(self, actors: Mapping[UUID, Actor], ties: Iterable[tuple[UUID, UUID]]) -> None:
        self._place = {each: place for place, each in enumerate(sorted(actors))}
        known = ((one, other) for one, other in ties if one in self._place and other in self._place)
        pairs = [(self._place[one], self._place[other]) for one, other in known]
        self._cooperation = Cooperation([actors[each] for each in self._place], pairs)

    def factors(self, one: UUID, other: UUID) -> dict[str, float]:
        """Return the mean of both directions, rounded; nothing where neither has enough partners."""
        if one not in self._place or other not in self._place:
            return {}
        found = self._cooperation.mutual_factors(*sorted((self._place[one], self._place[other])))
        return {name: round(value, 6) for name, value in found.items()}


class RecordedPast:
    """What was known of one pair on another day, as its scoring has kept it."""

    def __init__(self, factors: Mapping[str, float]) -> None:
        self._factors = {name: factors[name] for name in (*FACTORS, FEW, "network") if name in factors}

    def factors(self, one: UUID, other: UUID) -> dict[str, float]:
        """Return what was kept."""
        return dict(self._factors)


def _themes(actors: Sequence[Actor]) -> Numbers:
    known = {name: column for column, name in enumerate(sorted({name for actor in actors for name in actor.themes}))}
    counts = np.zeros((len(actors), len(known)))
    for row, actor in enumerate(actors):
        for name, count in actor.themes.items():
            counts[row, known[name]] = count
    return counts


def _themed(graph: sparse.csr_matrix, degree: Numbers, own: Numbers) -> sparse.csr_matrix:
    """Return the ties, each weighed by how alike both ends' themes are and divided by the root of both degrees."""
    scaled = (sparse.diags(degree**-0.5) @ graph @ sparse.diags(degree**-0.5)).tocoo()
    alike = np.einsum("ij,ij->i", own[scaled.row], own[scaled.col])
    return sparse.csr_matrix((scaled.data * alike, (scaled.row, scaled.col)), scaled.shape)


def _lift(smoothed: Numbers, counted: Numbers | None = None) -> Numbers:
    """Return log(observed / expected) of a table of ties between groups."""
    raw = smoothed if counted is None else counted
    add = 0 if counted is None else COUNTRY_PRIOR
    expected = np.outer(raw.sum(axis=1) + add, raw.sum(axis=0) + add) / max(raw.sum(), 1)
    lift: Numbers = np.log(smoothed / np.maximum(expected, FLOOR))
    return lift


def _unit(rows: Numbers) -> Numbers:
    unit: Numbers = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), FLOOR)
    return unit
