"""Events between services: journal and relay on the way out, projections and reactions on the way in.

The rules and their reasons are in the README's chapter "How events travel". Nothing else touches Kafka.
"""

from shared.messaging.events import Event, Handlers, Unprocessable, claim, claim_all, is_announced_again
from shared.messaging.jobs import Jobs
from shared.messaging.journal import forget_failed, mark_for_replay, publish, publish_all, redact
from shared.messaging.restore import current_epoch, last_announced, mark_restored, note_forgotten

__all__ = [
    "Event",
    "Handlers",
    "Jobs",
    "Unprocessable",
    "claim",
    "claim_all",
    "current_epoch",
    "forget_failed",
    "is_announced_again",
    "last_announced",
    "mark_for_replay",
    "mark_restored",
    "note_forgotten",
    "publish",
    "publish_all",
    "redact",
]
