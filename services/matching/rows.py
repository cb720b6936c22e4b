"""How statements stand in the matrix that searches read: segments, and columns beside them. Pure (numpy only)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt

from services.matching.encoder.calibration import Calibration, Vectors
from shared.contracts.profiles import StatementRole

SEGMENT = 2048
"""Rows of a piece of the matrix. Its statements have the same role and country, so that what a filter leaves lies
together: it is read as fast as memory goes, and nothing has to be gathered.
"""

Rows = npt.NDArray[np.intp]


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


def similarities(
    calibrations: Mapping[int, Calibration], products: npt.NDArray[np.floating], ground: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return what products mean on these common grounds; 0 where there is none."""
    result = np.zeros(len(products))
    for each in np.unique(ground[ground > 0]):
        chosen = ground == each
        result[chosen] = calibrations[int(each)].similarity(products[chosen])
    return result
