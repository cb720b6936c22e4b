"""How statements stand in the matrix that searches read: segments, and columns beside them. Pure (numpy only)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from services.matching.encoder.calibration import Calibration, Vectors
from services.matching.scoring import DECIMALS
from shared.contracts.profiles import StatementRole

SEGMENT = 2048
"""Rows of a piece of the matrix. Its statements have the same role and country, so that what a filter leaves lies
together: it is read as fast as memory goes, and nothing has to be gathered.
"""

Rows = npt.NDArray[np.intp]

FEW_ROWS = 4
"""Up to so many rows are multiplied one by one, on one core: that reads memory at full speed. A thin matrix product
does not, and waits for a second core that others may have.
"""
ROUNDING = 2.0 * 10.0**-DECIMALS
"""Similarities closer than this may become equal when they are rounded."""
SUMMING = 1e-5
"""By so much the quick products may differ from the exact ones."""
WIDENED_AT_ONCE = 64
"""Rows that stay in the processor's cache while their numbers are widened."""


@dataclass(frozen=True)
class Columns:
    """What is known of each row besides its vector, shape (rows,). ``serial``: which writing filled it, 0 when empty.

    A serial is given once in the life of the process: rows with equal serials hold the same statement, in whichever
    snapshot. ``high`` and ``low`` are the halves of the statement's id, by which ties are settled.
    """

    serial: npt.NDArray[np.int64]
    ground: npt.NDArray[np.int64]
    country: npt.NDArray[np.int32]
    organisation: npt.NDArray[np.int32]
    high: npt.NDArray[np.uint64]
    low: npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Segment:
    """A piece of the matrix, shape (rows used, width). Rows that are live in a snapshot never change."""

    role: StatementRole
    country: int
    start: int
    matrix: Vectors

    @property
    def rows(self) -> slice:
        return slice(self.start, self.start + len(self.matrix))


@dataclass(frozen=True)
class Names:
    """What the store calls things: shared with it and only ever added to, but for ``rows``, which is a hint."""

    countries: Mapping[str, int]
    organisations: Sequence[UUID]
    numbers: Mapping[UUID, int]
    rows: Mapping[UUID, int]


def widened(vectors: npt.NDArray[Any]) -> Vectors:
    """Return finite numbers of 16 or 32 bits with 32 bits, shape (rows, width).

    Numpy turns halves into floats one by one; with whole numbers it does several at once, in a third of the time: sign
    and digits go to their places, and the exponent, which counts from 15 in halves and from 127 in floats, is made up
    for by a product that is exact.
    """
    if vectors.dtype != np.float16:
        return vectors.astype(np.float32, copy=False)
    result = np.empty(vectors.shape, np.float32)
    for start in range(0, len(vectors), WIDENED_AT_ONCE):
        some = result[start : start + WIDENED_AT_ONCE]
        bits = some.view(np.int32)
        np.copyto(bits, vectors[start : start + WIDENED_AT_ONCE].view(np.int16))
        bits <<= 13
        bits &= ~0x7000_1FFF
        some *= np.float32(2.0**112)
    return result


def similarities(
    calibrations: Mapping[int, Calibration], products: npt.NDArray[np.floating], ground: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return what products mean on these common grounds; 0 where there is none."""
    result = np.zeros(len(products))
    for each in np.unique(ground[ground > 0]):
        chosen = ground == each
        result[chosen] = calibrations[int(each)].similarity(products[chosen])
    return result


def perhaps_best(
    calibrations: Mapping[int, Calibration], products: Vectors, ground: npt.NDArray[np.int64], limit: int
) -> Rows:
    """Return the places of all products that may be among the best when they are read exactly, near ties included.

    ``ground``: the common ground of each, 0 where there is none. The best of each ground are found by their products,
    for of two products on one ground the larger one never means less.
    """
    best = [np.zeros(0, np.intp)]
    for each in np.flatnonzero(np.bincount(ground)).tolist():
        if each:
            places = np.flatnonzero(ground == each)
            mine, calibration, last = products[places], calibrations[each], 0.0
            if len(places) > limit:
                last = max(0.0, float(calibration.similarity(np.partition(mine, -limit)[-limit])) - ROUNDING)
            best.append(places[mine >= calibration.cosine(last) - SUMMING])
    return np.concatenate(best)


def reaching(mine: Vectors, theirs: Vectors, wanted: Vectors) -> tuple[tuple[Rows, Vectors], Rows]:
    """Return (places in ``mine``, products) and places in ``theirs`` of the products that reach what is wanted."""
    if len(mine) > FEW_ROWS:
        products = mine @ theirs.T
        found, places = np.nonzero(products >= wanted)
        return (found, products[found, places]), places
    rows, values, columns = [], [], []
    for row, vector in enumerate(mine):
        one = np.vecdot(theirs, vector)
        places = np.flatnonzero(one >= wanted)
        rows.append(np.full(len(places), row))
        values.append(one[places])
        columns.append(places)
    return (np.concatenate(rows), np.concatenate(values)), np.concatenate(columns)
