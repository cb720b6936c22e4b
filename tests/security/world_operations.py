"""How to call the routes of ``/operations``, which every service has."""

from shared.ids import new_id
from tests.security.checking import Call, World


async def furnish(world: World) -> None:
    """Register how to call each route."""
    for path in ("status", "streams", "parked", "dead-letters"):
        _register(world, f"GET /operations/{path}", Call(f"/operations/{path}"))
    _register(world, "GET /operations/trace", Call(f"/operations/trace?organisation_id={new_id()}"))
    redrive = Call("/operations/dead-letters/redrive", {"all": True, "dry_run": False})
    _register(world, "POST /operations/dead-letters/redrive", redrive)
    jobs = Call("/operations/jobs/redrive", {"all": True, "dry_run": False})
    _register(world, "POST /operations/jobs/redrive", jobs)
    _register(world, "POST /operations/replay", Call("/operations/replay", {"dry_run": False}))


def _register(world: World, route: str, call: Call) -> None:
    @world.make(route)
    async def _() -> Call:
        return call
