"""Matching with a firm, its cluster, partners abroad, and a stranger who has nothing to do with any of it."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa

from services.matching.calls.imports import CallImporter
from services.matching.consumers import handlers
from services.matching.engine import Engine, engine_of
from services.matching.judging import install_start_ranker
from services.matching.models import Roadmap
from services.matching.ranking.ranker import start_ranker
from services.matching.reading import read_batch, read_calls
from services.matching.repository import roadmaps, suggestions
from services.matching.settings import Settings
from services.matching.work import begin_to_lead, one_step
from shared.auth import Role
from shared.clock import now
from shared.contracts import Version
from shared.contracts.matching import SuggestionState
from shared.contracts.profiles import (
    ORGANISATION_CHANGED,
    OrganisationKind,
    OrganisationSnapshot,
    Statement,
    StatementRole,
)
from shared.ids import new_id
from shared.messaging import Event
from tests.matching.conftest import word_encoder
from tests.security.checking import Call, Caller, World, usual_callers

REASON = "REASON-OF-A-SUGGESTION"
OFFER = "turbines sealed against salt water"
NEED = "electrolysers for green hydrogen"


def _says(role: StatementRole, text: str) -> Statement:
    return Statement(id=new_id(), role=role, text=text, language="en")


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def furnish(world: World) -> None:
    """Hear of the organisations, suggest, and register how to call each route."""
    context = world.context
    assert isinstance(context.settings, Settings)
    context.state.engine = Engine(context.settings, word_encoder())

    async def organisation(
        kind: OrganisationKind, country: str, *clusters: UUID, said: tuple[Statement, ...] = ()
    ) -> UUID:
        snapshot = OrganisationSnapshot(
            version=Version(epoch=1, n=1),
            organisation_id=new_id(),
            kind=kind,
            name=f"Somebody in {country}",
            country=country,
            clusters=clusters,
            statements=(_says(StatementRole.OFFER, OFFER), *said),
            updated_at=now(),
        )
        handler = handlers.find(ORGANISATION_CHANGED.name)
        assert handler
        async with context.database.transaction() as session:
            await handler(session, Event(new_id(), ORGANISATION_CHANGED, "test", now(), snapshot, 1))
        return snapshot.organisation_id

    cluster = await organisation(OrganisationKind.CLUSTER, "AT")
    partner_cluster = await organisation(OrganisationKind.CLUSTER, "PL")
    strange_cluster = await organisation(OrganisationKind.CLUSTER, "ES")
    firm = await organisation(OrganisationKind.SME, "AT", cluster, said=(_says(StatementRole.NEED, NEED),))
    stranger = await organisation(OrganisationKind.SME, "ES", strange_cluster)
    world.callers = usual_callers(
        {"sme": firm, "hub": cluster, "adm": firm, "aud": firm},
        {"sme": stranger, "hub": strange_cluster, "adm": stranger, "aud": stranger},
        Caller((Role("sme_contact", firm),)),
    )

    await organisation(OrganisationKind.SME, "PL", partner_cluster, said=(_says(StatementRole.OFFER, NEED),))
    context.settings.round_quiet_seconds = 0
    await begin_to_lead(context)
    while await one_step(context, engine_of(context)):
        pass
    async with context.database.session() as session:
        scored = await session.scalar(sa.text("SELECT suggestion_id FROM scoring"))
    assert scored, "nothing was suggested"

    async def suggestion(state: SuggestionState) -> UUID:
        first, second = sorted((firm, await organisation(OrganisationKind.SME, "PL", partner_cluster)))
        row = {
            "id": new_id(),
            "first_id": first,
            "second_id": second,
            "state": state,
            "score": 0.7,
            "reason": REASON,
            "model_version": "test",
            "proposed_at": now(),
            "version_epoch": 1,
            "version_n": 1,
        }
        async with context.database.transaction() as session:
            await suggestions.insert_new(session, [row])
        return UUID(str(row["id"]))

    proposed = await suggestion(SuggestionState.PROPOSED)
    connected = await suggestion(SuggestionState.CONNECTED)
    roadmap = Roadmap(
        id=new_id(),
        cluster_ids=[cluster, partner_cluster],
        title="Roadmap",
        state="drafted",
        themes=[],
        model_version="test",
        asked_at=now(),
        version_epoch=1,
        version_n=1,
    )
    async with context.database.transaction() as session:
        await roadmaps.add(session, roadmap)
        await install_start_ranker(session)
    world.private = (REASON,)

    @world.make("GET /suggestions")
    async def _() -> Call:
        return Call("/suggestions?limit=200", private=(str(proposed),))

    @world.make("GET /connections")
    async def _() -> Call:
        return Call("/connections?limit=200", private=(str(connected),))

    @world.make("GET /suggestions/{}")
    async def _() -> Call:
        return Call(f"/suggestions/{proposed}", private=(REASON,))

    @world.make("GET /suggestions/{}/explanation")
    async def _() -> Call:
        return Call(f"/suggestions/{scored}/explanation?language=de&reads=de,en", private=(NEED,))

    @world.make("GET /suggestions/{}/replay")
    async def _() -> Call:
        return Call(f"/suggestions/{scored}/replay", private=("scored_at",))

    @world.make("POST /suggestions/{}/answers")
    async def _() -> Call:
        said = {"organisation_id": str(firm), "answer": "interested"}
        return Call(f"/suggestions/{await suggestion(SuggestionState.PROPOSED)}/answers", said)

    @world.make("GET /roadmaps")
    async def _() -> Call:
        return Call("/roadmaps?limit=200", private=(str(roadmap.id),))

    @world.make("GET /roadmaps/{}")
    async def _() -> Call:
        return Call(f"/roadmaps/{roadmap.id}", private=("cluster_names",))

    @world.make("POST /roadmaps")
    async def _() -> Call:
        return Call("/roadmaps", {"cluster_ids": [str(cluster), str(partner_cluster)]})

    row = {"supplied_id": "salt-water", "title": OFFER, "deadline": (now() + timedelta(days=30)).date().isoformat()}
    importer = CallImporter(context.database, None)
    await importer.run(_once(json.dumps(row).encode()))
    await read_batch(context.database, engine_of(context))
    await read_calls(context.database, engine_of(context))
    async with context.database.session() as session:
        call_id = await session.scalar(sa.text('SELECT id FROM "call"'))

    @world.make("POST /calls/imports")
    async def _() -> Call:
        return Call("/calls/imports", content=json.dumps({**row, "supplied_id": str(new_id())}).encode())

    @world.make("GET /calls")
    async def _() -> Call:
        return Call("/calls?q=turbines")

    @world.make("GET /calls/{}")
    async def _() -> Call:
        return Call(f"/calls/{call_id}")

    @world.make("GET /organisations/{}/calls")
    async def _() -> Call:
        return Call(f"/organisations/{firm}/calls", private=("similarity",))

    @world.make("GET /statements/search")
    async def _() -> Call:
        return Call("/statements/search?q=turbines")

    @world.make("GET /rankers")
    async def _() -> Call:
        return Call("/rankers", private=(start_ranker().version,))
