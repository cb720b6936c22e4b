"""What matching answers about the town: suggestions, calls, explanations, a roadmap."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from shared.clock import now, today
from shared.ids import new_id
from tests.console.townspeople import VERSION, Townspeople, eur


class TownMatching(Townspeople):
    """Suggestions, calls and roadmaps of the town."""

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
