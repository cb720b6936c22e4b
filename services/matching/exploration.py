"""A small share of the lists' places for pairs that score alone would not show, so that answers teach something new.

Pure. Chance is a keyed hash of (seed, period, organisation): within a period (a week) the same candidates give the same
choice on every machine, in whatever order they arrived.

The policy, made so that the probability of every pair of one market is known exactly:

1. :func:`~services.matching.allocation.in_turns` chooses as ever. All that follows takes its choice as given.
2. Of the choice, a full list names the worst of its pairs that may *give way*: a pair is named by one side only, and
   an organisation keeps at least one pair that no partner has named (so lists of one are not explored with).
3. Every candidate (a, b) left out takes part whose sides can both take it up: with room left, or with a pair that
   gives way. An organisation shares -ln(1 - share × length of its list) evenly among those that it is in; each gets the
   lesser of its two sides' shares for its rate w. So what is explored with depends on near neighbours only.
4. A clock rings for each of them after an exponential time of rate w. A candidate is explored when its clock rings
   before time 1 and before those of all others that a or b is in. So nobody explores twice, lists stay within their
   length, and with W = S(a) + S(b) - w its probability is

       P(explored) = w/W × (1 - exp(-W))

   An organisation explores with the sum of its candidates' probabilities (they exclude each other), at most
   1 - exp(-S) ≤ share × length. A pair that gives way is shown with 1 - that sum of the side that named it; every other
   chosen pair with 1.

What the probabilities do not say: they are of one throw for the market as it stands. Within a period the dice stay,
so what comes later is drawn with numbers that have decided before. When an explored pair is answered, its sides draw
again among what is left, less often than they are told to: in a market of a few organisations, each of whose explored
pairs was answered at once, 7,039 times where the probabilities said 9,716. And a pair that stays keeps the probability
with which it was last proposed or changed, though other neighbours or another week would give it another one.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from services.matching.allocation import turn_of_rows
from services.matching.market import Market, Numbers, Shares, market_of
from services.matching.parties import Pair
from services.matching.scoring import Scored

ROOM, NONE = -1, -2
"""What an organisation would give for an explored pair: an empty place, or it has nothing to give."""
MOST_OFTEN = 0.5
"""Nobody explores more often than every second period, however large the share and long the list."""

Words = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Exploring:
    """How much is explored, and whose dice are thrown when. ``share``: of the places, 0 … 0.2."""

    share: float
    seed: str
    period: str


@dataclass(frozen=True)
class Choice:
    """A pair that is shown, with the probability that a throw for this market shows it (never 0)."""

    scored: Scored
    propensity: float = 1.0
    explored: bool = False


def week_of(day: date) -> str:
    """Return the ISO 8601 week of a day, as the period in which exploration stays the same: ``2026-W48``."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"


def choose(
    scored: Sequence[Scored],
    per_organisation: int,
    kept: Collection[Pair] = (),
    never: Collection[Pair] = (),
    exploring: Exploring | None = None,
) -> list[Choice]:
    """Choose pairs as :func:`~services.matching.allocation.allocate` does, a few of them for exploration; best first.

    Nobody's list gets longer than ``per_organisation``, and nobody whom the allocation alone serves is left with
    nothing.
    """
    return choose_from(market_of(scored, kept, never), per_organisation, exploring)


def choose_from(market: Market, per_organisation: int, exploring: Exploring | None = None) -> list[Choice]:
    """Choose from an open market (see :meth:`~services.matching.market.Market.open`), as :func:`choose` does."""
    return Lottery(market, per_organisation, exploring.share if exploring else 0.0).choices(exploring)


