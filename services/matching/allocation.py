"""Who is proposed to whom: short lists that are good for both sides, and nobody crowded out. Pure and deterministic.

A suggestion is shown to both organisations of its pair, so the length of an organisation's list is also how often it
is shown.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from uuid import UUID

from services.matching.parties import Pair
from services.matching.scoring import Scored


def allocate(
    scored: Sequence[Scored], per_organisation: int, kept: Collection[Pair] = (), never: Collection[Pair] = ()
) -> list[Scored]:
    """Choose pairs so that no organisation is in more than ``per_organisation`` of them.

    ``kept`` pairs stand already (one side has answered) and take up room; ``never`` pairs are not proposed
    (declined, connected).
    In turn n an organisation with fewer than n partners gets the best one that still has room: so everyone gets a
    first partner before anyone popular is handed round again, and the best scores go first within a turn.
    The result depends on the set of ``scored`` only, not on its order.
    """
    length = Counter[UUID]()
    for pair in kept:
        length.update(pair)
    excluded = {*kept, *never}
    waiting = sorted((each for each in scored if each.pair not in excluded), key=lambda each: (-each.score, each.pair))
    chosen: list[Scored] = []
    for turn in range(1, per_organisation + 1):
        passed_over = []
        for each in waiting:
            first, second = each.pair
            if max(length[first], length[second]) >= per_organisation:
                continue
            if min(length[first], length[second]) >= turn:
                passed_over.append(each)
                continue
            length.update(each.pair)
            chosen.append(each)
        waiting = passed_over
    return sorted(chosen, key=lambda each: (-each.score, each.pair))
