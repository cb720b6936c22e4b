"""Who is proposed to whom: short lists that are good for both sides, and nobody crowded out. Pure and deterministic.

A suggestion is shown to both organisations of its pair, so the length of an organisation's list is also how often it
is shown. What holds of every allocation, whatever the candidates are:

- nobody is in more than ``per_organisation`` pairs;
- it is maximal: of a candidate pair that was left out, one side's list is full. So whoever has candidates and gets
  nothing has only candidates whose lists are full;
- it depends on the candidates, what stands and what is ruled out, and on nothing else.

It does *not* hold that one candidate more never leaves anybody out: two whom it brings together have one place less for
others each.
"""

from collections.abc import Collection, Sequence

import numpy as np

from services.matching.market import Market, Numbers, market_of
from services.matching.parties import Pair
from services.matching.scoring import Scored

BLOCK = 8192
"""Rows looked at together: those without room are passed over by numpy, the others one by one."""


def allocate(
    scored: Sequence[Scored], per_organisation: int, kept: Collection[Pair] = (), never: Collection[Pair] = ()
) -> list[Scored]:
    """Choose pairs, best first, so that no organisation is in more than ``per_organisation`` of them.

    ``kept`` pairs stand already (one side has answered) and take up room; ``never`` pairs are not proposed
    (declined, connected).
    In turn n an organisation with fewer than n partners gets the best one that still has room: so everyone gets a
    first partner before anyone popular is handed round again, and the best scores go first within a turn.
    """
    market = market_of(scored, kept, never)
    return market.pairs(in_turns(market, per_organisation))


def in_turns(market: Market, per_organisation: int) -> Numbers:
    """Return the chosen rows of a market, ascending. 2 million candidates of 100,000 organisations take a second."""
    return np.flatnonzero(turn_of_rows(market, per_organisation))


def turn_of_rows(market: Market, per_organisation: int) -> Numbers:
    """Return by row in which turn it is chosen, 0 for never.

    Lists only grow, so a row that has no room, or nobody who is due in this turn, needs no second look in this turn.
    """
    length = market.kept.copy()
    waiting = np.arange(len(market))
    chosen = np.zeros(len(market), np.int64)
    for turn in turns(per_organisation):
        left = [np.zeros(0, np.int64)]
        for start in range(0, len(waiting), BLOCK):
            rows = waiting[start : start + BLOCK]
            one, other = length[market.first[rows]], length[market.second[rows]]
            room = np.maximum(one, other) < per_organisation
            due = room & (np.minimum(one, other) < turn)
            taken = _one_by_one(market, rows[due], length, turn, per_organisation)
            np.add.at(length, np.concatenate((market.first[taken], market.second[taken])), 1)
            chosen[taken] = turn
            left.append(np.setdiff1d(rows[room], taken, assume_unique=True))
        waiting = np.concatenate(left)
    return chosen


def turns(per_organisation: int) -> range:
    """Return the turns: in the nth, those with fewer than n partners are due."""
    return range(1, per_organisation + 1)


def _one_by_one(market: Market, rows: Numbers, length: Numbers, turn: int, most: int) -> Numbers:
    """Return those of a block's rows that are taken, the earlier ones changing what the later ones find."""
    first, second = market.first[rows], market.second[rows]
    sides = np.unique(np.concatenate((first, second)))
    now = dict(zip(sides.tolist(), length[sides].tolist(), strict=True))
    taken = []
    for row, one, other in zip(rows.tolist(), first.tolist(), second.tolist(), strict=True):
        mine, theirs = now[one], now[other]
        if mine < most and theirs < most and (mine < turn or theirs < turn):
            now[one], now[other] = mine + 1, theirs + 1
            taken.append(row)
    return np.array(taken, np.int64)