class Lottery:
    """What may be explored in a market, and with which probability every row of it is shown (``chances``)."""

    def __init__(self, market: Market, per_organisation: int, share: float) -> None:
        self.market = market
        self.turns = turn_of_rows(market, per_organisation)
        self.greedy = np.flatnonzero(self.turns)
        length = market.kept + market.count(self.greedy)
        self.gives = what_gives_way(market, self.greedy, length, per_organisation)
        self.entries = self._entries() if share else np.zeros(0, np.int64)
        self.rates = self._rates(most_rate(length, share))
        self.chances = self._chances()

    def choices(self, exploring: Exploring | None) -> list[Choice]:
        """Return what is shown, best first."""
        rows, explored = self.greedy, np.zeros(0, np.int64)
        if exploring is not None:
            rows, explored = self.draw(exploring.seed, exploring.period)
        new = set(explored.tolist())
        pairs, chances = self.market.pairs(rows), self.chances[rows].tolist()
        chosen = zip(rows.tolist(), pairs, chances, strict=True)
        return [Choice(pair, chance, row in new) for row, pair, chance in chosen]

    def draw(self, seed: str, period: str) -> tuple[Numbers, Numbers]:
        """Return the rows that are shown, ascending, and those of them that are explored."""
        times = self.times(seed, period)
        one, other = self.market.first[self.entries], self.market.second[self.entries]
        earliest = np.full(len(self.market.number), 1.0)
        np.minimum.at(earliest, one, times)
        np.minimum.at(earliest, other, times)
        won = (times < 1) & (times <= earliest[one]) & (times <= earliest[other])
        explored = self.entries[won]
        given = self.gives[np.concatenate((one[won], other[won]))]
        return np.union1d(np.setdiff1d(self.greedy, given[given >= 0]), explored), explored

    def times(self, seed: str, period: str) -> Shares:
        """Return when the entries' clocks ring."""
        found: Shares = -np.log(uniform(self.market, self.entries, seed, period)) / self.rates
        return found

    def _entries(self) -> Numbers:
        """Return the rows that were left out and whose sides can both take them up."""
        able = self.gives != NONE
        open_rows = able[self.market.first] & able[self.market.second]
        open_rows[self.greedy] = False
        return np.flatnonzero(open_rows)

    def _rates(self, most: Shares) -> Shares:
        """Return the entries' rates: what both sides may have at most, shared evenly among the entries of each."""
        one, other = self.market.first[self.entries], self.market.second[self.entries]
        count = self.market.count(self.entries)
        rates: Shares = np.minimum(most[one] / count[one], most[other] / count[other])
        return rates

    def _chances(self) -> Shares:
        chances = np.zeros(len(self.market))
        chances[self.greedy] = 1.0
        chances[self.entries] = self._chances_of_entries()
        explores = self.market.sum(self.entries, chances[self.entries])
        naming = np.flatnonzero(self.gives >= 0)
        chances[self.gives[naming]] -= explores[naming]
        return chances

    def _chances_of_entries(self) -> Shares:
        total = self.market.sum(self.entries, self.rates)
        around = total[self.market.first[self.entries]] + total[self.market.second[self.entries]] - self.rates
        return self.rates / around * -np.expm1(-around)


def most_rate(length: npt.ArrayLike, share: float) -> Shares:
    """Return what the rates of an organisation with a list of this length may sum to."""
    rates: Shares = -np.log1p(-np.minimum(share * np.maximum(length, 1), MOST_OFTEN))
    return rates


def what_gives_way(market: Market, chosen: Numbers, length: Numbers, most: int) -> Numbers:
    """Return by organisation the row that gives way for an explored one, ``ROOM`` or ``NONE``.

    The worst chosen rows are named first. A partner who loses a pair so must keep one that nobody has named.
    """
    gives = np.where(length < most, ROOM, NONE).tolist()
    spare = (length - 1).tolist()
    worst_first = chosen[::-1]
    sides = zip(market.first[worst_first].tolist(), market.second[worst_first].tolist(), strict=True)
    for row, (one, other) in zip(worst_first.tolist(), sides, strict=True):
        for mine, partner in ((one, other), (other, one)):
            if gives[mine] == NONE and spare[partner] > 0:
                gives[mine] = row
                spare[partner] -= 1
                break
    return np.array(gives, np.int64)


def uniform(market: Market, rows: Numbers, seed: str, period: str) -> Shares:
    """Return a number of (0, 1] for each row: the same for the same seed, period and pair."""
    words = _mix(np.frombuffer(b"".join(digests(market.number, seed, period)), "<u8").astype(np.uint64))
    mixed = _mix(words[market.first[rows]] + words[market.second[rows]])
    return ((mixed >> np.uint64(11)) + np.uint64(1)).astype(np.float64) * 2.0**-53


def digests(organisations: Iterable[int], seed: str, period: str) -> Iterator[bytes]:
    """Yield eight bytes of chance for each organisation, told by its id as an integer."""
    key = blake2b(f"{seed}\n{period}".encode(), digest_size=32).digest()
    return (blake2b(each.to_bytes(16), key=key, digest_size=8).digest() for each in organisations)


def _mix(words: Words) -> Words:
    """Scatter 64-bit words (the finaliser of SplitMix64: Steele, Lea and Flood, OOPSLA 2014)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
