"""Use cases of declarations: an undertaking signs what small aid it got from elsewhere; the newest one counts."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.mobility.aid import rates
from services.mobility.aid.rules import AidRefusalError, aid_rules, converted
from services.mobility.models import AidDeclaration
from services.mobility.repository import aid as rows
from services.mobility.repository import organisations
from services.mobility.schemas.aid import DeclarationIn, DeclarationOut, DeclarationsOut, DeclaredItem, WordingOut
from services.mobility.scopes import PARTY_ROLES, person_of
from shared.audit import audit
from shared.auth import Principal
from shared.clock import now, today
from shared.contracts.mobility import AID_DECLARED, AidDeclarationSnapshot, StateAid
from shared.database import next_version
from shared.ids import new_id
from shared.messaging import publish
from shared.problems import conflict, forbidden, unprocessable


async def declare(session: AsyncSession, caller: Principal, body: DeclarationIn) -> DeclarationOut:
    """Sign a declaration for one's own organisation and all that are linked with it.

    Raises 403 for another's, 409 ``declaration-wording`` for a text that is out of date, 422 for what can't be counted.
    """
    if body.organisation_id not in caller.organisations(*PARTY_ROLES):
        raise forbidden("Only the organisation's own contacts may sign for it.")
    person, day = person_of(caller), today()
    if not await organisations.known(session, [body.organisation_id]):
        raise unprocessable("known-organisation", f"No organisation {body.organisation_id} is known here.")
    if body.wording != aid_rules().wording(day).version:
        raise conflict("declaration-wording", f"The text to sign is version {aid_rules().wording(day).version}.")
    version = await next_version(session, None)
    made = AidDeclaration(
        declaration_id=new_id(),
        organisation_id=body.organisation_id,
        undertaking=(await rows.undertaking(session, body.organisation_id)).group,
        country=body.country,
        wording=body.wording,
        items=[
            {**item.model_dump(mode="json"), "counted": await _counted(session, item, body.country, f"items.{index}")}
            for index, item in enumerate(body.items)
        ],
        declared_by=person,
        declared_on=day,
        declared_at=now(),
        version_epoch=version.epoch,
        version_n=version.n,
    )
    await rows.add(session, made)
    await publish(session, AID_DECLARED, snapshot(made))
    detail = {"country": body.country, "items": len(body.items)}
    await audit(session, caller, "state-aid.declare", body.organisation_id, made.declaration_id, detail)
    return _view(made)


async def page(
    session: AsyncSession, organisation_id: UUID, country: str | None, limit: int, cursor: UUID | None
) -> DeclarationsOut:
    """Return what an organisation has declared, newest first, and the text that it would sign today."""
    found, following = await rows.declarations_page(session, organisation_id, country, limit, cursor)
    wording = aid_rules().wording(today())
    return DeclarationsOut(
        items=[_view(each) for each in found],
        next_cursor=str(following) if following else None,
        wording=WordingOut(version=wording.version, text=wording.text),
    )


def items_of(declaration: AidDeclaration) -> list[DeclaredItem]:
    """Return what was declared, as it was signed."""
    return [
        DeclaredItem(**{key: value for key, value in each.items() if key != "counted"}) for each in declaration.items
    ]


def snapshot(declaration: AidDeclaration) -> AidDeclarationSnapshot:
    """Return the body of a declaration's event: no amounts, no authority."""
    return AidDeclarationSnapshot(
        version=declaration.version,
        declaration_id=declaration.declaration_id,
        organisation_id=declaration.organisation_id,
        country=declaration.country,
        wording=declaration.wording,
        items=len(declaration.items),
        declared_at=declaration.declared_at,
    )


async def _counted(session: AsyncSession, item: DeclaredItem, country: str, where: str) -> str:
    """Return the declared amount in the ceiling's currency, as text for JSON."""
    if item.regulation is StateAid.NONE:
        raise unprocessable("state-aid-kind", f"{where}: what is no small aid need not be declared.")
    if item.amount.amount <= 0:
        raise unprocessable("positive-cents", f"{where}: the amount must be positive.")
    if item.granted_on > today():
        raise unprocessable("granted-before", f"{where}: {item.granted_on} lies in the future.")
    currency = aid_rules().currency(country, today())
    if currency is None:
        raise unprocessable("state-aid-jurisdiction", f"No ceiling in {country} is on record.")
    try:
        rate = await rates.rate(session, item.amount.currency, currency, today())
    except AidRefusalError as error:
        raise unprocessable(error.rule, f"{where}: {error.detail}") from error
    return str(converted(item.amount.amount, rate))


def _view(declaration: AidDeclaration) -> DeclarationOut:
    return DeclarationOut(
        declaration_id=declaration.declaration_id,
        organisation_id=declaration.organisation_id,
        country=declaration.country,
        wording=declaration.wording,
        items=items_of(declaration),
        declared_by=declaration.declared_by,
        declared_on=declaration.declared_on,
        declared_at=declaration.declared_at,
    )
