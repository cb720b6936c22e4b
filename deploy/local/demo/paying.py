"""Third part of the story: a travel voucher is applied for, issued, invoiced, approved by two people, and paid."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from rich.progress import Progress

from deploy.local.demo.scene import Scene
from deploy.local.operating import print_trace, trace
from deploy.local.process import StartError
from deploy.local.state import REPOSITORY

EXAMPLE_PROGRAMME = REPOSITORY / "services" / "mobility" / "programmes" / "clusterxchange_travel.json"
FUNDER = "demo-funder-travel"
LEAST_LEFT = Decimal(1000)


def programme(scene: Scene, progress: Progress) -> str:
    """The voucher administrator uses her open programme, or opens the example that the software ships as data."""
    funder = _funder(scene)
    funding = scene.person(administrator(scene, 0))
    query = {"open": "true", "limit": 100}
    for each in funding.call("mobility", "GET", "/programmes", params=query)["items"]:
        if each["funder_id"] == funder and Decimal(each["available"]["amount"]) > LEAST_LEFT:
            scene.programme = each
            return f"{each['name']}: {each['available']['amount']} {each['available']['currency']} left"
    example = json.loads(EXAMPLE_PROGRAMME.read_text(encoding="utf-8"))
    scene.programme = funding.call_patiently("mobility", "POST", "/programmes", json={**example, "funder_id": funder})
    budget = scene.programme["budget"]
    return f"{scene.programme['name']} with {budget['amount']} {budget['currency']} and {len(example['rules'])} rules"


def voucher(scene: Scene, progress: Progress) -> str:
    """The visitor applies; the rules decide on eligibility and amount; the administrator issues."""
    visitor, _ = scene.sides
    applied = scene.person(visitor.email).call_patiently(
        "mobility",
        "POST",
        "/vouchers",
        json={
            "programme_id": scene.programme["programme_id"],
            "beneficiary_id": visitor.organisation_id,
            "visit_id": scene.visit["visit_id"],
        },
    )
    scene.voucher = applied
    scene.voucher = _step(scene, administrator(scene, 0), "issue")
    return f"{len(applied['verdict'])} rules judged; {_amount(scene)} reserved"


def invoice_and_payment(scene: Scene, progress: Progress) -> str:
    """The visitor asks for the money; two different people approve; it is paid."""
    visitor, _ = scene.sides
    number = f"INV-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    evidence = [{"kind": "train ticket", "reference": "TKT-2026-0042"}]
    body = {"number": number, "amount": scene.voucher["amount"], "evidence": evidence}
    scene.voucher = _step(scene, visitor.email, "invoice", body)
    staff, finance = administrator(scene, 0), administrator(scene, 1)
    _step(scene, staff, "approve")
    scene.voucher = _step(scene, finance, "approve")
    scene.voucher = _step(scene, finance, "pay", {"bank_reference": f"SEPA-{number}"})
    return f"{_amount(scene)} {scene.voucher['state']}; checked by {staff}, approved by {finance}"


def ledger(scene: Scene, progress: Progress) -> str:
    """The programme's ledger must add up to zero, movement by movement."""
    path = f"/programmes/{scene.programme['programme_id']}/ledger"
    found = scene.person(administrator(scene, 0)).call("mobility", "GET", path)
    scene.ledger_balanced = bool(found["balanced"])
    if not scene.ledger_balanced:
        raise StartError(f"the ledger does not balance: {'; '.join(found['problems'])}")
    return ", ".join(f"{name} {money['amount']}" for name, money in found["balances"].items())


def trail(scene: Scene, progress: Progress) -> str:
    """Print everything that happened to the visitor, from the journals of all services."""
    visitor, _ = scene.sides
    entries = trace(scene.launcher, visitor.organisation_id)
    print_trace(entries, scene.organisation(visitor.organisation_id)["name"], progress.console)
    if len({entry["service"] for entry in entries}) < 4:
        raise StartError("the trail does not reach across profiles, matching, mobility and notifier")
    return f"{len(entries)} events"


def _funder(scene: Scene) -> str:
    """Return the id of the funder of the seed data."""
    assert scene.operator is not None, "the operator signs in first"
    query = {"kind": "public_authority", "limit": 100, "q": "Exchange Voucher Office"}
    for each in scene.operator.call("profiles", "GET", "/organisations", params=query)["items"]:
        if scene.organisation(each["id"])["supplied_id"] == FUNDER:
            return str(each["id"])
    raise StartError("the funder of the seed data was not found")


def administrator(scene: Scene, place: int) -> str:
    """Return the address of one of the funder's voucher administrators."""
    found = scene.contact(_funder(scene), "voucher_administrator", place)
    if found is None:
        raise StartError("the funder of the seed data needs two voucher administrators")
    return found


def _step(scene: Scene, email: str, action: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    path = f"/vouchers/{scene.voucher['voucher_id']}/{action}"
    answer: dict[str, Any] = scene.person(email).call_patiently("mobility", "POST", path, json=body or {})
    return answer


def _amount(scene: Scene) -> str:
    return f"{scene.voucher['amount']['amount']} {scene.voucher['amount']['currency']}"
