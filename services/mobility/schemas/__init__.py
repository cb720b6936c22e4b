"""Bodies of requests and responses. Every text is bounded and free of control characters."""

from services.mobility.schemas.aid import (
    AidOut,
    DeclarationIn,
    DeclarationOut,
    DeclarationsOut,
    HeadroomOut,
    RateIn,
    RateOut,
    Reported,
    StatementOut,
)
from services.mobility.schemas.base import Evidence, MaybeReason, Page, Proofs, WithReason
from services.mobility.schemas.ledger import LedgerLine, LedgerOut
from services.mobility.schemas.programmes import ProgrammeIn, ProgrammeOut
from services.mobility.schemas.visits import Decision, Report, VisitOut, VisitRequest
from services.mobility.schemas.vouchers import Application, CodeOut, Invoice, InvoiceOut, Payment, VoucherOut

__all__ = [
    "AidOut",
    "Application",
    "CodeOut",
    "Decision",
    "DeclarationIn",
    "DeclarationOut",
    "DeclarationsOut",
    "Evidence",
    "HeadroomOut",
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
    "RateIn",
    "RateOut",
    "Report",
    "Reported",
    "StatementOut",
    "VisitOut",
    "VisitRequest",
    "VoucherOut",
    "WithReason",
]
