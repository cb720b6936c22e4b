"""A small town of realistic answers: two firms, two hubs, a funder, and what the services would say of them."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from services.console.consumers import (
    project_organisation,
    project_programme,
    project_suggestion,
    project_visit,
)
from shared.clock import now, today
from shared.contracts.matching import SUGGESTION_CONNECTED, SuggestionSnapshot
from shared.contracts.mobility import PROGRAMME_CHANGED, VISIT_REQUESTED, ProgrammeSnapshot, VisitSnapshot
from shared.contracts.profiles import ORGANISATION_CHANGED, OrganisationSnapshot
from shared.contracts.topics import SERVICES
from shared.ids import new_id
from shared.messaging import Event
from tests.console.conftest import Call, Console, Person

VERSION = {"epoch": 1, "n": 3}


def eur(amount: str) -> dict[str, str]:
    """Money on the wire."""
    return {"amount": amount, "currency": "EUR"}


class Town:
    """Ids of the town and the JSON that the sister services answer about it."""

    def __init__(self) -> None:
        self.firm, self.partner, self.hub, self.partner_hub, self.funder = sorted(new_id() for _ in range(5))
        self.suggestion, self.connection, self.open_call = new_id(), new_id(), new_id()
        self.visit, self.approved_visit = new_id(), new_id()
        self.programme, self.voucher, self.invoiced, self.approved, self.issued = (new_id() for _ in range(5))
        self.roadmap, self.person, self.letter, self.delivery = (new_id() for _ in range(4))
        self.names = {
            self.firm: ("sme", "Alpine Pumpen und Verdichter GmbH", "AT", "Graz"),
            self.partner: ("sme", "Société des Énergies Marines de Bretagne", "FR", "Brest"),
            self.hub: ("cluster", "Green Tech Valley Cluster", "AT", "Graz"),
            self.partner_hub: ("cluster", "Pôle Mer Bretagne Atlantique", "FR", "Brest"),
            self.funder: ("public_authority", "Steirische Wirtschaftsförderung", "AT", "Graz"),
        }
        self.starts, self.ends = today() - timedelta(days=5), today() - timedelta(days=1)

    # --- organisations

    def snapshot(self, organisation_id: UUID) -> dict[str, Any]:
        """An organisation's snapshot."""
        kind, name, country, city = self.names[organisation_id]
        clusters = {self.firm: [self.hub], self.partner: [self.partner_hub]}.get(organisation_id, [])
        return {
            "version": VERSION,
            "organisation_id": organisation_id,
            "kind": kind,
            "name": name,
            "country": country,
            "city": city,
            "clusters": clusters,
            "updated_at": now().isoformat(),
        }

    def profile(self, organisation_id: UUID) -> dict[str, Any]:
        """An organisation's public profile as profiles answers it."""
        statements = [
            {
                "id": str(new_id()),
                "role": "offer",
                "language": "en",
                "text": "We design and build oil-free compressors for hydrogen up to 100 bar, tested on our own rig, "
                "and adapt them to ships and harbours.",
            },
            {
                "id": str(new_id()),
                "role": "need",
                "language": "de",
                "illustrative": True,
                "text": "Wir suchen einen Partner mit Erfahrung in der Abdichtung von Anlagen gegen Salzwasser.",
            },
        ]
        return {
            **self.snapshot(organisation_id),
            "id": str(organisation_id),
            "version": "1.3",
            "region": "AT221",
            "website": "https://www.example.org/",
            "sectors": ["28.13", "72.10"],
            "languages": ["de", "en"],
            "tags": ["low-carbon", "hydrogen"],
            "statements": statements,
            "source": "CORDIS",
            "contacts": None,
            "may_edit": True,
        }

    def line(self, organisation_id: UUID) -> dict[str, Any]:
        """An organisation in a list."""
        return {**self.snapshot(organisation_id), "id": str(organisation_id), "version": "1.3", "offers": 3, "needs": 1}

    # --- suggestions

    def pair(self, suggestion_id: UUID, state: str = "proposed", **more: Any) -> dict[str, Any]:
        """A suggestion as matching answers it."""
        return {
            "version": VERSION,
            "suggestion_id": suggestion_id,
            "first_id": self.firm,
            "second_id": self.partner,
            "state": state,
            "score": 0.78,
            "reason": "They offer “turbine housings sealed against salt water”, you need “a partner for sealing "
            "plants against salt water”.",
            "evidence": [
                {
                    "need_statement_id": new_id(),
                    "need_organisation_id": self.firm,
                    "need_text": "Wir suchen einen Partner mit Erfahrung in der Abdichtung gegen Salzwasser.",
                    "need_language": "de",
                    "offer_statement_id": new_id(),
                    "offer_organisation_id": self.partner,
                    "offer_text": "Nous fabriquons des carters de turbines étanches à l’eau de mer.",
                    "offer_language": "fr",
                    "similarity": 0.81,
                }
            ],
            "call": self.fits_both(),
            "model_version": "test",
            "proposed_at": now().isoformat(),
            "first_name": self.names[self.firm][1],
            "second_name": self.names[self.partner][1],
            "first_country": "AT",
            "second_country": "FR",
            **more,
        }

    def call(self, **more: Any) -> dict[str, Any]:
        """An open call as matching answers it."""
        return {
            "call_id": self.open_call,
            "supplied_id": "HORIZON-CL5-2027-TIDAL",
            "title": "Innovative technologies and solutions to improve wave and tidal energy systems",
            "text": "Expected Outcome: Improved sealing and lifetime of turbines in salt water.",
            "language": "en",
            "programme": "Horizon Europe",
            "kind_of_action": "HORIZON Innovation Actions",
            "status": "forthcoming",
            "open": True,
            "opens_on": (today() + timedelta(days=20)).isoformat(),
            "deadline": (today() + timedelta(days=90)).isoformat(),
            "deadlines": [(today() + timedelta(days=days)).isoformat() for days in (90, 270)],
            "budget_min": eur("3000000.00"),
            "budget_max": eur("4000000.00"),
            "url": "https://ec.europa.eu/info/funding-tenders/tidal",
            "source": "EU Funding & Tenders Portal",
            **more,
        }

    def fits_both(self) -> dict[str, Any]:
        """The open call that fits a pair."""
        return {
            **{name: self.call()[name] for name in ("call_id", "title", "language", "deadline", "url")},
            "first_similarity": 0.71,
            "second_similarity": 0.64,
            "first_statement_id": new_id(),
            "second_statement_id": new_id(),
        }

    def fitting(self, **more: Any) -> dict[str, Any]:
        """An open call that fits the firm."""
        statement = "Wir suchen einen Partner mit Erfahrung in der Abdichtung von Anlagen gegen Salzwasser."
        met = {"similarity": 0.71, "statement_id": new_id(), "statement": statement, "statement_language": "de"}
        return {**self.call(), **met, **more}

    def explanation(self, suggestion_id: UUID, **more: Any) -> dict[str, Any]:
        """Why a suggestion is made, as matching answers a German."""

        def quoted(side: UUID, text: str, language: str, name: str) -> dict[str, Any]:
            told = {"organisation_id": side, "organisation_name": self.names[side][1], "text": text}
            said = {"statement_id": new_id(), "language": language, "language_name": name, "foreign": language != "de"}
            return {**told, **said}

        need = "Wir suchen einen Partner mit Erfahrung in der Abdichtung gegen Salzwasser."
        offer = "Nous fabriquons des carters de turbines étanches à l’eau de mer."
        shares = {
            "before": ("Was jedes Paar von Organisationen hat, bevor man etwas von ihm weiß", 0.0474),
            "statements": ("Wie sehr Bedarf und Angebot der beiden Seiten dasselbe meinen: 81 von 100", 0.7226),
            "sectors": ("Dieselbe Branche", 0.0562),
            "tags": ("Ein gemeinsames Thema", 0.0105),
            "languages": ("Keine gemeinsame Sprache verzeichnet", -0.0567),
        }  # fmt: skip
        return {
            "suggestion_id": suggestion_id,
            "first_id": self.firm,
            "second_id": self.partner,
            "first_name": self.names[self.firm][1],
            "second_name": self.names[self.partner][1],
            "language": "de",
            "score": 0.78,
            "factors": [
                {"name": name, "text": text, "share": share, "value": None} for name, (text, share) in shares.items()
            ],
            "meetings": [
                {
                    "need": quoted(self.firm, need, "de", "Deutsch"),
                    "offer": quoted(self.partner, offer, "fr", "Französisch"),
                    "similarity": 0.81,
                }
            ],
            "sentence": f"{self.names[self.firm][1]} sucht „{need[:-1]}“, und {self.names[self.partner][1]} bietet "
            f"„{offer[:-1]}“.",
            "gains": {
                str(self.firm): f"Eine Antwort auf den eigenen Bedarf: {self.names[self.partner][1]} bietet "
                f"„{offer[:-1]}“.",
                str(self.partner): f"Jemand, der das eigene Angebot braucht: {self.names[self.firm][1]} sucht "
                f"„{need[:-1]}“.",
            },
            "against": [
                "Es ist keine gemeinsame Sprache verzeichnet.",
                "Bisher steht keine Gegenleistung fest: Nur eine Seite findet, was sie sucht.",
            ],
            "call": self.fits_both(),
            "model": {
                "model_version": "fused-3f9a ranker 5b2c81f0a9d4",
                "encoder": "fused-3f9a",
                "ranker": "5b2c81f0a9d4",
                "profiles": {str(self.firm): "1.3", str(self.partner): "1.7"},
                "scored_at": now().isoformat(),
            },
            **more,
        }

    def drawn_roadmap(self) -> dict[str, Any]:
        """A roadmap of the two hubs."""

        def theme(label: str, *figures: tuple[int, int]) -> dict[str, Any]:
            clusters = (self.hub, self.partner_hub)
            strengths = [
                {"cluster_id": cluster, "offers": offers, "needs": needs}
                for cluster, (offers, needs) in zip(clusters, figures, strict=True)
            ]
            gaps = [s["cluster_id"] for s in strengths if s["needs"] > s["offers"]]
            return {"label": label, "statement_ids": [new_id()], "strengths": strengths, "gaps": gaps}

        return {
            "roadmap_id": self.roadmap,
            "state": "drafted",
            "cluster_ids": [self.hub, self.partner_hub],
            "cluster_names": {str(each): self.names[each][1] for each in (self.hub, self.partner_hub)},
            "asked_at": now().isoformat(),
            "title": "Green Tech Valley Cluster and Pôle Mer Bretagne Atlantique",
            "themes": [
                theme("hydrogen, compressor, storage", (14, 3), (2, 9)),
                theme("salt water, sealing, corrosion", (1, 6), (11, 0)),
                theme("sensor, monitoring, predictive maintenance of offshore plants", (5, 5), (7, 2)),
                theme("recycling, composite", (0, 2), (3, 3)),
            ],
            "model_version": "test",
            "drafted_at": now().isoformat(),
        }

    # --- visits

    def trip(self, visit_id: UUID, state: str = "requested", signed: int = 2) -> dict[str, Any]:
        """A visit as mobility answers it."""
        parties = {
            "visitor": self.firm,
            "visitor_hub": self.hub,
            "host": self.partner,
            "host_hub": self.partner_hub,
        }
        order = ["visitor", "host", "visitor_hub", "host_hub"]
        done = set(order[:signed])
        return {
            "version": VERSION,
            "visit_id": visit_id,
            "kind": "staff_exchange",
            "state": state,
            "visitor_person_id": self.person,
            **{f"{party}_id": organisation for party, organisation in parties.items()},
            "starts_on": self.starts.isoformat(),
            "ends_on": self.ends.isoformat(),
            "approvals": [
                {
                    "party": party,
                    "organisation_id": organisation,
                    "person_id": new_id() if party in done else None,
                    "decision": "approve" if party in done else None,
                    "decided_at": now().isoformat() if party in done else None,
                }
                for party, organisation in parties.items()
            ],
            "changed_at": now().isoformat(),
            "names": {party: self.names[organisation][1] for party, organisation in parties.items()},
            "working_days": 5,
            "waiting_for": [each for each in order if each not in done] if state == "requested" else [],
            "reasons": {},
            "verdict": [
                {
                    "rule": "different-countries",
                    "passed": True,
                    "detail": "The visitor is in AT, the host in FR.",
                    "source": "ClusterXchange pattern",
                    "valid_from": "2026-01-01",
                }
            ],
            "requested_at": now().isoformat(),
        }

    # --- money

    def pot(self) -> dict[str, Any]:
        """A programme as mobility answers it."""
        return {
            "version": VERSION,
            "programme_id": self.programme,
            "funder_id": self.funder,
            "name": "Short exchanges of SMEs 2026",
            "kind": "travel",
            "budget": eur("15600.00"),
            "available": eur("9360.00"),
            "opens_on": (today() - timedelta(days=100)).isoformat(),
            "closes_on": (today() + timedelta(days=300)).isoformat(),
            "changed_at": now().isoformat(),
            "funder_name": self.names[self.funder][1],
            "time_zone": "Europe/Vienna",
            "terms_version": "1.1",
            "rules": [
                {
                    "rule": "reduced-lump-sum",
                    "percent": "50",
                    "under_working_days": 5,
                    "source": "ClusterXchange pattern: half under 5 working days",
                    "valid_from": "2026-01-01",
                    "valid_to": None,
                },
                {"rule": "beneficiary-kind", "kinds": ["sme", "research"], "source": "Programme text"},
                {"rule": "lump-sum", "bands": [{"from_working_days": 3, "amount": "780.00"}]},
            ],
            "balances": {
                name: eur(amount)
                for name, amount in (
                    ("budget", "15600.00"),
                    ("available", "9360.00"),
                    ("reserved", "2340.00"),
                    ("paid", "3900.00"),
                )
            },
        }

    def claim(self, voucher_id: UUID, state: str = "applied", **more: Any) -> dict[str, Any]:
        """A voucher as mobility answers it."""
        return {
            "version": VERSION,
            "voucher_id": voucher_id,
            "programme_id": self.programme,
            "funder_id": self.funder,
            "beneficiary_id": self.firm,
            "applicant_person_id": self.person,
            "kind": "travel",
            "state": state,
            "amount": eur("780.00"),
            "visit_id": self.approved_visit,
            "changed_at": now().isoformat(),
            "applied_at": now().isoformat(),
            "names": {"beneficiary": self.names[self.firm][1], "funder": self.names[self.funder][1]},
            "programme_name": "Short exchanges of SMEs 2026",
            "terms_version": "1.1",
            "verdict": [
                {
                    "rule": "cross-border",
                    "passed": True,
                    "detail": "AT to FR.",
                    "source": "ClusterXchange pattern",
                    "valid_from": "2026-01-01",
                    "valid_to": "2027-12-31",
                },
                {"rule": "budget-available", "passed": False, "detail": "9,360.00 EUR are left."},
            ],
            **more,
        }

    def books(self) -> dict[str, Any]:
        """A ledger as mobility answers it."""
        lines = [
            ("budgeted", "funder", "-15600.00", None),
            ("budgeted", "available", "15600.00", None),
            ("reserved", "available", "-780.00", self.voucher),
            ("reserved", "reserved", "780.00", self.voucher),
        ]
        return {
            "programme_id": self.programme,
            "entries": [
                {
                    "sequence": number,
                    "movement_id": new_id(),
                    "voucher_id": voucher,
                    "account": account,
                    "amount": eur(amount),
                    "occasion": occasion,
                    "made_by": None,
                    "made_at": now().isoformat(),
                }
                for number, (occasion, account, amount, voucher) in enumerate(lines, 1)
            ],
            "next_cursor": None,
            "balances": self.pot()["balances"],
            "balanced": True,
            "problems": [],
        }

    # --- operations

    def status(self, service: str) -> dict[str, Any]:
        """What a service says of itself."""
        return {
            "service": service,
            "ready": service != "matching",
            "faults": ["no partition is assigned"] if service == "matching" else [],
            "epoch": 1,
            "broker_epoch": "0192f3aa",
            "journal": {"rows": 1200, "unpublished": 3, "failing": 0, "oldest_unpublished_seconds": 0.4},
            "parked": 1 if service == "mobility" else 0,
            "dead_letters": 2 if service == "notifier" else 0,
            "jobs": {"waiting": 4, "dead": 0},
            "events_handled": 4711,
            "memory_bytes": 120 * 1048576,
        }

    def streams(self, service: str) -> dict[str, Any]:
        """Where a service is in its streams."""
        head = {
            "topic": "profiles.organisations",
            "partition": 0,
            "offset": 820,
            "broker_epoch": "0192f3aa",
            "sequence": 900,
            "time": now().isoformat(),
        }
        position = {**head, "offset": 800, "sequence": 880}
        reads = service != "profiles"
        return {
            "service": service,
            "types_consumed": ["org.intercluster.organisation.changed.v1"] if reads else [],
            "heads": [] if reads else [head],
            "positions": [{**position, "processed_at": now().isoformat()}] if reads else [],
        }

    def letter_of(self, service: str) -> list[dict[str, Any]]:
        """Dead letters of one service."""
        if service != "notifier":
            return []
        return [
            {
                "id": self.letter,
                "type": "org.intercluster.visit.approved.v1",
                "topic": "mobility.visits",
                "partition": 1,
                "offset": 42,
                "key": str(self.visit),
                "error": "body breaks its contract (starts_on: date_type)",
                "failed_at": now().isoformat(),
                "attempts": 3,
                "next_attempt_at": now().isoformat(),
            }
        ]

    def mail(self) -> dict[str, Any]:
        """A delivery as notifier answers it."""
        attempt = {"number": 1, "started_at": now().isoformat(), "outcome": "accepted", "code": 250, "reply": "OK"}
        return {
            "delivery_id": self.delivery,
            "person_id": self.person,
            "organisation_id": self.firm,
            "occasion": f"suggestion:{self.suggestion}:{self.person}",
            "template": "suggestion",
            "state": "sent",
            "reason": None,
            "created_at": now().isoformat(),
            "changed_at": now().isoformat(),
            "attempts": [attempt],
        }

    def event_of(self, service: str) -> list[dict[str, Any]]:
        """The trace of one service."""
        if service != "profiles":
            return []
        return [
            {
                "time": now().isoformat(),
                "service": service,
                "sequence": 7,
                "type": "org.intercluster.organisation.changed.v1",
                "key": str(self.firm),
                "version": "1.3",
                "trace_id": None,
                "published": True,
                "redacted": False,
            }
        ]


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
