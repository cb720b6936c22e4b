"""A process that starts, loads the picture of the database, answers one search, and says what that took.

``python -m tests.benchmarks.restarting MODEL``, the database's address in ``INTERCLUSTER_MATCHING_DATABASE_URL``.
"""

import asyncio
import json
import resource
import sys
import time

from services.matching.__main__ import service
from services.matching.encoder.fusion import load_fusion
from services.matching.encoder.spaces import ground_of
from services.matching.search import Query
from services.matching.settings import Settings
from services.matching.world import World
from shared.database import Database


async def load(model: str) -> dict[str, float]:
    """Load and search; returns seconds and the statements that can be found."""
    database = Database(Settings())
    started = time.perf_counter()
    world = World(model, load_fusion().calibrations)
    async with database.session() as session:
        await world.refresh(session)
    loaded = time.perf_counter() - started
    vector = world.index.vectors(world.index.live[:1])[0]
    assert world.index.search(Query(vector, ground_of("en")), 10)
    await database.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return {"loading": loaded, "statements": len(world.index), "peak_mb": peak, "cpu": time.process_time()}


if __name__ == "__main__":
    assert service.name == "matching"  # with all that the service imports
    print(json.dumps(asyncio.run(load(sys.argv[1]))))
