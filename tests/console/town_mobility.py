"""What mobility answers about the town: visits, programmes, vouchers, books."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from shared.clock import now, today
from shared.ids import new_id
from tests.console.townspeople import VERSION, Townspeople, eur


class TownMobility(Townspeople):
    """Visits and money of the town."""

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
