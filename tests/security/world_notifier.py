"""The notifier with one mail to one person of one organisation."""

from services.notifier import deliveries
from services.notifier.state import make_links
from services.notifier.work import settings_of
from shared.auth import Role
from shared.ids import new_id
from tests.security.checking import Call, Caller, World, usual_callers


async def furnish(world: World) -> None:
    """Queue mails, and register how to call each route."""
    own, foreign = new_id(), new_id()
    columns = ("sme", "hub", "adm", "aud")
    her = Caller((Role("sme_contact", own),))
    world.callers = usual_callers(dict.fromkeys(columns, own), dict.fromkeys(columns, foreign), her)
    context = world.context

    async def mail(state: str = "queued") -> str:
        async with context.database.transaction() as session:
            occasion = f"visit-approved:{new_id()}:1.1:{her.person_id}"
            queued = await deliveries.queue(session, her.person_id, own, occasion, "visit")
            if state != "queued":
                await deliveries.change(session, queued, state)
        return str(queued.delivery_id)

    first = await mail()
    await world.done("her", "PUT", f"/people/{her.person_id}/preferences", {"suggestions": True, "delivery_hour": 17})

    @world.make("GET /deliveries")
    async def _() -> Call:
        return Call("/deliveries?limit=200", private=(first,))

    @world.make("POST /deliveries/{}/resend")
    async def _() -> Call:
        return Call(f"/deliveries/{await mail('sent')}/resend")

    @world.make("POST /messages/sign-in")
    async def _() -> Call:
        link = f"{settings_of(context).public_base_url.rstrip('/')}/sign-in/{new_id()}"
        return Call("/messages/sign-in", {"person_id": str(her.person_id), "link": link})

    @world.make("POST /unsubscribe")
    async def _() -> Call:
        links = make_links(settings_of(context), context.issuer)
        token = links.unsubscribe(her.person_id, "suggestions").rsplit("/", 1)[1]
        return Call("/unsubscribe", {"token": token})

    @world.make("GET /people/{}/preferences")
    async def _() -> Call:
        return Call(f"/people/{her.person_id}/preferences", private=('"delivery_hour":17',))

    @world.make("PUT /people/{}/preferences")
    async def _() -> Call:
        return Call(f"/people/{her.person_id}/preferences", {"suggestions": False})
