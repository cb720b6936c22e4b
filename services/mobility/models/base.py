"""What all tables of mobility share: the metadata, column types and the version."""

from enum import StrEnum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from shared.contracts import Version
from shared.database import table_base

if TYPE_CHECKING:
    from sqlmodel import SQLModel as Base
else:
    Base = table_base()


def words(kind: type[StrEnum]) -> Any:
    """Store the words of an enumeration as text with a check constraint."""
    return sa.Enum(
        kind, native_enum=False, length=30, create_constraint=True, values_callable=lambda e: [each.value for each in e]
    )


def quoted(states: tuple[StrEnum, ...]) -> str:
    """Return states as SQL literals, for the condition of an index."""
    return ", ".join(f"'{state.value}'" for state in states)


__all__ = ["AMOUNT", "MOMENT", "UUIDS", "Base", "Versioned", "quoted", "words"]

AMOUNT = sa.Numeric(14, 2)
MOMENT: Any = sa.DateTime(timezone=True)
UUIDS: Any = ARRAY(sa.Uuid())


class Versioned(Base):
    """Columns of every aggregate and projection: the version as the pair (epoch, n)."""

    version_epoch: int
    version_n: int

    @property
    def version(self) -> Version:
        return Version(epoch=self.version_epoch, n=self.version_n)
