"""The form of a programme: funder, dates, budget, and its rules as numbered rows."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from services.console.forms.filled import Filled, listed, number, rows, text, texts
from services.console.forms.rule_kinds import BEGIN_WITH, COMMON_FIELDS, RULE_KINDS, Input, RuleField, RuleKind
from services.console.schemas import Programme
from shared.clock import today
from shared.contracts.mobility import VoucherKind
from shared.reference import COUNTRIES, country_by_name, regions_of

MORE = "_more"
"""Suffix of the text field beside a group of checkboxes: countries that have no box."""
EUROPE = tuple(code for code in sorted(COUNTRIES) if regions_of(code) or code == "GB")
"""Countries with a box of their own: those whose regions are known, and the United Kingdom, which left NUTS."""

NOWHERE = 1000
"""A number that no row of a form has."""
DEEPEST = 20
"""Levels of lists and objects within a kept rule; the rules of today have three."""


@dataclass(frozen=True)
class RuleRow:
    """One rule as typed. ``raw`` holds a rule that this form has no fields for: it is kept as it is."""

    rule: str
    values: Filled = field(default_factory=dict)
    bands: tuple[Filled, ...] = ()
    raw: str = ""

    @property
    def kind(self) -> RuleKind | None:
        """How this rule is asked for; ``None`` for one that is only kept."""
        return None if self.raw else RULE_KINDS.get(self.rule)

    def text(self, name: str) -> str:
        """Return a field's text."""
        return text(self.values, name)

    def texts(self, name: str) -> list[str]:
        """Return a field's values."""
        return texts(self.values, name)

    def body(self) -> dict[str, Any]:
        """Return the rule as mobility reads it."""
        if self.raw or self.kind is None:
            return _kept(self.raw) | {"rule": self.rule}
        said: dict[str, Any] = {name: self.text(name) for name in COMMON_FIELDS} | {"rule": self.rule}
        said["valid_to"] = said["valid_to"] or None
        for each in self.kind.fields:
            value = self._value(each)
            if value or not each.optional:
                said[each.name] = value
        return said

    def _value(self, asked: RuleField) -> Any:
        if asked.input is Input.COUNTRIES:
            return list(dict.fromkeys([*self.texts(asked.name), *codes(self.text(asked.name + MORE))]))
        if asked.input is Input.CHOICES:
            return self.texts(asked.name)
        if asked.input is Input.BANDS:
            return [_band(each) for each in self.bands]
        return number(self.text(asked.name))


@dataclass(frozen=True)
class ProgrammeForm:
    """A programme as typed; everything is text. ``version`` is that of the terms that were read, empty for none."""

    funder_id: str = ""
    name: str = ""
    kind: str = VoucherKind.TRAVEL
    amount: str = ""
    currency: str = "EUR"
    opens_on: str = ""
    closes_on: str = ""
    time_zone: str = "Europe/Brussels"
    rules: tuple[RuleRow, ...] = ()
    version: str = ""

    @classmethod
    def blank(cls, kind: VoucherKind, time_zone: str) -> "ProgrammeForm":
        """Return the form of a new programme with the usual rules, in force from today."""
        day = today().isoformat()
        proposed = tuple(_new_rule(rule, day) for rule in BEGIN_WITH[kind])
        return cls(kind=kind, opens_on=day, time_zone=time_zone, rules=proposed)

    @classmethod
    def of_programme(cls, programme: Programme) -> "ProgrammeForm":
        """Return the form of a programme that exists."""
        return cls(
            funder_id=str(programme.funder_id),
            name=programme.name,
            kind=programme.kind,
            amount=f"{programme.budget.amount:.2f}",
            currency=programme.budget.currency,
            opens_on=programme.opens_on.isoformat(),
            closes_on=programme.closes_on.isoformat(),
            time_zone=programme.time_zone,
            rules=tuple(_stored_rule(each) for each in programme.rules),
            version=programme.terms_version,
        )

    @classmethod
    def of_filled(cls, filled: Filled) -> "ProgrammeForm":
        """Return the form as it was typed."""
        simple = ("funder_id", "name", "kind", "opens_on", "closes_on", "time_zone", "version")
        return cls(
            **{name: text(filled, name) for name in simple},
            amount=text(filled, "budget-amount"),
            currency=text(filled, "budget-currency"),
            rules=tuple(_typed_rule(each) for each in rows(filled, "rules")),
        )

    def body(self) -> dict[str, Any]:
        """Return the programme as mobility reads it."""
        same = ("funder_id", "name", "kind", "opens_on", "closes_on", "time_zone")
        return {
            **{name: getattr(self, name) for name in same},
            "budget": {"amount": number(self.amount), "currency": self.currency},
            "rules": [each.body() for each in self.rules],
        }

    def keys(self) -> set[str]:
        """Return the names of all fields."""
        found = {"funder_id", "name", "kind", "opens_on", "closes_on", "time_zone", "budget-amount", "budget-currency"}
        for at, rule in enumerate(self.rules):
            names = (*COMMON_FIELDS[1:], *(each.name for each in rule.kind.fields)) if rule.kind else ()
            found |= {f"rules-{at}", *(f"rules-{at}-{name}" for name in names)}
            for line in range(len(rule.bands)):
                found |= {f"rules-{at}-bands-{line}-{name}" for name in ("from_working_days", "amount", "countries")}
        return found

    def after(self, do: str, new_rule: str) -> tuple["ProgrammeForm", str] | None:
        """Return the form after a row was added or taken away, and the field to go on with; ``None``: save it.

        ``do``: ``add-rule``, ``remove-rule:<row>``, ``add-band:<row>`` or ``remove-band:<row>:<line>``.
        """
        word, *places = do.split(":")
        at, line = (*(_place(each) for each in places[:2]), 0, 0)[:2]
        rules = list(self.rules)
        focus = "new_rule"
        if word == "add-rule" and new_rule in RULE_KINDS:
            rules.append(_new_rule(new_rule, self.opens_on or today().isoformat()))
            focus = f"rules-{len(rules) - 1}"
        elif word == "remove-rule" and at < len(rules):
            del rules[at]
        elif word == "add-band" and at < len(rules):
            rules[at] = replace(rules[at], bands=(*rules[at].bands, {}))
            focus = f"rules-{at}-bands-{len(rules[at].bands) - 1}-from_working_days"
        elif word == "remove-band" and at < len(rules):
            rules[at] = replace(rules[at], bands=tuple(b for i, b in enumerate(rules[at].bands) if i != line))
            focus = f"rules-{at}-add-band"
        elif word != "add-rule":
            return None
        return replace(self, rules=tuple(rules)), focus


