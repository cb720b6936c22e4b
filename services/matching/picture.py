"""What one encoder's vectors show: statements, calls, and who might be suggested to whom.

Vectors and calibrations of two encoders mean different things, so they never come together: whoever answers a request
or holds a round takes one picture and stays with it to the end.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from services.matching.calls.book import CallBook
from services.matching.calls.comparing import Plain, comparison_for, stored_under
from services.matching.considering import Considering
from services.matching.encoder.errors import ModelDamagedError
from services.matching.encoder.fusion import Fusion, fusion_from
from services.matching.encoder.spaces import Space
from services.matching.settings import Settings
from services.matching.world import World

log = structlog.get_logger()


@dataclass(frozen=True)
class Picture:
    """``version``: the encoder's; ``recipe``: what it takes to read as it does (see ``Chosen.recipe``)."""

    version: str
    recipe: Mapping[str, Any]
    fusion: Fusion
    world: World
    calls: CallBook
    considering: Considering


NO_RECIPE: Mapping[str, Any] = {
    "recipe": "",
    "anchors": {},
    "widths": dict.fromkeys(Space, 0),
    "weights": dict.fromkeys(Space, 0.0),
    "centres": {},
}
"""Of an encoder that can't be known: it has read nothing."""


def picture_of(version: str, recipe: Mapping[str, Any], settings: Settings) -> Picture:
    """Return a picture in which nothing is loaded yet."""
    fusion = fusion_from(recipe)
    try:
        calls = CallBook(stored_under(version, fusion), comparison_for(version, fusion), settings.least_call_similarity)
    except ModelDamagedError as error:
        log.error("no call fits anybody before this is mended and the service restarted", detail=str(error))
        calls = CallBook("", Plain({}), settings.least_call_similarity)  # nobody has read any
    return Picture(
        version,
        recipe,
        fusion,
        World(version, fusion.calibrations),
        calls,
        Considering(settings.least_similarity, settings.least_score),
    )
