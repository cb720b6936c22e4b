"""Mobility with a visit of one firm to another, a funder, and a stranger who has nothing to do with any of it."""

from uuid import UUID

from services.mobility.repository import organisations
from shared.auth import Role
from shared.contracts.profiles import PersonChanged
from shared.ids import new_id
from tests.mobility.conftest import FIRST, Town, settle
from tests.security.checking import Call, Caller, World, usual_callers

REPORT = "REPORT-OF-THE-VISIT"
BANK = "BANK-REFERENCE-4711"
AUTHORITY = "AUTHORITY-THAT-GAVE-AID"


class Fair:
    """Visits and vouchers, each with a traveller of its own, so that none stands in the way of another."""

    def __init__(self, world: World, town: Town) -> None:
        self.world = world
        self.town = town
        self.travel = ""
        self.innovation = ""
        self.aided = ""

    async def traveller(self) -> UUID:
        """Make another person of the visiting firm; the column ``her`` becomes her."""
        person_id = new_id()
        async with self.world.context.database.transaction() as session:
            person = PersonChanged(version=FIRST, person_id=person_id, organisation_ids=(self.town.visitor,))
            await organisations.put_person(session, person, erased=False)
        self.town.people["visitor"] = person_id
        roles = self.world.callers["her"].roles
        self.world.callers["her"] = Caller(roles, person_id)
        self.world.callers["lin"] = Caller(person_id=person_id, actions=self.world.callers["lin"].actions)
        return person_id

    async def visit(self, *, approved: bool = False, completed: bool = False, claimed: bool = False) -> str:
        """Make a visit; ``claimed``: with a travel voucher, so that its funder sees it."""
        person_id = await self.traveller()
        changes = {"visitor_person_id": person_id}
        if completed:
            made = await self.town.completed_visit(**changes)
        else:
            made = await (self.town.approved_visit(**changes) if approved else self.town.visit(**changes))
        if claimed:
            await self.town.travel_voucher(self.travel, made["visit_id"])
        return str(made["visit_id"])

    async def voucher(self, *steps: str, programme_id: str = "") -> str:
        """Make an innovation voucher and take it through these steps."""
        made = await self.town.innovation_voucher(programme_id or self.innovation, "10.00")
        voucher_id = str(made["voucher_id"])
        for step in steps:
            who, body = {
                "issue": ("clerk", None),
                "code": ("visitor", None),
                "invoice": ("visitor", self.invoice()),
                "check": ("second_clerk", None),
                "approve": ("clerk", None),
                "pay": ("clerk", {"bank_reference": BANK}),
            }[step]
            await self.town.done(who, f"/vouchers/{voucher_id}/{'approve' if step == 'check' else step}", body)
        return voucher_id

    def declaration(self) -> dict[str, object]:
        """What the visiting firm signs of its state aid from elsewhere."""
        amount = {"amount": "10.00", "currency": "EUR"}
        item = {"regulation": "de_minimis", "granted_on": "2026-01-10", "amount": amount, "authority": AUTHORITY}
        firm = str(self.town.visitor)
        return {"organisation_id": firm, "country": "AT", "wording": "2026-1", "items": [item]}

    async def award(self) -> dict[str, object]:
        """Grant small aid of 5 EUR that no register knows; what a clerk says of it when it does."""
        voucher_id = await self.voucher("issue", programme_id=self.aided)
        waiting = (await self.town.get("clerk", "/state-aid/queue?limit=200")).json()["items"]
        award_id = next(each["award_id"] for each in waiting if each["voucher_id"] == voucher_id)
        return {"awards": [{"award_id": award_id, "amount": "5.00"}], "reference": "TAM-1"}

    @staticmethod
    def invoice() -> dict[str, object]:
        evidence = [{"kind": "invoice", "reference": "R-1"}]
        return {"number": f"R-{new_id()}", "amount": {"amount": "10.00", "currency": "EUR"}, "evidence": evidence}


async def furnish(world: World) -> None:
    """Project the organisations, make one of each thing, and register how to call each route."""
    town = Town(world.context, world.client, world.person_token)
    await settle(town)
    own = {"sme": town.visitor, "hub": town.visitor_hub, "adm": town.funder, "aud": town.funder}
    her = Caller((Role("sme_contact", town.visitor),), town.people["visitor"])
    world.callers = usual_callers(own, dict.fromkeys(own, town.stranger), her)
    fair = Fair(world, town)
    fair.travel = (await town.programme(budget={"amount": "1000000.00", "currency": "EUR"}))["programme_id"]
    fair.innovation = (await town.innovation_programme("1000000.00"))["programme_id"]
    fair.aided = (await town.innovation_programme("1000000.00", state_aid="de_minimis"))["programme_id"]
    await town.done("visitor", "/state-aid/declarations", fair.declaration())
    paid = await fair.voucher("issue", "invoice", "check", "approve", "pay")
    world.private = (REPORT, BANK, AUTHORITY)
    _visits(world, fair)
    _programmes(world, fair)
    _vouchers(world, fair, paid)
    _state_aid(world, fair)


