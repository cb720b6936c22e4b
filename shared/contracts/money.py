"""Money on the wire: a decimal string with its ISO 4217 currency, never a float."""

from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field


class Money(BaseModel):
    """An amount in a currency; at most two decimals."""

    model_config = ConfigDict(frozen=True)

    amount: Decimal = Field(max_digits=14, decimal_places=2)
    currency: str = Field(pattern=r"^[A-Z]{3}$")

    def __str__(self) -> str:
        return f"{self.amount:.2f} {self.currency}"
