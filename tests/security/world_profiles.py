"""Profiles with two clusters, a member of each, and their people."""

import json
from uuid import UUID

from shared.auth import Role
from shared.ids import new_id
from tests.security.checking import Call, Caller, World, usual_callers

PRIVATE = ("Privata Persona", "privata@firm.example.org")


async def furnish(world: World) -> None:
    """Make the organisations through the public routes, and register how to call each route."""
    world.callers = {"ope": Caller((Role("operator"),))}

    async def organisation(kind: str, name: str, *clusters: str) -> str:
        body = {"kind": kind, "name": name, "country": "AT", "clusters": clusters}
        return str((await world.done("ope", "POST", "/organisations", body))["id"])

    async def person(organisation_id: str, role: str = "sme_contact", name: str = PRIVATE[0], email: str = "") -> str:
        contact = {"name": name, "email": email or f"p{new_id().hex}@firm.example.org", "role": role}
        return str((await world.done("ope", "POST", f"/organisations/{organisation_id}/people", contact))["person_id"])

    own_cluster = await organisation("cluster", "Own Cluster")
    other_cluster = await organisation("cluster", "Other Cluster")
    firm = await organisation("sme", "Firm", own_cluster)
    other_firm = await organisation("sme", "Other Firm", other_cluster)
    her_id = await person(firm, email=PRIVATE[1])
    await person(other_firm, name="Somebody Else")
    own = {column: UUID(own_cluster if column == "hub" else firm) for column in ("sme", "hub", "adm", "aud")}
    foreign = {column: UUID(other_cluster if column == "hub" else other_firm) for column in own}
    her = Caller((Role("sme_contact", UUID(firm)),), UUID(her_id))
    world.callers = usual_callers(own, foreign, her)
    world.private = PRIVATE

    async def fresh_firm() -> str:
        return await organisation("sme", f"Firm {new_id()}", own_cluster)

    async def own_firm() -> str:
        """A firm of the same people as the first one: those columns whose role is in the firm move with it."""
        made = await fresh_firm()
        for column in ("her", "sme", "adm", "aud"):
            caller = world.callers[column]
            world.callers[column] = Caller(
                (*caller.roles, Role(caller.roles[0].name, UUID(made))), caller.person_id, caller.actions
            )
        return made

    body = {"kind": "sme", "name": "Changed", "country": "AT", "clusters": [own_cluster]}
    contact = {"name": "New Colleague", "role": "sme_contact"}
    row = {"kind": "sme", "name": "Imported", "country": "AT"}
    email = {"email": PRIVATE[1]}

    @world.make("GET /organisations")
    async def _() -> Call:
        return Call("/organisations?limit=200")

    @world.make("POST /organisations")
    async def _() -> Call:
        return Call("/organisations", body)

    @world.make("GET /organisations/{}")
    async def _() -> Call:
        return Call(f"/organisations/{firm}", private=PRIVATE)

    @world.make("PUT /organisations/{}")
    async def _() -> Call:
        changing = await own_firm()
        version = (await world.done("ope", "GET", f"/organisations/{changing}"))["version"]
        return Call(f"/organisations/{changing}", body, headers={"If-Match": f'"{version}"'})

    @world.make("POST /organisations/{}/withdraw")
    async def _() -> Call:
        return Call(f"/organisations/{await own_firm()}/withdraw")

    @world.make("DELETE /organisations/{}")
    async def _() -> Call:
        return Call(f"/organisations/{await own_firm()}")

    @world.make("POST /organisations/{}/people")
    async def _() -> Call:
        said = {**contact, "email": f"p{new_id().hex}@firm.example.org"}
        return Call(f"/organisations/{firm}/people", said)

    @world.make("GET /people/{}")
    async def _() -> Call:
        return Call(f"/people/{her_id}", private=PRIVATE)

    @world.make("PUT /people/{}")
    async def _() -> Call:
        return Call(f"/people/{her_id}", {"language": "fr"})

    @world.make("DELETE /people/{}")
    async def _() -> Call:
        # Another person of the same firm each time; the column "her" becomes that person.
        victim = await person(firm)
        world.callers["her"] = Caller(her.roles, UUID(victim))
        return Call(f"/people/{victim}")

    @world.make("GET /people/{}/export")
    async def _() -> Call:
        world.callers["her"] = her
        return Call(f"/people/{her_id}/export", private=PRIVATE)

    @world.make("GET /people/{}/contact-card")
    async def _() -> Call:
        return Call(f"/people/{her_id}/contact-card", private=PRIVATE)

    @world.make("POST /contact-cards/by-email")
    async def _() -> Call:
        return Call("/contact-cards/by-email", email, PRIVATE)

    @world.make("POST /contact-cards/by-organisation")
    async def _() -> Call:
        return Call("/contact-cards/by-organisation", {"organisation_ids": [firm]}, PRIVATE)

    @world.make("POST /imports")
    async def _() -> Call:
        return Call("/imports", content=json.dumps({**row, "supplied_id": str(new_id())}).encode())

    @world.make("GET /imports/{}")
    async def _() -> Call:
        line = json.dumps({**row, "supplied_id": str(new_id()), "sectors": ["PRIVATE-ROW"]}).encode()
        report = await world.send_as("hub", "POST", Call("/imports", content=line))
        return Call(f"/imports/{report.json()['id']}", private=("sectors",))
