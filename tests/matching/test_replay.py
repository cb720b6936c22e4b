"""Any past suggestion can be scored again as of its day, whatever has changed since."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
import sqlalchemy as sa

from services.matching.encoder.encoder import Encoder
from services.matching.encoder.fusion import load_fusion
from services.matching.engine import Engine
from services.matching.judging import ACTIVE, RETIRED, install_start_ranker
from services.matching.outcomes import note_connection
from services.matching.ranking.cooperation import RecordedPast
from services.matching.ranking.ranker import Curve, start_ranker
from services.matching.reading import read_batch
from services.matching.recording import facts_of
from services.matching.replay import Replayed, replay
from services.matching.repository import history, profiles
from services.matching.rounds import run_round
from services.matching.suggestions import answer_suggestion
from services.matching.work import begin_to_lead
from shared.clock import now
from shared.contracts.matching import Answer
from shared.contracts.profiles import OrganisationStatus
from shared.problems import Problem
from tests.matching.conftest import Matching, WordModel, identifier, organisation

NEED = "recycling of lithium batteries from electric cars"
OFFER = "we recycle lithium batteries of electric cars"
LANGUAGES = {"languages": ("de", "en")}


@pytest.fixture
async def suggested(matching: Matching) -> UUID:
    """A suggestion made by the leader on a quiet day."""
    await begin_to_lead(matching.context)
    await matching.hear(
        organisation("Akku", "DE", needs=[NEED], offers=["quiet heat pumps"], sectors=("38.32",), **LANGUAGES),
        organisation("Pile", "FR", offers=[OFFER], needs=["heat pumps that are quiet"], sectors=("38.32",)),
    )
    await matching.settle()
    (row,) = (await matching.suggestions()).values()
    return row.id


async def again(matching: Matching, suggestion: UUID, version: str | None = "1.1") -> Replayed:
    """Return the replay of one scoring."""
    async with matching.context.database.session() as session:
        return await replay(session, suggestion, version)


async def another_day(matching: Matching) -> None:
    """Change everything that a score is made of: profiles, models, ranker, network."""
    ranker = start_ranker()
    other = replace(ranker, curves={**ranker.curves, "statements": Curve((0.0, 1.0), (0.0, 7.0))})
    async with matching.context.database.transaction() as session:
        await history.set_ranker_state(session, ranker.version, RETIRED, {})
        await history.add_ranker(
            session,
            {
                "version": other.version,
                "state": ACTIVE,
                "parameters": other.to_json(),
                "made_at": now(),
                "learned_until": now(),
            },
        )
        for side in ("Akku", "Pile"):
            pair = sorted((identifier(side), identifier("Friend")))
            await note_connection(session, (pair[0], pair[1]), now())
    await matching.hear(
        organisation("Akku", "DE", needs=["batteries recycling"], sectors=("10.51",), n=2),
        organisation("Pile", "FR", offers=["recycling batteries", "bread"], n=2),
    )
    fusion = replace(load_fusion(), recipe="other", weights=dict.fromkeys(load_fusion().weights, 0.2))
    models = {space: WordModel(f"new-{space}", width) for space, width in fusion.widths.items()}
    matching.context.state.engine = Engine(matching.engine.settings, Encoder(models, fusion))
    await begin_to_lead(matching.context)
    await matching.go_over()
    await matching.settle()


async def test_a_score_comes_out_the_same_after_profiles_models_ranker_and_network_have_changed(
    matching: Matching, suggested: UUID
) -> None:
    first = await again(matching, suggested)
    assert first.same
    await another_day(matching)
    (row,) = (await matching.suggestions(None)).values()
    assert (row.version_n, row.score) != (1, first.scoring.score)
    later = await again(matching, suggested)
    assert later.again == first.again
    assert later.again.features == first.scoring.features
    assert later.again.factors == first.scoring.factors
    newest = await again(matching, suggested, None)
    assert newest.same
    assert newest.scoring.ranker != first.scoring.ranker


async def test_a_new_release_brings_its_ranker_unless_one_has_learned(matching: Matching, suggested: UUID) -> None:
    shipped, older = start_ranker(), replace(start_ranker(), intercept=-2.5)
    learned = replace(start_ranker(), intercept=-2.0)
    for active, moment, expected in ((older, None, shipped), (learned, now(), learned)):
        async with matching.context.database.transaction() as session:
            await session.execute(sa.text("DELETE FROM ranker WHERE state = 'active'"))
            values = {"version": active.version, "state": ACTIVE, "parameters": active.to_json(), "made_at": now()}
            await history.add_ranker(session, {**values, "learned_until": moment})
            await install_start_ranker(session)
        async with matching.context.database.session() as session:
            row = await history.ranker_in_state(session, ACTIVE)
        assert row is not None
        assert row.version == expected.version


@pytest.fixture
async def before_regions(matching: Matching, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """A suggestion made when no region was looked at; since then the same profiles are kept with theirs."""
    await begin_to_lead(matching.context)
    await matching.hear(
        organisation("Akku", "DE", needs=[NEED], offers=["quiet heat pumps"], region="DE132"),
        organisation("Pile", "FR", offers=[OFFER], needs=["heat pumps that are quiet"], region="FRF11"),
    )
    with monkeypatch.context() as then:
        then.setattr("services.matching.scoring.regions_km", lambda one, other: None)
        await matching.settle()
    ((pair, row),) = (await matching.suggestions()).items()
    async with matching.context.database.transaction() as session:
        await session.execute(sa.text("UPDATE profile_version SET facts = facts - 'region'"))
    async with matching.context.database.transaction() as session:
        for side in pair:
            known = matching.engine.world.known[identifier(side)]
            facts = {**facts_of(known.party), "statements": []}
            kept = {"organisation_id": known.party.id, "version": known.version, "facts": facts, "text_hashes": []}
            await history.keep_profiles(session, [kept])
        rows = (await session.execute(sa.text("SELECT facts FROM profile_version"))).scalars().all()
    assert {each["region"] for each in rows} == {"DE132", "FRF11"}
    assert all(each["statements"] for each in rows), "what is kept of a profile is not lost for its region"
    return row.id


async def test_a_score_of_before_regions_counted_comes_out_the_same(matching: Matching, before_regions: UUID) -> None:
    first = await again(matching, before_regions)
    assert first.same
    assert first.again.factors == first.scoring.factors


async def test_with_the_regions_of_today_in_it_such_a_replay_would_differ(
    matching: Matching, before_regions: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control of the test above."""
    monkeypatch.setattr("services.matching.replay.kept_distance", lambda _: None)
    assert not (await again(matching, before_regions)).same


