"""Markets of scored pairs for the tests of allocation, exploration and exposure."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from hypothesis import strategies as st

from services.matching.parties import Pair, pair_of
from services.matching.scoring import Scored


def scored(one: int, other: int, score: float) -> Scored:
    """Return a scored pair of organisations with small ids."""
    return Scored(pair_of(UUID(int=one), UUID(int=other)), score, ())


@st.composite
def markets(draw: st.DrawFn, organisations: int = 12, most: int = 60) -> list[Scored]:
    """Draw scored pairs, each pair once; many of them are equally good."""
    side = st.integers(1, organisations)
    pairs = draw(st.sets(st.tuples(side, side).filter(lambda p: p[0] < p[1]), max_size=most))
    return [scored(*pair, draw(st.integers(60, 100)) / 100) for pair in sorted(pairs)]


def lengths(pairs: Iterable[Pair]) -> Counter[UUID]:
    """Count in how many pairs each organisation is."""
    return Counter(side for pair in pairs for side in pair)


def allocate_simply(
    market: Sequence[Scored], per_organisation: int, kept: Collection[Pair] = (), never: Collection[Pair] = ()
) -> list[Scored]:
    """Allocate in turns, one pair after the other: slow, and plain to see that it is right."""
    length = lengths(kept)
    excluded = {*kept, *never}
    waiting = sorted((each for each in market if each.pair not in excluded), key=lambda each: (-each.score, each.pair))
    chosen: list[Scored] = []
    for turn in range(1, per_organisation + 1):
        for each in waiting:
            mine, theirs = (length[side] for side in each.pair)
            if each not in chosen and max(mine, theirs) < per_organisation and min(mine, theirs) < turn:
                length.update(each.pair)
                chosen.append(each)
    return sorted(chosen, key=lambda each: (-each.score, each.pair))
