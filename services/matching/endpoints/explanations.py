"""Why a suggestion was made, and its score computed again as of its day."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.access import READING_ROLES, inspection_scope_of, scope_of
from services.matching.endpoints.suggestions import views
from services.matching.explaining import Grounds, Reader, explain
from services.matching.models import Suggestion
from services.matching.replay import replay, require_not_erased
from services.matching.repository import history, profiles
from services.matching.repository import suggestions as rows
from services.matching.schemas import ExplanationView, ReplayView, ScoredWith
from shared.http import Caller, Session
from shared.problems import forbidden, not_found

router = APIRouter(prefix="/suggestions", tags=["suggestions"])

Language = Annotated[str, Query(pattern="^[a-z]{2}$", description="ISO 639-1 code of the reader's language")]
Reads = Annotated[
    str | None,
    Query(
        pattern="^[a-z]{2}(,[a-z]{2}){0,30}$",
        description="All languages that the reader reads, for example `de,en`; when left out `language` and what the "
        "reader's own organisation lists",
    ),
]
ScoringVersion = Annotated[
    str | None,
    Query(
        pattern="^[0-9]{1,9}[.][0-9]{1,18}$",
        description="Version of the suggestion whose score is wanted (`epoch.n`); its newest score when left out",
    ),
]


@router.get("/{suggestion_id}/explanation")
async def explanation(
    caller: Caller, session: Session, suggestion_id: UUID, language: Language = "en", reads: Reads = None
) -> ExplanationView:
    """Say why this pair is suggested, in the reader's language (de, en, fr, pl; else English, see ``language``).

    The shares of ``factors`` come from the model that scored the pair and add up to the score. Statements are quoted
    in their original language, which is named. For whoever may see the suggestion; 410 ``erased`` when one of the two
    organisations has been erased.
    """
    scope = scope_of(caller)
    row = await rows.find(session, scope, suggestion_id)
    if row is None:
        raise not_found("suggestion", suggestion_id)
    await require_not_erased(session, row.first_id, row.second_id)
    (told,) = await views(session, [row], scope)
    own = caller.organisations(*READING_ROLES) & {row.first_id, row.second_id}
    listed = reads.split(",") if reads else [language, *await profiles.languages_of(session, own)]
    return explain(told, await _grounds(session, row), Reader(language, frozenset(listed)))


async def _grounds(session: AsyncSession, row: Suggestion) -> Grounds:
    versions = {UUID(side): version for side, version in row.profiles.items()}
    model = ScoredWith(model_version=row.model_version, profiles=versions)
    kept = await history.scoring(session, row.id, None)
    if kept is None or kept.features != row.features:
        return Grounds(row.features, {}, model)
    made_with = {"encoder": kept.encoder, "ranker": kept.ranker, "scored_at": kept.at}
    return Grounds(row.features, kept.factors, model.model_copy(update=made_with), kept.explored)


@router.get("/{suggestion_id}/replay")
async def replay_suggestion(
    caller: Caller, session: Session, suggestion_id: UUID, version: ScoringVersion = None
) -> ReplayView:
    """Score the pair again with the profiles, models, ranker and network of the day of that score.

    For operators, and for auditors of what they audit. 404 when no such score was kept, 410 ``erased`` when one of the
    two organisations has been erased, 409 ``not-replayable`` when something of that day is no longer kept.
    """
    if await rows.find(session, inspection_scope_of(caller), suggestion_id) is None:
        if await rows.find(session, scope_of(caller), suggestion_id) is None:
            raise not_found("suggestion", suggestion_id)
        raise forbidden("Only operators and auditors have scores computed again.")
    found = await replay(session, suggestion_id, version)
    kept = found.scoring
    return ReplayView(
        scored_at=kept.at,
        version=kept.version,
        score=kept.score,
        again=found.again.score,
        same=found.same,
        ranker=kept.ranker,
        encoder=kept.encoder,
        profiles={UUID(side): each for side, each in kept.profiles.items()},
        factors=kept.factors,
    )
