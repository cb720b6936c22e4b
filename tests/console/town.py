"""A small town of realistic answers: two firms, two hubs, a funder, and what the services would say of them."""

from typing import Any
from uuid import UUID

from services.console.consumers import (
    project_organisation,
    project_programme,
    project_suggestion,
    project_visit,
)
from shared.clock import now
from shared.contracts.matching import SUGGESTION_CONNECTED, SuggestionSnapshot
from shared.contracts.mobility import PROGRAMME_CHANGED, VISIT_REQUESTED, ProgrammeSnapshot, VisitSnapshot
from shared.contracts.profiles import ORGANISATION_CHANGED, OrganisationSnapshot
from shared.contracts.topics import SERVICES
from shared.ids import new_id
from shared.messaging import Event
from tests.console.conftest import Call, Console, Person
from tests.console.town_matching import TownMatching
from tests.console.town_mobility import TownMobility
from tests.console.town_operations import TownOperations


class Town(TownMatching, TownMobility, TownOperations):
    """Ids of the town and the JSON that the sister services answer about it."""


def page_of(*items: Any) -> dict[str, Any]:
    """A list with one page."""
    return {"items": list(items), "next_cursor": None}


def plain(value: Any) -> Any:
    """JSON of what holds ids."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return str(value) if isinstance(value, UUID) else value


def inhabit(console: Console, town: Town) -> None:
    """Let the sister services answer about the town."""

    def on(service: str, path: str, answer: Any, method: str = "GET") -> None:
        console.sisters.on(service, method, path, lambda call: plain(answer(call) if callable(answer) else answer))

    def last(call: Call) -> UUID:
        return UUID(call.path.rsplit("/", 1)[1])

    on("profiles", "/organisations", page_of(*(town.line(each) for each in town.names)))
    on("profiles", "/organisations/[^/]+", lambda call: town.profile(last(call)))
    on("profiles", "/people/[^/]+", lambda call: person_of(console, last(call)).card)
    contact = {"person_id": new_id(), "name": "Yann Le Goff", "email": "yann@semb.example.org", "language": "fr"}
    role = {"role": "sme_contact", "organisation_id": town.partner}
    on("profiles", "/contact-cards/by-organisation", page_of({**contact, "roles": [role]}), "POST")
    on("matching", "/suggestions", page_of(town.pair(town.suggestion), town.pair(new_id(), score=0.55, evidence=[])))
    on("matching", "/suggestions/[^/]+", lambda call: town.pair(last(call)))
    on("matching", "/suggestions/[^/]+/explanation", lambda call: town.explanation(UUID(call.path.split("/")[2])))
    answered = town.pair(town.suggestion, first_answer="interested")
    on("matching", "/suggestions/[^/]+/answers", answered, "POST")
    connected = town.pair(town.connection, "connected", connected_at=now().isoformat())
    on("matching", "/connections", page_of(connected))
    on("matching", "/roadmaps", page_of(town.drawn_roadmap()))
    on("matching", "/roadmaps", town.drawn_roadmap(), "POST")
    on("matching", "/roadmaps/[^/]+", town.drawn_roadmap())
    found = {
        "statement_id": new_id(),
        "organisation_id": town.partner,
        "organisation_name": town.names[town.partner][1],
        "country": "FR",
        "role": "offer",
        "text": "Nous fabriquons des carters de turbines étanches à l’eau de mer.",
        "language": "fr",
        "similarity": 0.71,
    }
    plain_call = town.call(title="Prize for quiet harbours", url=None, text="", budget_min=None, budget_max=None)
    on("matching", "/calls", page_of(town.call(), plain_call))
    on("matching", "/organisations/[^/]+/calls", page_of(town.fitting()))
    on("matching", "/statements/search", {"items": [found], "language": "en"})
    on("mobility", "/visits", page_of(town.trip(town.visit), town.trip(town.approved_visit, "approved", 4)))
    on("mobility", "/visits", town.trip(town.visit, signed=0), "POST")
    on(
        "mobility",
        "/visits/[^/]+",
        lambda call: (
            town.trip(last(call), "approved", 4) if last(call) == town.approved_visit else town.trip(last(call))
        ),
    )
    on("mobility", "/visits/[^/]+/[a-z]+", town.trip(town.visit), "POST")
    on("mobility", "/programmes", page_of(town.pot()))
    on("mobility", "/programmes/[^/]+", town.pot())
    on("mobility", "/programmes/[^/]+/ledger", town.books())
    states = {town.invoiced: "invoiced", town.approved: "approved", town.issued: "issued"}
    on("mobility", "/vouchers", page_of(*(town.claim(v, states.get(v, "applied")) for v in (town.voucher, *states))))
    on("mobility", "/vouchers", town.claim(town.voucher), "POST")
    on("mobility", "/vouchers/[^/]+", lambda call: town.claim(last(call), states.get(last(call), "applied")))
    on("mobility", "/vouchers/[^/]+/[a-z]+", town.claim(town.voucher, "issued"), "POST")
    on("mobility", "/vouchers/[^/]+/code", {"code": "7K3M-XYWQ-9PHT-4RDA"}, "POST")
    on("notifier", "/deliveries", page_of(town.mail()))
    on("notifier", "/deliveries/[^/]+/resend", {"delivery_id": town.delivery}, "POST")
    wishes = {"suggestions": True, "mails_per_week": 2, "delivery_hour": 8, "consent_recorded": True}
    on("notifier", "/people/[^/]+/preferences", wishes)
    for service in SERVICES:
        on(service, "/operations/status", town.status(service))
        on(service, "/operations/streams", town.streams(service))
        on(service, "/operations/parked", town.letter_of(service))
        on(service, "/operations/dead-letters", town.letter_of(service))
        on(service, "/operations/dead-letters/redrive", {"dry_run": True, "count": 1}, "POST")
        on(service, "/operations/replay", {"dry_run": True, "count": 12}, "POST")
        on(service, "/operations/trace", town.event_of(service))


def person_of(console: Console, person_id: UUID) -> Person:
    """The person with that id."""
    return next(each for each in console.people.values() if each.person_id == person_id)


async def populate(console: Console, town: Town) -> None:
    """Let the console hear of the town by its streams."""

    def event(kind: Any, body: Any) -> Event[Any]:
        return Event(id=new_id(), type=kind, source="test", time=now(), body=body, sequence=1)

    async with console.context.database.transaction() as session:
        for organisation_id in town.names:
            organisation = OrganisationSnapshot.model_validate(plain(town.snapshot(organisation_id)))
            await project_organisation(session, event(ORGANISATION_CHANGED, organisation))
        connected = SuggestionSnapshot.model_validate(plain(town.pair(town.connection, "connected")))
        await project_suggestion(session, event(SUGGESTION_CONNECTED, connected))
        programme = ProgrammeSnapshot.model_validate(plain(town.pot()))
        await project_programme(session, event(PROGRAMME_CHANGED, programme))
        for visit_id, state in ((town.visit, "requested"), (town.approved_visit, "approved")):
            visit = VisitSnapshot.model_validate(plain(town.trip(visit_id, state)))
            await project_visit(session, event(VISIT_REQUESTED, visit))
