"""Bodies of requests and responses. Every text is bounded and free of control characters."""

from services.mobility.schemas.base import Evidence, MaybeReason, Page, Proofs, WithReason
from services.mobility.schemas.ledger import LedgerLine, LedgerOut
from services.mobility.schemas.programmes import ProgrammeIn, ProgrammeOut
from services.mobility.schemas.visits import Decision, Report, VisitOut, VisitRequest
from services.mobility.schemas.vouchers import Application, CodeOut, Invoice, InvoiceOut, Payment, VoucherOut

__all__ = [
    "Application",
    "CodeOut",
    "Decision",
    "Evidence",
    "Invoice",
    "InvoiceOut",
    "LedgerLine",
    "LedgerOut",
    "MaybeReason",
    "Page",
    "Payment",
    "ProgrammeIn",
    "ProgrammeOut",
    "Proofs",
    "Report",
    "VisitOut",
    "VisitRequest",
    "VoucherOut",
    "WithReason",
]
