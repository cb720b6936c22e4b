"""Creating and changing programmes, by the funder's voucher administrators; mobility judges what is typed."""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.console.asking import act, ask_one, change, names_of
from services.console.forms import Faults, ProgrammeForm, faults_of
from services.console.forms.filled import Filled, text
from services.console.forms.programmes import EUROPE
from services.console.forms.rule_kinds import kinds_for
from services.console.identity import Visitor
from services.console.rendering import label
from services.console.schemas import Programme, one
from services.console.web import Page, SignedIn, Typed, page, see
from shared.auth import RoleName
from shared.context import Context
from shared.contracts.mobility import VoucherKind
from shared.http import Ctx
from shared.problems import Problem, forbidden
from shared.reference import COUNTRIES

ADMINISTRATOR = RoleName.VOUCHER_ADMINISTRATOR
CURRENCIES = (
    *("EUR", "ALL", "AMD", "BAM", "BGN", "CHF", "CZK", "DKK", "GBP", "GEL", "HUF", "ILS", "ISK", "MDL", "MKD", "NOK"),
    *("PLN", "RON", "RSD", "SEK", "TND", "TRY", "UAH"),
)
"""Euro first, then the other currencies of the countries that take part (ISO 4217)."""
REFUSED_AS_PAGE = frozenset({401, 403, 404})
"""Refusals of the person, not of what she typed: there is no form to go on with."""

router = APIRouter(route_class=Page)


def administers(visitor: Visitor, funder_id: UUID) -> bool:
    """Whether to offer changing the funder's programmes; mobility decides."""
    return funder_id in visitor.organisations(ADMINISTRATOR)


@router.get("/programmes/new")
async def blank_form(
    request: Request, context: Ctx, visitor: SignedIn, kind: Annotated[VoucherKind, Query()] = VoucherKind.INNOVATION
) -> Response:
    """Ask for a new programme; the usual rules of its kind are proposed."""
    funder = visitor.acts_for(None, ADMINISTRATOR)
    form = replace(ProgrammeForm.blank(kind, visitor.card.time_zone), funder_id=str(funder))
    return await _show(request, context, visitor, form, None)


@router.post("/programmes")
async def create(request: Request, context: Ctx, visitor: SignedIn, filled: Typed) -> Response:
    """Create the programme, or add and remove rows of the form."""
    form = ProgrammeForm.of_filled(filled)
    visitor.acts_for(_id(form.funder_id), ADMINISTRATOR)
    return await _save(request, context, visitor, form, filled, None)


@router.get("/programmes/{programme_id}/edit")
async def edit_form(request: Request, context: Ctx, visitor: SignedIn, programme_id: UUID) -> Response:
    """Ask for new terms of a programme of one's own funder."""
    visitor.needs(ADMINISTRATOR)
    found = one(Programme, await ask_one(context, visitor, "mobility", f"/programmes/{programme_id}"))
    if not administers(visitor, found.funder_id):
        raise forbidden("Only a voucher administrator of this funder may change its programmes.")
    return await _show(request, context, visitor, ProgrammeForm.of_programme(found), programme_id)


@router.post("/programmes/{programme_id}")
async def give_new_terms(
    request: Request, context: Ctx, visitor: SignedIn, programme_id: UUID, filled: Typed
) -> Response:
    """Give the programme new terms, if nobody did meanwhile, or add and remove rows of the form."""
    visitor.needs(ADMINISTRATOR)
    return await _save(request, context, visitor, ProgrammeForm.of_filled(filled), filled, programme_id)


async def _save(
    request: Request, context: Context, visitor: Visitor, form: ProgrammeForm, filled: Filled, programme_id: UUID | None
) -> Response:
    if regrown := form.after(text(filled, "do"), text(filled, "new_rule")):
        form, focus = regrown
        return await _show(request, context, visitor, form, programme_id, focus=focus)
    try:
        if programme_id is None:
            answer = await act(context, visitor, "mobility", "/programmes", form.body())
        else:
            expected = text(filled, "over") or form.version
            path = f"/programmes/{programme_id}"
            answer = await change(context, visitor, "mobility", path, form.body(), expected)
    except Problem as problem:
        if problem.status in REFUSED_AS_PAGE:
            raise
        faults = faults_of(problem, form.keys(), label)
        return await _show(request, context, visitor, form, programme_id, faults=faults, status=problem.status)
    return see(f"/programmes/{one(Programme, answer).programme_id}", done="programme")


async def _show(
    request: Request,
    context: Context,
    visitor: Visitor,
    form: ProgrammeForm,
    programme_id: UUID | None,
    *,
    faults: Faults | None = None,
    focus: str = "",
    status: int = 200,
) -> Response:
    funders = visitor.organisations(ADMINISTRATOR)
    names = await names_of(context, funders)
    currencies = dict.fromkeys([*CURRENCIES, form.currency])
    zones = {COUNTRIES[code].time_zone for code in EUROPE} | {form.time_zone}
    return page(
        request,
        "programme_form.html",
        status=status,
        form=form,
        programme_id=programme_id,
        faults=faults or Faults(),
        focus=focus,
        funders=[(each, names.of(each)) for each in funders],
        rule_kinds=kinds_for(form.kind),
        kinds=list(VoucherKind),
        countries=sorted(((code, COUNTRIES[code].name) for code in EUROPE), key=lambda each: each[1]),
        currencies=[(each, each) for each in currencies if each],
        zones=[(each, each) for each in sorted(zones) if each],
    )


def _id(said: str) -> UUID | None:
    """Return an id, ``None`` for what is none: then the person's first funder is meant and mobility refuses it."""
    try:
        return UUID(said)
    except ValueError:
        return None
