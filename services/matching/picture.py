"""What one encoder's vectors show: statements, calls, and who might be suggested to whom.

Vectors and calibrations of two encoders mean different things, so they never come together: whoever answers a request
or holds a round takes one picture and stays with it to the end.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.matching.calls.book import CallBook
from services.matching.calls.comparing import comparison_for
from services.matching.considering import Considering
from services.matching.encoder.fusion import Fusion, fusion_from
from services.matching.settings import Settings
from services.matching.world import World


@dataclass(frozen=True)
class Picture:
    """``version``: the encoder's; ``recipe``: what it takes to read as it does (see ``Chosen.recipe``)."""

    version: str
    recipe: Mapping[str, Any]
    fusion: Fusion
    world: World
    calls: CallBook
    considering: Considering


def picture_of(version: str, recipe: Mapping[str, Any], settings: Settings) -> Picture:
    """Return a picture in which nothing is loaded yet."""
    fusion = fusion_from(recipe)
    return Picture(
        version,
        recipe,
        fusion,
        World(version, fusion.calibrations),
        CallBook(version, comparison_for(version, fusion), settings.least_call_similarity),
        Considering(settings.least_similarity, settings.least_score),
    )
