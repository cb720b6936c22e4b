"""The matching service on a real database, with a small stand-in for the sentence models."""

import hashlib
import shutil
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import httpx
import numpy as np
import pytest
import sqlalchemy as sa

from services.matching import work
from services.matching.__main__ import service
from services.matching.encoder.encoder import Chosen, Encoder, load_encoder
from services.matching.encoder.fusion import Fusion, load_fusion
from services.matching.encoder.preparation import prepare_models
from services.matching.encoder.sentence_model import Vectors
from services.matching.encoder.spaces import Space
from services.matching.engine import Engine, engine_of
from services.matching.models import Suggestion
from services.matching.organisations import forget, take_over
from services.matching.reading import read_batch, read_calls
from services.matching.rounds import Outcome, run_round
from services.matching.succession import follow, read_ahead
from shared.context import Context
from shared.contracts import Version
from shared.contracts.profiles import (
    OrganisationErased,
    OrganisationKind,
    OrganisationSnapshot,
    OrganisationStatus,
    Statement,
    StatementRole,
)
from shared.messaging.tables import journal

NAMESPACE = UUID("6f1f0a8e-2f3c-4a59-9d8b-000000000000")


class WordModel:
    """Stands in for a sentence model: a text is the sum of its words' random directions."""

    def __init__(self, name: str, dimensions: int = 384) -> None:
        self.name = name
        self.dimensions = dimensions
        self.read: list[str] = []

    def encode(self, texts: Sequence[str], languages: Sequence[str] = ()) -> Vectors:
        self.read += texts
        return np.stack([self._vector(text.removeprefix("query: ")) for text in texts])

    def _vector(self, text: str) -> Vectors:
        total = np.zeros(self.dimensions)
        for word in set(text.lower().split()):
            seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
            total += np.random.default_rng(seed).standard_normal(self.dimensions)
        length = np.linalg.norm(total)
        return (total / length if length else total).astype(np.float32)


def identifier(name: str) -> UUID:
    """Return a fixed id for a name."""
    return uuid5(NAMESPACE, name)


def organisation(
    name: str,
    country: str,
    *,
    needs: Iterable[str] = (),
    offers: Iterable[str] = (),
    language: str = "en",
    n: int = 1,
    kind: OrganisationKind = OrganisationKind.SME,
    status: OrganisationStatus = OrganisationStatus.ACTIVE,
    clusters: Iterable[str] = (),
    **more: Any,
) -> OrganisationSnapshot:
    """Return a profile; its statements are told apart by their texts."""
    said = [(StatementRole.NEED, text) for text in needs] + [(StatementRole.OFFER, text) for text in offers]
    return OrganisationSnapshot(
        organisation_id=identifier(name),
        kind=kind,
        name=name,
        country=country,
        languages=more.pop("languages", ("en",)),
        clusters=tuple(map(identifier, clusters)),
        status=status,
        statements=tuple(
            Statement(id=identifier(f"{name} {role} {text}"), role=role, text=text, language=language)
            for role, text in said
        ),
        updated_at=datetime(2026, 11, 1, tzinfo=UTC),
        version=Version(epoch=1, n=n),
        **more,
    )