@pytest.mark.parametrize("kept", [True, False])
async def test_a_score_by_regions_comes_out_the_same(
    matching: Matching, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another release may know other places of regions; ``kept`` false: the negative control."""
    await begin_to_lead(matching.context)
    await matching.hear(
        organisation("Akku", "DE", needs=[NEED], region="DE132"),
        organisation("Pile", "FR", offers=[OFFER], region="FRF11"),
    )
    await matching.settle()
    (row,) = (await matching.suggestions()).values()
    found = await again(matching, row.id)
    assert found.same
    assert found.again.factors == found.scoring.factors
    assert found.scoring.factors["distance"] < 0.1
    monkeypatch.setattr("services.matching.scoring.regions_km", lambda one, other: 2_500.0)
    if not kept:
        monkeypatch.setattr("services.matching.replay.kept_distance", lambda _: None)
    assert (await again(matching, row.id)).same == kept


@pytest.mark.parametrize("guard", ["ranker", "constants", "profiles", "network"])
async def test_with_anything_of_today_in_it_a_replay_would_differ(
    matching: Matching, suggested: UUID, guard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative controls: one part of what is kept is taken from today."""
    first = await again(matching, suggested)
    await another_day(matching)
    if guard == "ranker":
        keep = history.ranker

        async def today(session, version):
            return await history.ranker_in_state(session, ACTIVE) or await keep(session, version)

        monkeypatch.setattr(history, "ranker", today)
    elif guard == "constants":
        anchors = {"anchors": {"15": [0, 0.01, 0.02, 0.03, 0.04, 1.0]}}

        async def others(session, version):
            return anchors

        monkeypatch.setattr(history, "encoder_constants", others)
    elif guard == "profiles":
        kept = history.profile_versions

        async def changed(session, versions):
            found = await kept(session, versions)
            for row in found.values():
                row.facts = {**row.facts, "languages": ["xx"] if row.facts["country"] == "DE" else ["yy"]}
            return found

        monkeypatch.setattr(history, "profile_versions", changed)
    else:
        monkeypatch.setattr("services.matching.replay.RecordedPast", lambda _: RecordedPast({"network": 0.9}))
    assert (await again(matching, suggested)).again != first.again


async def test_an_erased_organisation_answers_erased(matching: Matching, suggested: UUID) -> None:
    await matching.erase("Pile")
    await matching.settle()
    with pytest.raises(Problem) as refused:
        await again(matching, suggested)
    # Erased is erased: of the scoring itself nothing is left either.
    assert refused.value.status == 410
    assert refused.value.rule == "erased"
    async with matching.context.database.session() as session:
        assert await session.scalar(sa.text("SELECT count(*) FROM profile_version")) == 0
        assert await session.scalar(sa.text("SELECT count(*) FROM scoring")) == 0


async def test_a_replay_does_not_depend_on_who_else_is_erased_or_heard_of_late(
    matching: Matching, suggested: UUID
) -> None:
    first = await again(matching, suggested)
    async with matching.context.database.transaction() as session:
        for side in ("Akku", "Pile"):
            one, other = sorted((identifier(side), identifier("Third")))
            await note_connection(session, (one, other), datetime(2020, 1, 1, tzinfo=UTC))
    await matching.hear(organisation("Third", "PL", offers=["bread"]))
    assert (await again(matching, suggested)).again == first.again
    await matching.erase("Third")
    assert (await again(matching, suggested)).again == first.again


async def test_what_is_read_only_after_a_first_proposal_can_be_replayed_too(matching: Matching) -> None:
    """In a burst a pair is proposed before all its statements are read; then it turns out to meet in others."""
    await begin_to_lead(matching.context)
    matching.engine.settings.least_score_in_bursts = 0.0
    matching.engine.settings.statements_per_batch = 2
    await matching.hear(
        organisation("Akku", "DE", needs=[NEED, "quiet heat pumps for houses"]),
        organisation("Pile", "FR", offers=["recycling of lithium from cars and batteries", NEED]),
        organisation("Late", "PL", offers=["bread"]),
    )
    await read_batch(matching.context.database, matching.engine)
    await run_round(matching.context.database, matching.engine)
    await matching.settle()
    for row in (await matching.suggestions()).values():
        assert (await again(matching, row.id, None)).same


async def test_a_statement_too_short_for_a_language_can_be_replayed(matching: Matching) -> None:
    await begin_to_lead(matching.context)
    said = {"needs": ["Laser"], "offers": ["Laser"], "language": ""}
    await matching.hear(organisation("Licht", "DE", **said), organisation("Light", "FR", **said))
    await matching.settle()
    (row,) = (await matching.suggestions()).values()
    assert (await again(matching, row.id)).same


async def test_an_answer_has_the_score_of_the_version_before(matching: Matching, suggested: UUID) -> None:
    async with matching.context.database.transaction() as session:
        await answer_suggestion(session, suggested, identifier("Akku"), Answer.INTERESTED)
    assert (await again(matching, suggested, "1.2")).scoring.version == "1.1"


async def test_a_replay_says_what_is_no_longer_kept(matching: Matching, suggested: UUID) -> None:
    async with matching.context.database.transaction() as session:
        await session.execute(sa.text("DELETE FROM text_vector"))
    with pytest.raises(Problem, match="vector of a statement"):
        await again(matching, suggested)
    with pytest.raises(Problem) as refused:
        await again(matching, suggested, "0.7")
    assert refused.value.status == 404


async def test_vectors_that_a_replay_needs_stay_when_nobody_says_their_text_any_more(
    matching: Matching, suggested: UUID
) -> None:
    await matching.hear(
        organisation("Akku", "DE", needs=["bread"], n=2),
        organisation("Pile", "FR", n=3, status=OrganisationStatus.WITHDRAWN),
    )
    async with matching.context.database.transaction() as session:
        hashes = set((await session.scalars(sa.text("SELECT text_hash FROM text_vector"))).all())
        await profiles.forget_vectors(session, hashes)
    assert (await again(matching, suggested)).same
