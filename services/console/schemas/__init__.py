"""What the console reads from the other services, as far as its pages need it."""

from services.console.schemas.base import Reading, cursor_of, many, one
from services.console.schemas.calls import FittingCall, OpenCalls
from services.console.schemas.imports import ImportReport
from services.console.schemas.matching import Explanation, FoundStatements, Roadmap, Suggestion
from services.console.schemas.messages import Attempt, Delivery, Preferences
from services.console.schemas.mobility import (
    Code,
    Evidence,
    Finding,
    Invoice,
    Ledger,
    LedgerLine,
    Programme,
    Report,
    Visit,
    Voucher,
)
from services.console.schemas.operations import Head, JobCounts, Journal, Letter, Position, ServiceStatus, Streams
from services.console.schemas.organisations import Contact, Organisation, OrganisationLine
from services.console.schemas.people import CardOf, CardRole, Consent, ContactCard, Person

__all__ = [
    "Attempt",
    "CardOf",
    "CardRole",
    "Code",
    "Consent",
    "Contact",
    "ContactCard",
    "Delivery",
    "Evidence",
    "Explanation",
    "Finding",
    "FittingCall",
    "FoundStatements",
    "Head",
    "ImportReport",
    "Invoice",
    "JobCounts",
    "Journal",
    "Ledger",
    "LedgerLine",
    "Letter",
    "OpenCalls",
    "Organisation",
    "OrganisationLine",
    "Person",
    "Position",
    "Preferences",
    "Programme",
    "Reading",
    "Report",
    "Roadmap",
    "ServiceStatus",
    "Streams",
    "Suggestion",
    "Visit",
    "Voucher",
    "cursor_of",
    "many",
    "one",
]
