"""One person of each kind, and every page that is theirs."""

from tests.console.conftest import Console, Person
from tests.console.town import Town

FITS = "A call that fits you both"


def people(console: Console, town: Town) -> dict[str, Person]:
    """One person of each kind."""
    return {
        "sme": console.person(("sme_contact", town.firm), name="Anna Muster"),
        "hub": console.person(("hub_manager", town.hub), name="Hanna Hub"),
        "administrator": console.person(("voucher_administrator", town.funder), name="Viktor Verwalter"),
        "auditor": console.person(("auditor", town.funder), name="Audrey Auditor"),
        "operator": console.person(("operator", None), name="Otto Operator"),
        "nobody": console.person(name="Nora Neu"),
    }


def pages(town: Town) -> list[tuple[str, str, list[str]]]:
    """(who, page, what it must say)."""
    partner = "Société des Énergies Marines de Bretagne"
    return [
        ("sme", "/suggestions", [partner, "They offer", "Score 78 of 100", 'lang="fr"', "France", "Interested", FITS]),
        ("sme", f"/suggestions/{town.suggestion}", [partner, "You need", "Why this suggestion?"]),
        (
            "sme",
            f"/suggestions/{town.suggestion}/why?organisation_id={town.firm}",
            [
                f"What {partner} gains",
                "original in French, not translated",
                'lang="fr"',
                "−5.67",
                "From 5 to 77 of 100",
                FITS,
            ],
        ),
        ("sme", "/connections", [partner, "yann@semb.example.org", "Request a visit", FITS]),
        ("sme", f"/visits/new?connection_id={town.connection}", ["Green Tech Valley Cluster", "Pôle Mer", "First day"]),
        ("sme", "/visits", ["Staff exchange", "Requested"]),
        ("sme", f"/visits/{town.visit}", ["The four approvals", "Not decided yet", "Passed"]),
        ("sme", f"/visits/{town.approved_visit}", ["Report on the visit", "Apply for a travel voucher"]),
        ("sme", "/vouchers", ["Short exchanges of SMEs 2026", "€780.00"]),
        ("sme", "/vouchers/new", ["€9,360.00 left", partner]),
        ("sme", f"/vouchers/{town.issued}", ["Hand in the invoice", "Cancel the voucher"]),
        ("sme", f"/organisations/{town.firm}/edit", ["oil-free compressors", "28.13", "Illustrative"]),
        ("sme", f"/organisations/{town.firm}/withdraw", ["Withdraw it", "Keep it"]),
        ("hub", "/imports", ["Your cluster and its members", "Import the file"]),
        ("hub", "/organisations/new", ["Green Tech Valley Cluster", "Create the organisation"]),
        ("sme", "/account", ["Language and time", "Sign out on all devices"]),
        ("sme", "/account/messages", ["Suggestion", "Sent", "250 OK"]),
        ("sme", "/statements?q=sealing", [partner, "carters de turbines", 'lang="fr"', "Score 71 of 100", "Offer"]),
        (
            "sme",
            "/calls",
            ["wave and tidal energy", "€3,000,000.00 to €4,000,000.00", "Prize for quiet harbours", "then"],
        ),
        ("operator", "/calls?q=tidal", ["wave and tidal energy", 'value="tidal"']),
        ("sme", "/calls/fitting", ["wave and tidal energy", "Score 71 of 100", 'lang="de"', "Salzwasser"]),
        ("hub", "/calls/fitting", ["Calls that fit us"]),
        ("sme", "/statements", ["What are you looking for?"]),
        ("hub", "/messages", ["Green Tech Valley Cluster", "Send again"]),
        ("hub", "/hub", ["Visits waiting for your approval", "Alpine Pumpen", "Pôle Mer Bretagne Atlantique"]),
        ("hub", f"/visits/{town.visit}", ["Your decision as visitor’s hub", "Approve", "Refuse"]),
        ("hub", "/roadmaps", ["Draft a roadmap", "Pôle Mer Bretagne Atlantique", "France, 1 member<"]),
        ("hub", f"/roadmaps/{town.roadmap}", ["hydrogen, compressor, storage", "14 offers, 3 needs", "Gap", "<svg"]),
        ("administrator", "/programmes", ["Short exchanges of SMEs 2026", "€9,360.00", "bar-reserved"]),
        (
            "administrator",
            f"/programmes/{town.programme}",
            ["Reduced lump sum", "Percent: 50", "Ledger"],
        ),
        ("administrator", "/programmes/new", ["Co-financing rate in %", "Deadline", "Create the programme"]),
        ("administrator", f"/programmes/{town.programme}/edit", ["15600.00", "Part of the lump sum in %", "780.00"]),
        ("administrator", f"/programmes/{town.programme}/applications", ["Alpine Pumpen", "Invoiced"]),
        ("administrator", f"/programmes/{town.programme}/ledger", ["The ledger adds up", "-€15,600.00", "Export"]),
        ("administrator", f"/vouchers/{town.voucher}", ["Issue the voucher", "Refuse", "Rules that were judged"]),
        ("administrator", f"/vouchers/{town.invoiced}", ["Check and approve (staff)"]),
        ("administrator", f"/vouchers/{town.approved}", ["Bank reference of the transfer"]),
        ("auditor", "/programmes", ["Short exchanges of SMEs 2026"]),
        ("auditor", f"/programmes/{town.programme}/ledger", ["The ledger adds up"]),
        ("auditor", f"/vouchers/{town.voucher}", ["Rules that were judged"]),
        ("operator", "/operator", ["matching", "no partition is assigned", "hx-sse:connect", "0192f3aa"]),
        ("operator", "/operator/streams", ["profiles.organisations", ">20<", "organisation.changed.v1"]),
        ("operator", "/operator/parked", ["starts_on: date_type"]),
        ("operator", "/operator/dead-letters", ["starts_on: date_type", "Count the chosen ones"]),
        ("operator", f"/operator/trace?organisation_id={town.firm}", ["1 events in time order", "Alpine Pumpen"]),
        ("operator", "/operator/messages", ["Send again", "Ambiguous"]),
        ("nobody", "/organisations", ["Alpine Pumpen"]),
        ("nobody", f"/organisations/{town.firm}", ["oil-free compressors", "illustrative", "AT221", "28.13"]),
    ]