def codes(typed: str) -> list[str]:
    """Return country codes for names or codes; what is neither stays, for mobility to refuse by name."""
    found = []
    for each in listed(typed):
        known = None if each.upper() in COUNTRIES else country_by_name(each)
        found.append(known.code if known else each.upper() if len(each) == 2 else each)
    return found


def _band(band: Filled) -> dict[str, Any]:
    figures = {name: number(text(band, name)) for name in ("from_working_days", "amount")}
    return {**figures, "countries": codes(text(band, "countries"))}


def _new_rule(rule: str, valid_from: str) -> RuleRow:
    bands: tuple[Filled, ...] = ({},) if rule == "lump-sum" else ()
    return RuleRow(rule, {"valid_from": [valid_from]}, bands)


def _typed_rule(filled: Filled) -> RuleRow:
    return RuleRow(text(filled, "rule"), filled, tuple(rows(filled, "bands")), text(filled, "raw"))


def _stored_rule(stored: Mapping[str, Any]) -> RuleRow:
    rule = str(stored.get("rule", ""))
    kind = RULE_KINDS.get(rule)
    if kind is None or set(stored) - {*COMMON_FIELDS, *(each.name for each in kind.fields)}:
        return RuleRow(rule, raw=json.dumps(dict(stored)))
    values = {name: [str(stored[name])] for name in COMMON_FIELDS[1:] if stored.get(name)}
    bands: tuple[Filled, ...] = ()
    for each in kind.fields:
        found = stored.get(each.name)
        if each.input is Input.BANDS:
            bands = tuple(_stored_band(band) for band in found or ())
        elif each.input is Input.COUNTRIES:
            values[each.name] = [code for code in found or () if code in EUROPE]
            values[each.name + MORE] = [", ".join(code for code in found or () if code not in EUROPE)]
        elif found is not None:
            values[each.name] = [str(one) for one in found] if isinstance(found, list | tuple) else [str(found)]
    return RuleRow(rule, values, bands)


def _stored_band(band: Mapping[str, Any]) -> Filled:
    figures = {name: [str(band.get(name, ""))] for name in ("from_working_days", "amount")}
    return {**figures, "countries": [", ".join(band.get("countries") or ())]}


def _place(typed: str) -> int:
    """Return a row's number; one that no row has for what is none."""
    return int(typed) if re.fullmatch("[0-9]{1,3}", typed) else NOWHERE


def _kept(raw: str) -> dict[str, Any]:
    """Return a rule that came back from the page; empty if somebody has made of it what JSON can't carry on."""
    try:
        found = json.loads(raw)
        level = [found]
        for _ in range(DEEPEST):
            level = [part for each in level for part in _parts(each)]
        # NaN and numbers that became infinite are no JSON, halves of surrogate pairs no UTF-8.
        json.dumps(None if level else found, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) and not level else {}


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
