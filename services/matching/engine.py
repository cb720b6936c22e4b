"""The running service's encoder: loaded once, off the event loop, and honest about what it lacks."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog

from services.matching.calls.book import CallBook
from services.matching.considering import Considering
from services.matching.encoder.encoder import Encoder, load_encoder
from services.matching.encoder.errors import ModelUnavailableError
from services.matching.encoder.fusion import Fused
from services.matching.encoder.spaces import ReadText, ground_of
from services.matching.judging import Judging
from services.matching.search import Query
from services.matching.settings import Settings
from services.matching.standing import Book
from services.matching.suggestions import work_to_do
from services.matching.world import World
from shared.context import Context
from shared.problems import Problem
from shared.service import freeze_objects

log = structlog.get_logger()

RETRY_SECONDS = 30.0
"""A missing model is looked for again after so long: preparing the models mends a running service."""


@dataclass(frozen=True)
class LastChange:
    """The newest change noticed: its number, when (monotonic seconds), and how long after the one before."""

    number: int = 0
    noticed: float = -1e9
    pause: float = 0.0

    def then(self, number: int, moment: float) -> "LastChange":
        """Return the newest change after looking again."""
        return self if number == self.number else LastChange(number, moment, moment - self.noticed)


class Engine:
    """Encoder and the in-memory picture of the database. One call encodes at a time, off the event loop."""

    def __init__(self, settings: Settings, encoder: Encoder | None = None) -> None:
        self.settings = settings
        self.fusion = encoder.fusion if encoder else settings.models.fusion
        self.version = encoder.version if encoder else settings.models.version
        """Name of all models together: under which vectors are stored and statements marked as read, and what a
        suggestion says it was made by.
        """
        self.world = World(self.version, self.fusion.calibrations)
        self.book = Book()
        self.judging = Judging()
        self.calls = CallBook(self.version, self.fusion.calibrations, settings.least_call_similarity)
        self.considering = Considering(settings.least_similarity, settings.least_score)
        self.last_round_ended = -1e9
        self.last_change = LastChange()
        self.checked_readers = False
        self.woken = work_to_do.listen()
        self._encoder = encoder
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="encoder")
        self._loading = asyncio.Lock()
        self._failed: tuple[float, ModelUnavailableError] | None = None

    async def encoder(self) -> Encoder:
        """Return the loaded encoder; raises :class:`ModelUnavailableError` with what to do about it."""
        async with self._loading:
            if self._encoder is not None:
                return self._encoder
            if self._failed and time.monotonic() - self._failed[0] < RETRY_SECONDS:
                raise self._failed[1]
            try:
                self._encoder = await asyncio.get_running_loop().run_in_executor(self._threads, self._load)
            except ModelUnavailableError as error:
                self._failed = (time.monotonic(), error)
                log.error("no statement can be read", detail=str(error))
                raise
            return self._encoder

    def _load(self) -> Encoder:
        started = time.monotonic()
        encoder = load_encoder(self.settings.models, self.settings.encoder_threads)
        freeze_objects()
        log.info("models loaded", seconds=round(time.monotonic() - started, 1), models=self.version)
        return encoder

    async def encode(self, reads: Sequence[ReadText]) -> Fused:
        """Return fused vectors of texts, shape (n, dimensions); the loop goes on meanwhile."""
        encoder = await self.encoder()
        return await asyncio.get_running_loop().run_in_executor(self._threads, encoder.encode, reads)

    async def encode_query(self, read: ReadText) -> Query:
        """Return a search query as it is compared; a 503 problem when the models are not there."""
        try:
            return Query((await self.encode([read]))[0], ground_of(read.language) if read.text else 0)
        except ModelUnavailableError as error:
            raise Problem(503, "models-unavailable", f"Semantic search is off: {error}") from error

    def close(self) -> None:
        """Stop the encoder's thread after what it is doing."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def engine_of(context: Context) -> Engine:
    """Return the service's engine, made at its first use (tests may have put their own there)."""
    engine: Engine | None = getattr(context.state, "engine", None)
    if engine is None:
        assert isinstance(context.settings, Settings)
        engine = context.state.engine = Engine(context.settings)
    return engine


async def warm_up(context: Context) -> None:
    """Begin to load the models when the service starts; it serves other things meanwhile."""
    engine = engine_of(context)

    async def load() -> None:
        try:
            await engine.encoder()
        except ModelUnavailableError:
            return  # logged; asked again when something is to be read

    context.state.warming = asyncio.create_task(load())


async def shut_down(context: Context) -> None:
    """Stop the engine with the service."""
    engine_of(context).close()
