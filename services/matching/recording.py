"""What is kept of a suggestion's scoring, so that it can be explained, had again on any later day, and learned from."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.matching.considering import Candidates
from services.matching.encoder.text import clean, text_hash
from services.matching.models import Suggestion
from services.matching.parties import Pair, Party, StatementFact
from services.matching.planning import Plan
from services.matching.scoring import Judge, Scored
from services.matching.world import Known
from shared.clock import now
from shared.contracts.matching import Evidence
from shared.contracts.profiles import OrganisationKind, StatementRole

EVIDENCE_LENGTH = 600
"""Characters of a statement that travel in an event; the whole text stands in the database."""


@dataclass(frozen=True)
class Made:
    """A round's plan with everything that it was made of. ``encoder``: the version whose vectors were compared."""

    encoder: str
    judge: Judge
    plan: Plan
    candidates: Candidates
    known: Mapping[UUID, Known]
    final: bool


def values_of(made: Made, scored: Scored) -> dict[str, Any]:
    """Return the columns of a suggestion that a scoring decides."""
    evidence = []
    for met in scored.meetings:
        need, offer = made.candidates.statements[met.need_id], made.candidates.statements[met.offer_id]
        shown = Evidence(
            need_statement_id=need.id, need_organisation_id=need.organisation_id, need_language=need.language,
            need_text=need.text[:EVIDENCE_LENGTH],
            offer_statement_id=offer.id, offer_organisation_id=offer.organisation_id, offer_language=offer.language,
            offer_text=offer.text[:EVIDENCE_LENGTH],
            similarity=met.similarity,
        )  # fmt: skip
        evidence.append(shown.model_dump(mode="json"))
    return {
        "score": scored.score,
        "reason": made.candidates.reasons[scored.pair],
        "evidence": evidence,
        "call": call_of(made, scored.pair),
        "features": scored.features,
        "profiles": _versions(made, scored),
        "model_version": f"{made.encoder} ranker {made.judge.ranker.version}",
    }


def call_of(made: Made, pair: Pair) -> dict[str, Any] | None:
    """Return the open call that a pair is to name, as it is stored."""
    call = made.plan.calls.get(pair)
    return call.model_dump(mode="json") if call else None


def scoring_row(made: Made, row: Suggestion, scored: Scored) -> dict[str, Any]:
    """Return what is kept of one scoring."""
    choice = made.plan.choices[scored.pair]
    return {
        "suggestion_id": row.id,
        "version": f"{row.version_epoch}.{row.version_n}",
        "at": now(),
        "first_id": row.first_id,
        "second_id": row.second_id,
        "score": scored.score,
        "features": scored.features,
        "factors": scored.factors,
        "met": [[str(each.need_id), str(each.offer_id)] for each in scored.meetings],
        "profiles": _versions(made, scored),
        "encoder": made.encoder,
        "ranker": made.judge.ranker.version,
        "network_until": made.judge.network.until,
        "propensity": choice.propensity,
        "explored": choice.explored,
    }


def profile_rows(made: Made, organisations: Collection[UUID]) -> list[dict[str, Any]]:
    """Return the profiles of organisations as a round has seen them."""
    rows = []
    for each in sorted(organisations):
        known = made.known[each]
        said = [facts_of_statement(fact) for fact in known.facts.values()]
        hashes = [bytes.fromhex(fact["text_hash"]) for fact in said]
        facts = {**facts_of(known.party), "statements": said}
        rows.append({"organisation_id": each, "version": known.version, "facts": facts, "text_hashes": hashes})
    return rows


def facts_of(party: Party) -> dict[str, Any]:
    """Return an organisation as JSON."""
    return {
        "kind": str(party.kind), "name": party.name, "country": party.country, "sectors": list(party.sectors),
        "languages": list(party.languages), "tags": list(party.tags),
        "clusters": [str(each) for each in party.clusters], "undertaking_group": party.undertaking_group,
        "region": party.region,
    }  # fmt: skip


def facts_of_statement(fact: StatementFact) -> dict[str, Any]:
    """Return a statement as JSON, with the hash under which its vector is kept (hexadecimal)."""
    return {
        "id": str(fact.id), "role": str(fact.role), "language": fact.language, "text": fact.text,
        "text_hash": text_hash(fact.language, clean(fact.text)).hex(),
    }  # fmt: skip


def party_from(organisation_id: UUID, facts: Mapping[str, Any]) -> Party:
    """Return an organisation from what :func:`facts_of` has kept."""
    return Party(
        organisation_id,
        OrganisationKind(facts["kind"]),
        facts["name"],
        facts["country"],
        sectors=tuple(facts["sectors"]),
        languages=tuple(facts["languages"]),
        tags=tuple(facts["tags"]),
        clusters=tuple(UUID(each) for each in facts["clusters"]),
        undertaking_group=facts["undertaking_group"],
        region=facts.get("region"),  # profiles were kept before regions counted
    )


def statements_from(organisation_id: UUID, facts: Mapping[str, Any]) -> dict[bytes, list[StatementFact]]:
    """Return statements by text hash from what :func:`facts_of_statement` has kept."""
    found: dict[bytes, list[StatementFact]] = {}
    for each in facts["statements"]:
        role = StatementRole(each["role"])
        fact = StatementFact(UUID(each["id"]), organisation_id, role, each["language"], each["text"])
        found.setdefault(bytes.fromhex(each["text_hash"]), []).append(fact)
    return found


def _versions(made: Made, scored: Scored) -> dict[str, str]:
    return {str(each): made.known[each].version for each in scored.pair}
