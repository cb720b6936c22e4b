"""Creating, changing and withdrawing organisations; profiles decides who may, and judges what is typed."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.console import repository
from services.console.asking import act, ask_one, change, names_of
from services.console.forms import Faults, OrganisationForm, faults_of
from services.console.forms.filled import Filled, text
from services.console.forms.organisations import EUROPEAN_LANGUAGES, SPARE_SECTORS
from services.console.identity import Visitor
from services.console.rendering import label, options
from services.console.schemas import Organisation, one
from services.console.web import Page, SignedIn, Typed, page, see
from shared.auth import RoleName
from shared.context import Context
from shared.contracts.profiles import OrganisationKind
from shared.http import Ctx
from shared.problems import Problem, forbidden
from shared.reference import COUNTRIES, LANGUAGES, regions_of, sectors_at

CREATORS = (RoleName.HUB_MANAGER, RoleName.OPERATOR)
EDITORS = (RoleName.SME_CONTACT, *CREATORS)
REFUSED_AS_PAGE = frozenset({401, 404})
"""403 is not among them: profiles also says it to a contact who may edit, but not this field (a membership, say)."""
CLUSTERS_OFFERED = 500
WHOLE_SECTORS = (2, 4)
"""NACE levels proposed while somebody types: divisions and classes."""

router = APIRouter(route_class=Page)


@router.get("/organisations/new")
async def blank_form(request: Request, context: Ctx, visitor: SignedIn) -> Response:
    """Ask for a new organisation: an operator for any, a hub for a member of its cluster."""
    visitor.needs(*CREATORS)
    offered = tuple(await admitting(context, visitor))
    own = tuple(each for each in offered if each in map(str, visitor.organisations(RoleName.HUB_MANAGER)))
    form = OrganisationForm(languages=("en",), offered=offered, clusters=own)
    return await _show(request, context, visitor, form, None)


@router.post("/organisations")
async def create(request: Request, context: Ctx, visitor: SignedIn, filled: Typed) -> Response:
    """Create the organisation, or add and remove rows of the form."""
    visitor.needs(*CREATORS)
    return await _save(request, context, visitor, filled, None)


@router.get("/organisations/{organisation_id}/edit")
async def edit_form(request: Request, context: Ctx, visitor: SignedIn, organisation_id: UUID) -> Response:
    """Show the profile as a form to those who may edit it."""
    found = await _editable(context, visitor, organisation_id)
    form = OrganisationForm.of_organisation(found, await admitting(context, visitor))
    return await _show(request, context, visitor, form, organisation_id)


@router.post("/organisations/{organisation_id}")
async def save(request: Request, context: Ctx, visitor: SignedIn, organisation_id: UUID, filled: Typed) -> Response:
    """Replace the profile, if nobody did meanwhile, or add and remove rows of the form."""
    visitor.needs(*EDITORS)
    return await _save(request, context, visitor, filled, organisation_id)


@router.get("/organisations/{organisation_id}/withdraw")
async def ask_to_withdraw(request: Request, context: Ctx, visitor: SignedIn, organisation_id: UUID) -> Response:
    """Say what withdrawing means and ask."""
    found = await _editable(context, visitor, organisation_id)
    return page(request, "organisation_withdraw.html", organisation=found)


@router.post("/organisations/{organisation_id}/withdraw")
async def withdraw(context: Ctx, visitor: SignedIn, organisation_id: UUID) -> Response:
    """Take the organisation out of everything; it is kept."""
    visitor.needs(*EDITORS)
    await act(context, visitor, "profiles", f"/organisations/{organisation_id}/withdraw", {})
    return see(f"/organisations/{organisation_id}", done="withdrawn")


async def admitting(context: Context, visitor: Visitor) -> list[str]:
    """Return the clusters to which this person may add a member: the hub's own, for an operator all."""
    if not visitor.has(RoleName.OPERATOR):
        return [str(each) for each in visitor.organisations(RoleName.HUB_MANAGER)]
    async with context.database.session() as session:
        return [str(each.id) for each in await repository.clusters(session, CLUSTERS_OFFERED)]


async def _editable(context: Context, visitor: Visitor, organisation_id: UUID) -> Organisation:
    visitor.needs(*EDITORS)
    found = one(Organisation, await ask_one(context, visitor, "profiles", f"/organisations/{organisation_id}"))
    if not found.may_edit:
        raise forbidden("Only its own contact, its hub or an operator may change an organisation.")
    if found.status != "active":
        raise Problem(409, "withdrawn", "A withdrawn organisation can’t be changed.")
    return found


async def _save(
    request: Request, context: Context, visitor: Visitor, filled: Filled, organisation_id: UUID | None
) -> Response:
    form = OrganisationForm.of_filled(filled)
    if regrown := form.after(text(filled, "do")):
        form, focus = regrown
        return await _show(request, context, visitor, form, organisation_id, focus=focus)
    form = form.without_empty()
    try:
        if organisation_id is None:
            answer = await act(context, visitor, "profiles", "/organisations", form.body())
        else:
            expected = text(filled, "over") or form.version
            path = f"/organisations/{organisation_id}"
            answer = await change(context, visitor, "profiles", path, form.body(), expected)
    except Problem as problem:
        if problem.status in REFUSED_AS_PAGE:
            raise
        faults = faults_of(problem, form.keys(), label)
        return await _show(request, context, visitor, form, organisation_id, faults=faults, status=problem.status)
    return see(f"/organisations/{one(Organisation, answer).id}", done="organisation")


async def _show(
    request: Request,
    context: Context,
    visitor: Visitor,
    form: OrganisationForm,
    organisation_id: UUID | None,
    *,
    faults: Faults | None = None,
    focus: str = "",
    status: int = 200,
) -> Response:
    offered = [UUID(each) for each in form.offered if _is_id(each)]
    names = await names_of(context, offered)
    said_in = tuple(each.language for each in (*form.offers, *form.needs))
    return page(
        request,
        "organisation_form.html",
        status=status,
        form=form,
        organisation_id=organisation_id,
        faults=faults or Faults(),
        focus=focus,
        kinds=options(_kinds(visitor, form.stored_kind)),
        countries=[("", "Choose a country"), *sorted(((c, each.name) for c, each in COUNTRIES.items()), key=_second)],
        regions=[each for each in regions_of(form.country) if each.level > 1],
        sectors=[each for level in WHOLE_SECTORS for each in sectors_at(level)],
        sector_lines=[*form.sectors, *[""] * SPARE_SECTORS],
        languages=_languages(form.languages),
        statement_languages=sorted(_languages(said_in), key=_second),
        clusters=sorted(((str(each), names.of(each)) for each in offered), key=_second),
    )


def _kinds(visitor: Visitor, stored: str) -> list[str]:
    """Return the kinds to choose from: only an operator makes an organisation a cluster, or a cluster another thing."""
    every = [str(each) for each in OrganisationKind]
    if visitor.has(RoleName.OPERATOR):
        return every
    cluster = str(OrganisationKind.CLUSTER)
    return [cluster] if stored == cluster else [each for each in every if each != cluster]


def _languages(chosen: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return languages to choose from, the chosen ones first and in their order."""
    codes = dict.fromkeys([*(each for each in chosen if each in LANGUAGES), *EUROPEAN_LANGUAGES])
    return [(code, LANGUAGES[code]) for code in codes]


def _second(pair: tuple[str, str]) -> str:
    return pair[1]


def _is_id(said: str) -> bool:
    try:
        UUID(said)
    except ValueError:
        return False
    return True