def _visits(world: World, fair: Fair) -> None:
    town = fair.town

    @world.make("POST /visits")
    async def _() -> Call:
        return Call("/visits", town.visit_body(visitor_person_id=await fair.traveller()))

    @world.make("GET /visits")
    async def _() -> Call:
        visit_id = await fair.visit(claimed=True)
        return Call("/visits?limit=200", private=(visit_id,))

    @world.make("GET /visits/{}")
    async def _() -> Call:
        visit_id = await fair.visit(approved=True, claimed=True)
        said = {"text": REPORT, "evidence": [{"kind": "ticket", "reference": "T-1"}]}
        await town.done("visitor", f"/visits/{visit_id}/report", said)
        return Call(f"/visits/{visit_id}", private=(REPORT,))

    @world.make("POST /visits/{}/decisions")
    async def _() -> Call:
        visit_id = await fair.visit(claimed=True)
        return Call(f"/visits/{visit_id}/decisions", {"party": "visitor", "decision": "approve"})

    @world.make("POST /visits/{}/cancel")
    async def _() -> Call:
        return Call(f"/visits/{await fair.visit(claimed=True)}/cancel", {"reason": "ill"})

    @world.make("POST /visits/{}/report")
    async def _() -> Call:
        visit_id = await fair.visit(approved=True, claimed=True)
        said = {"text": "seen", "evidence": [{"kind": "ticket", "reference": "T-1"}]}
        return Call(f"/visits/{visit_id}/report", said)


def _programmes(world: World, fair: Fair) -> None:
    town = fair.town

    @world.make("POST /programmes")
    async def _() -> Call:
        return Call("/programmes", town.programme_body())

    @world.make("GET /programmes")
    async def _() -> Call:
        return Call("/programmes?limit=200")

    @world.make("GET /programmes/{}")
    async def _() -> Call:
        return Call(f"/programmes/{fair.innovation}")

    @world.make("PUT /programmes/{}")
    async def _() -> Call:
        made = await town.programme()
        version = {"If-Match": f'"{made["terms_version"]}"'}
        return Call(f"/programmes/{made['programme_id']}", town.programme_body(name="Changed"), headers=version)

    @world.make("GET /programmes/{}/ledger")
    async def _() -> Call:
        return Call(f"/programmes/{fair.innovation}/ledger?limit=200", private=("movement_id",))

    @world.make("GET /programmes/{}/ledger.csv")
    async def _() -> Call:
        return Call(f"/programmes/{fair.innovation}/ledger.csv", private=(BANK,))


def _vouchers(world: World, fair: Fair, paid: str) -> None:
    before = {
        "issue": (),
        "code": ("issue",),
        "refuse": (),
        "cancel": (),
        "invoice": ("issue",),
        "approve": ("issue", "invoice"),
        "pay": ("issue", "invoice", "check", "approve"),
    }
    bodies = {"refuse": {"reason": "no"}, "pay": {"bank_reference": "B-2"}}

    @world.make("POST /vouchers")
    async def _() -> Call:
        body = {
            "programme_id": fair.innovation,
            "beneficiary_id": str(fair.town.visitor),
            "provider_id": str(fair.town.provider),
            "amount": {"amount": "10.00", "currency": "EUR"},
        }
        return Call("/vouchers", body)

    @world.make("GET /vouchers")
    async def _() -> Call:
        return Call("/vouchers?limit=200", private=(paid,))

    @world.make("GET /vouchers/{}")
    async def _() -> Call:
        return Call(f"/vouchers/{paid}", private=(BANK,))

    def register(step: str) -> None:
        @world.make(f"POST /vouchers/{{}}/{step}")
        async def _() -> Call:
            voucher_id = await fair.voucher(*before[step])
            body = fair.invoice() if step == "invoice" else bodies.get(step)
            return Call(f"/vouchers/{voucher_id}/{step}", body)

    for step in before:
        register(step)


def _state_aid(world: World, fair: Fair) -> None:
    firm = f"organisation_id={fair.town.visitor}"

    @world.make("GET /state-aid/headroom")
    async def _() -> Call:
        return Call(f"/state-aid/headroom?{firm}&country=AT", private=("ceilings",))

    @world.make("GET /state-aid/statement")
    async def _() -> Call:
        return Call(f"/state-aid/statement?{firm}", private=(AUTHORITY,))

    @world.make("POST /state-aid/declarations")
    async def _() -> Call:
        return Call("/state-aid/declarations", fair.declaration())

    @world.make("GET /state-aid/declarations")
    async def _() -> Call:
        return Call(f"/state-aid/declarations?{firm}", private=(AUTHORITY,))

    @world.make("GET /state-aid/queue")
    async def _() -> Call:
        await fair.award()
        return Call("/state-aid/queue?limit=200", private=("award_id",))

    @world.make("GET /state-aid/register.csv")
    async def _() -> Call:
        await fair.award()
        return Call("/state-aid/register.csv", private=(str(fair.town.visitor),))

    @world.make("POST /state-aid/reported")
    async def _() -> Call:
        return Call("/state-aid/reported", await fair.award())

    rate = {"currency": "SEK", "rate": "11.25", "source": "ECB", "valid_from": "2026-01-01", "valid_to": "2026-01-31"}

    @world.make("POST /state-aid/rates")
    async def _() -> Call:
        return Call("/state-aid/rates", rate)

    @world.make("GET /state-aid/rates")
    async def _() -> Call:
        return Call("/state-aid/rates?limit=200")
