"""How each kind of programme rule is asked for: its fields, their words, and for which vouchers it makes sense.

Mobility owns the rules and judges them; this says only which inputs a person fills in.
"""

from dataclasses import dataclass
from enum import StrEnum

from shared.contracts.mobility import VisitState, VoucherKind
from shared.contracts.profiles import OrganisationKind

TRAVEL, INNOVATION = VoucherKind.TRAVEL, VoucherKind.INNOVATION
BOTH = (TRAVEL, INNOVATION)


class Input(StrEnum):
    """What kind of input a field is."""

    COUNTRIES = "countries"
    CHOICES = "choices"
    AMOUNT = "amount"
    PERCENT = "percent"
    WHOLE = "whole"
    BANDS = "bands"


@dataclass(frozen=True)
class RuleField:
    """One figure of a rule. ``optional``: it may stay empty."""

    name: str
    input: Input
    label: str
    hint: str = ""
    optional: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class RuleKind:
    """One kind of rule in words."""

    rule: str
    says: str
    fields: tuple[RuleField, ...] = ()
    vouchers: tuple[VoucherKind, ...] = BOTH


ORGANISATION_KINDS = tuple(str(each) for each in OrganisationKind)
VISIT_STATES = tuple(str(each) for each in VisitState)

_KINDS = (
    RuleKind(
        "applicant-country",
        "Only organisations of these countries may apply.",
        (RuleField("countries", Input.COUNTRIES, "Eligible countries of the applicant"),),
    ),
    RuleKind(
        "counterpart-country",
        "The host (travel) or the provider (innovation) must be in one of these countries.",
        (RuleField("countries", Input.COUNTRIES, "Eligible countries of the host or provider"),),
    ),
    RuleKind("cross-border", "The applicant and the host or provider must be in different countries."),
    RuleKind(
        "beneficiary-kind",
        "Only organisations of these kinds may apply.",
        (RuleField("kinds", Input.CHOICES, "Eligible kinds of applicant", choices=ORGANISATION_KINDS),),
    ),
    RuleKind(
        "provider-kind",
        "Only providers of these kinds are paid.",
        (RuleField("kinds", Input.CHOICES, "Eligible kinds of provider", choices=ORGANISATION_KINDS),),
        (INNOVATION,),
    ),
    RuleKind(
        "visit-state",
        "The visit must be in one of these states when somebody applies.",
        (RuleField("states", Input.CHOICES, "States of the visit", choices=VISIT_STATES),),
        (TRAVEL,),
    ),
    RuleKind(
        "lump-sum",
        "A fixed sum by length of stay, and by the host’s country if you wish. The longest line that fits counts.",
        (RuleField("bands", Input.BANDS, "Sums"),),
        (TRAVEL,),
    ),
    RuleKind(
        "reduced-lump-sum",
        "A part of the lump sum for a short stay or a near host.",
        (
            RuleField("percent", Input.PERCENT, "Part of the lump sum in %"),
            RuleField("under_working_days", Input.WHOLE, "For stays under this many working days", optional=True),
            RuleField("under_km", Input.WHOLE, "For journeys under this many km", optional=True),
        ),
        (TRAVEL,),
    ),
    RuleKind(
        "co-financing",
        "The programme pays this share of the provider’s price; the firm pays the rest.",
        (RuleField("percent", Input.PERCENT, "Co-financing rate in %"),),
        (INNOVATION,),
    ),
    RuleKind(
        "cap",
        "No voucher pays more than this.",
        (RuleField("amount", Input.AMOUNT, "At most per voucher"),),
    ),
    RuleKind(
        "validity",
        "An issued voucher lapses after this time. Every programme needs this rule.",
        (RuleField("months", Input.WHOLE, "Months from the issue", hint="1 to 60"),),
    ),
    RuleKind(
        "completed-visit-before-payment",
        "Nothing is paid before the visit is completed by its report.",
        vouchers=(TRAVEL,),
    ),
)
RULE_KINDS: dict[str, RuleKind] = {each.rule: each for each in _KINDS}

COMMON_FIELDS = ("rule", "source", "valid_from", "valid_to")
"""What every rule has."""

BEGIN_WITH: dict[VoucherKind, tuple[str, ...]] = {
    TRAVEL: ("applicant-country", "beneficiary-kind", "cross-border", "lump-sum", "validity"),
    INNOVATION: ("applicant-country", "beneficiary-kind", "co-financing", "cap", "validity"),
}
"""The rules that a new programme's form proposes: what most schemes have."""


def kinds_for(voucher: str) -> tuple[RuleKind, ...]:
    """Return the kinds of rule that make sense for a kind of voucher."""
    return tuple(each for each in _KINDS if voucher in each.vouchers)
