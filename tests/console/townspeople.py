"""Who is in the town: two firms, two hubs, a funder, and their profiles."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from shared.clock import now, today
from shared.ids import new_id

VERSION = {"epoch": 1, "n": 3}


def eur(amount: str) -> dict[str, str]:
    """Money on the wire."""
    return {"amount": amount, "currency": "EUR"}


class Townspeople:
    """Ids of the town, and what profiles answers about it."""

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
