"""What every service answers about itself, and the mails of the town."""

from typing import Any

from shared.clock import now
from tests.console.townspeople import Townspeople


class TownOperations(Townspeople):
    """Status, streams, dead letters, mails and trails."""

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