@dataclass
class Matching:
    """The service's use cases as its consumer, its leader and its callers drive them."""

    context: Context
    models: dict[Space, WordModel]

    @property
    def engine(self) -> Engine:
        return engine_of(self.context)

    async def hear(self, *profiles: OrganisationSnapshot | OrganisationErased) -> None:
        """Receive events, each in a transaction of its own."""
        for body in profiles:
            async with self.context.database.transaction() as session:
                await (take_over(session, body) if isinstance(body, OrganisationSnapshot) else forget(session, body))

    async def erase(self, name: str, n: int = 99) -> None:
        """Receive the erasure of an organisation."""
        when = datetime(2026, 11, 2, tzinfo=UTC)
        body = OrganisationErased(organisation_id=identifier(name), erased_at=when, version=Version(epoch=1, n=n))
        await self.hear(body)

    async def read(self) -> int:
        """Have all statements and open calls read."""
        total = 0
        while batch := await read_batch(self.context.database, self.engine):
            total += batch
        while batch := await read_calls(self.context.database, self.engine):
            total += batch
        return total

    async def settle(self) -> Outcome:
        """Read everything and hold a round."""
        await self.read()
        return await run_round(self.context.database, self.engine)

    async def lead(self) -> None:
        """Have the leader do what is owed, to the end: its turns without the pauses between them."""
        if not self.engine.checked_readers:
            await work.begin_to_lead(self.context)
        while await work.one_step(self.context, self.engine):
            pass

    async def restart(self, fusion: Fusion | None = None) -> None:
        """Forget everything that is not in the database, as after ``kill -9``; come back with other constants."""
        self.context.state.engine = Engine(self.engine.settings, Encoder(self.models, fusion or load_fusion()))

    async def go_over(self) -> None:
        """Let the chosen encoder read everything and take over, as the leader does while another one serves."""
        await follow(self.context.database, self.engine)
        while await read_ahead(self.context.database, self.engine):
            pass

    async def suggestions(self, state: str | None = "proposed") -> dict[frozenset[str], Suggestion]:
        """Return suggestions by the names of both sides."""
        async with self.context.database.session() as session:
            names = {row.id: row.name for row in await session.execute(sa.text("SELECT id, name FROM organisation"))}
            rows = (await session.scalars(sa.select(Suggestion))).all()
        return {
            frozenset((names[row.first_id], names[row.second_id])): row for row in rows if state in (None, row.state)
        }

    async def pairs(self, state: str | None = "proposed") -> set[frozenset[str]]:
        """Return who is suggested to whom, by name."""
        return set(await self.suggestions(state))

    async def events(self) -> list[tuple[str, dict[str, Any] | None]]:
        """Return the journal: occasion and body, in order."""
        async with self.context.database.session() as session:
            rows = await session.execute(sa.select(journal.c.type, journal.c.body).order_by(journal.c.seq))
            return [(row.type.removeprefix("org.intercluster.").removesuffix(".v1"), row.body) for row in rows]

    async def occasions(self) -> list[str]:
        """Return the names of the journal's events, in order."""
        return [occasion for occasion, _ in await self.events()]


def word_models() -> dict[Space, WordModel]:
    """Return stand-ins for all models."""
    return {space: WordModel(f"words-{space}", width) for space, width in load_fusion().widths.items()}


def word_encoder() -> Encoder:
    """Return an encoder of stand-ins."""
    return Encoder(word_models(), load_fusion())


@pytest.fixture(scope="session")
def models_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The real models, prepared once for all tests that read them (they run on one worker)."""
    made = tmp_path_factory.mktemp("models")
    prepare_models(made)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="session")
def encoder(models_directory: Path) -> Encoder:
    """The real models, loaded once: that takes longer than any test with them."""
    return load_encoder(Chosen(models_directory))


@pytest.fixture
async def matching(context: Callable[..., Context]) -> Matching:
    """The service's use cases on a fresh database, with word models in place of the sentence models."""
    made = context("matching")
    models = word_models()
    made.state.engine = Engine(made.settings, Encoder(models, load_fusion()))
    return Matching(made, models)


class Api:
    """The service's HTTP side, called in process."""

    def __init__(self, client: httpx.AsyncClient, sign: Callable[..., str]) -> None:
        self._client = client
        self._sign = sign

    async def get(self, path: str, *token: Any, params: dict[str, str] | None = None, **signed: Any) -> httpx.Response:
        """GET with a token as ``token(role, organisation_id, …)`` signs it."""
        return await self._client.get(path, params=params, headers=self._headers(*token, **signed))

    async def post(self, path: str, body: dict[str, Any], *token: Any, **signed: Any) -> httpx.Response:
        """POST with a token."""
        return await self._client.post(path, json=body, headers=self._headers(*token, **signed))

    def _headers(self, *token: Any, **signed: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._sign(*token, **signed)}"}


@pytest.fixture
async def api(matching: Matching, token: Callable[..., str]) -> AsyncIterator[Api]:
    """The service's endpoints on the same database."""
    app = service.http_app(matching.context)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://matching") as client:
        yield Api(client, token)
