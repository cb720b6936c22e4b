"""Use case: have a past suggestion's score again, from the profiles, model, ranker and network of its day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.encoder.fusion import Fused, calibrations_from
from services.matching.encoder.spaces import ground_of
from services.matching.models import ProfileVersion, Scoring
from services.matching.parties import StatementFact
from services.matching.ranking.cooperation import RecordedPast
from services.matching.ranking.ranker import from_json
from services.matching.recording import party_from, statements_from
from services.matching.repository import history, profiles
from services.matching.repository import suggestions as rows
from services.matching.scoring import Judge, Meeting, Scored, kept_distance, score_pair
from services.matching.search import Indexed, StatementIndex
from services.matching.store import index_of
from shared.problems import Problem, not_found


@dataclass(frozen=True)
class Replayed:
    """A scoring as it was kept, and as it comes out now."""

    scoring: Scoring
    again: Scored

    @property
    def same(self) -> bool:
        """Whether the score is the same."""
        return self.again.score == self.scoring.score


async def replay(session: AsyncSession, suggestion_id: UUID, version: str | None) -> Replayed:
    """Score a suggestion as of the day of one of its scorings (the newest if ``version`` is ``None``).

    Everything is read from what was kept on that day: nothing of today's profiles, models or ranker enters. What third
    organisations said of the pair (common partners, :mod:`.ranking.cooperation`) is taken as it was kept: some of them
    may be erased by now; so is the distance, for tables of regions change with releases.

    Raises a 404 problem when nothing was kept, 410 ``erased`` when one side is erased, 409 ``not-replayable`` when
    something that it needs is gone.
    """
    suggestion = await rows.find(session, rows.Scope(everything=True), suggestion_id)
    if suggestion is None:
        raise not_found("suggestion", suggestion_id)
    await require_not_erased(session, suggestion.first_id, suggestion.second_id)
    kept = await history.scoring(session, suggestion_id, version)
    if kept is None:
        raise not_found("scoring", suggestion_id)
    versions = {side: kept.profiles[str(side)] for side in (kept.first_id, kept.second_id)}
    found = await history.profile_versions(session, versions)
    ranker = await history.ranker(session, kept.ranker)
    constants = await history.encoder_constants(session, kept.encoder)
    if len(found) < 2 or ranker is None or constants is None:
        raise _gone("a profile version, the ranker or the encoder's constants")
    quoted = {said for pair in kept.met for said in pair}
    hashes = {
        bytes.fromhex(each["text_hash"]) for row in found.values() for each in row.facts["statements"]
        if each["id"] in quoted
    }  # fmt: skip
    vectors = await history.stored_vectors(session, kept.encoder, hashes)
    if hashes - vectors.keys():
        raise _gone("the vector of a statement")
    entries = [entry for row in found.values() for entry in _entries(row, vectors)]
    index = index_of(entries, calibrations_from(constants))
    one, other = (party_from(side, found[side].facts) for side in (kept.first_id, kept.second_id))
    met = _meetings(index, kept.met)
    past, apart = RecordedPast(kept.factors), kept_distance(kept.factors)
    judge = Judge(from_json(ranker.parameters), past=past, apart=apart)
    return Replayed(kept, score_pair(one, other, met, judge))


async def require_not_erased(session: AsyncSession, *organisations: UUID) -> None:
    """Raise a 410 problem when one of these organisations has been erased."""
    for each in organisations:
        row = await profiles.organisation(session, each)
        if row is None or row.status == profiles.ERASED:
            raise Problem(410, "erased", "One of the two organisations has been erased, and what it said with it.")


def _entries(row: ProfileVersion, vectors: Mapping[bytes, Fused]) -> list[Indexed]:
    facts: list[tuple[bytes, StatementFact]] = [
        (text_hash, fact)
        for text_hash, said in statements_from(row.organisation_id, row.facts).items()
        for fact in said
    ]
    country = row.facts["country"]
    return [
        Indexed(fact, country, ground_of(fact.language), vectors[text_hash])
        for text_hash, fact in facts
        if text_hash in vectors
    ]


def _meetings(index: StatementIndex, met: Sequence[Sequence[str]]) -> list[Meeting]:
    rows = {str(index.fact(row).id): row for row in index.live.tolist()}
    if any(said not in rows for pair in met for said in pair):
        raise _gone("a statement")
    made = []
    for need_id, offer_id in met:
        need, offer = (index.fact(rows[each]) for each in (need_id, offer_id))
        similarity = index.similarity(rows[need_id], rows[offer_id])
        made.append(Meeting(similarity, need.id, need.organisation_id, offer.id, offer.organisation_id))
    return made


def _gone(what: str) -> Problem:
    return Problem(409, "not-replayable", f"This score can't be had again: {what} of its day is no longer kept.")
