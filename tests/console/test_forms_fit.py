"""The console's long forms against the bodies that mobility and profiles really read, and their real refusals."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from services.console.forms import Faults, OrganisationForm, ProgrammeForm, faults_of
from services.console.forms.organisations import StatementRow
from services.console.forms.programmes import RuleRow
from services.console.forms.rule_kinds import RULE_KINDS, Input
from services.console.rendering import label
from services.console.schemas import Programme
from services.mobility.programme_rules import ProgrammeRule
from services.mobility.schemas import ProgrammeIn
from services.profiles.schemas import OrganisationIn
from shared.contracts.mobility import VoucherKind
from shared.http import _on_invalid_request
from shared.ids import new_id
from shared.problems import Problem

EXAMPLES = sorted((Path(__file__).parents[2] / "services" / "mobility" / "programmes").glob("*.json"))


async def refused(kind: type[BaseModel], body: dict[str, Any], keys: set[str]) -> Faults:
    """What the form shows when the service refuses the body, by way of the service's own problem document."""
    from fastapi.exceptions import RequestValidationError

    with pytest.raises(ValidationError) as caught:
        kind.model_validate(body)
    errors = [{**each, "loc": ("body", *each["loc"])} for each in caught.value.errors()]
    document = json.loads((await _on_invalid_request(None, RequestValidationError(errors))).body)  # type: ignore[arg-type]
    return faults_of(Problem(422, document["rule"], document["detail"], errors=document["errors"]), keys, label)


def said_plainly(faults: Faults) -> None:
    """No word of a programmer's language reaches a person."""
    for message in (*faults.top, *(each for found in faults.at.values() for each in found)):
        for word in ("Input", "Value error", "Decimal", "String", "Tuple", "unable to parse", "type=", "{", "ISO 8601"):
            assert word not in message, message


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_programme_goes_through_the_form_unchanged(path: Path) -> None:
    terms = json.loads(path.read_text(encoding="utf-8"))
    stored = {**terms, "funder_id": str(new_id())}
    shown = Programme.model_validate(
        {**stored, "programme_id": new_id(), "version": {"epoch": 1, "n": 1}, "available": terms["budget"],
         "changed_at": "2026-11-02T08:00:00Z", "terms_version": "1.1"}
    )  # fmt: skip
    sent = ProgrammeIn.model_validate(ProgrammeForm.of_programme(shown).body())
    wanted = ProgrammeIn.model_validate(stored)
    assert sorted(map(_sorted, sent.rules)) == sorted(map(_sorted, wanted.rules))
    assert sent.model_copy(update={"rules": ()}) == wanted.model_copy(update={"rules": ()})


def _sorted(rule: Any) -> str:
    said = rule.model_dump(mode="json")
    return json.dumps(
        {name: sorted(each) if name == "countries" else each for name, each in said.items()}, sort_keys=True
    )


def test_every_kind_of_rule_that_mobility_knows_has_its_fields_here() -> None:
    known = {each.model_fields["rule"].annotation.__args__[0]: each for each in ProgrammeRule.__origin__.__args__}
    assert set(known) == set(RULE_KINDS)
    for rule, kind in RULE_KINDS.items():
        asked = {each.name: each for each in kind.fields}
        own = set(known[rule].model_fields) - {"rule", "source", "valid_from", "valid_to"}
        assert set(asked) == own, rule
        needed = {name for name in own if known[rule].model_fields[name].is_required()}
        assert {name for name, each in asked.items() if not each.optional} == needed, rule


async def test_an_empty_form_of_a_programme_is_refused_at_its_fields_in_plain_words() -> None:
    form = replace(ProgrammeForm.blank(VoucherKind.TRAVEL, "Europe/Vienna"), rules=tuple(
        RuleRow(rule, {}, ({},) if any(each.input is Input.BANDS for each in kind.fields) else ())
        for rule, kind in RULE_KINDS.items()
    ))  # fmt: skip
    faults = await refused(ProgrammeIn, form.body(), form.keys())
    assert {"funder_id", "name", "closes_on", "budget-amount", "rules-0-countries", "rules-0-source"} <= set(faults.at)
    assert "rules-6-bands-0-amount" in faults.at
    assert faults.top == ()
    said_plainly(faults)


async def test_contradictions_within_a_programme_are_said_in_plain_words() -> None:
    cap = RuleRow("cap", {"amount": ["-1"], "source": ["S"], "valid_from": ["2026-02-01"], "valid_to": ["2026-01-01"]})
    months = RuleRow("validity", {"months": ["99"], "source": ["S"], "valid_from": ["2026-01-01"]})
    where = RuleRow(
        "applicant-country", {"countries_more": ["Atlantis"], "source": ["S"], "valid_from": ["2026-01-01"]}
    )
    form = ProgrammeForm(
        str(new_id()), "P", "travel", "1.234", "EUR", "2026-02-01", "2026-01-01", "Mars/Base", (cap, months, where)
    )
    faults = await refused(ProgrammeIn, form.body(), form.keys())
    assert faults.of("rules-0-amount") == ("This must be more than 0.",)
    assert faults.of("rules-1-months") == ("This must be 60 or less.",)
    assert faults.of("rules-2-countries") == ("'Atlantis' is no ISO 3166 country code.",)
    assert faults.of("budget-amount") == ("At most two digits may follow the point.",)
    assert faults.of("time_zone") == ("Is not an IANA time zone.",)
    said_plainly(faults)
    sound = replace(form, amount="5", time_zone="Europe/Vienna", rules=())
    assert (await refused(ProgrammeIn, sound.body(), sound.keys())).top == ("The programme closes before it opens.",)
    lasting = replace(sound, closes_on="2026-03-01")
    assert (await refused(ProgrammeIn, lasting.body(), lasting.keys())).top == ("A programme needs a rule 'validity'.",)


def test_a_full_profile_is_read_by_profiles_as_it_was_typed() -> None:
    form = OrganisationForm(
        name="Firm", country="AT", region="AT221", website="www.firm.example", sectors=("28.13",), languages=("de",),
        more_languages="Welsh", tags="Water, low-carbon", offers=(StatementRow("Pumps", "en"),),
    )  # fmt: skip
    read = OrganisationIn.model_validate(form.body())
    assert (read.website, read.languages, read.tags) == (
        "https://www.firm.example",
        ["de", "cy"],
        ["water", "low-carbon"],
    )
    assert [(each.text, each.language) for each in read.offers] == [("Pumps", "en")]
    assert (read.city, read.undertaking_group, read.national_id) == (None, None, None)


async def test_a_wrong_profile_is_refused_at_its_fields_in_plain_words() -> None:
    form = OrganisationForm(
        name="", country="", region="XX9", website="no address", sectors=("28.13", "pumps"), more_languages="Klingon",
        needs=(StatementRow("Fine", "en"), StatementRow("x" * 5001, "tlh")),
    )  # fmt: skip
    faults = await refused(OrganisationIn, form.body(), form.keys())
    wanted = {"name", "country", "region", "website", "sectors-1", "languages", "needs-1-text", "needs-1-language"}
    assert set(faults.at) == wanted
    assert faults.of("needs-1-text") == ("At most 5000 characters fit here.",)
    said_plainly(faults)
