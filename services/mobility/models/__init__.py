"""Tables of the mobility database. The constraints are the second line of defence behind the use cases."""

from services.mobility.models.aid import AidAward, AidDeclaration, AidLine, AidRate
from services.mobility.models.base import Base, Versioned
from services.mobility.models.ledger import LedgerEntry
from services.mobility.models.others import Connection, Organisation, Person
from services.mobility.models.programmes import Programme, Terms
from services.mobility.models.visits import Signature, Visit
from services.mobility.models.vouchers import Voucher

__all__ = [
    "AidAward",
    "AidDeclaration",
    "AidLine",
    "AidRate",
    "Base",
    "Connection",
    "LedgerEntry",
    "Organisation",
    "Person",
    "Programme",
    "Signature",
    "Terms",
    "Versioned",
    "Visit",
    "Voucher",
]
