"""The running service's encoder: loaded once, off the event loop, and honest about what it lacks."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from services.matching.calls.book import CallBook
from services.matching.calls.comparing import stored_under
from services.matching.considering import Considering
from services.matching.encoder.encoder import Encoder, load_encoder, load_former
from services.matching.encoder.errors import ModelUnavailableError
from services.matching.encoder.fusion import Fused, Fusion
from services.matching.encoder.spaces import ReadText, ground_of
from services.matching.judging import Judging
from services.matching.live_plan import LivePlan
from services.matching.models import Call, Statement
from services.matching.picture import NO_RECIPE, Picture, picture_of
from services.matching.repository import encoders
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


SURELY_A_LANGUAGE = 60
"""Characters. Of shorter questions the language can't be told ("energy storage": Norwegian): they may be English."""


@dataclass(frozen=True)
class LastChange:
    """The newest change noticed: its number, when (monotonic seconds), and how long after the one before."""

    number: int = 0
    noticed: float = -1e9
    pause: float = 0.0

    def then(self, number: int, moment: float) -> "LastChange":
        """Return the newest change after looking again."""
        return self if number == self.number else LastChange(number, moment, moment - self.noticed)


@dataclass
class Ahead:
    """How far the chosen encoder has come with reading again while another one still serves.

    ``after``: the last statement or call it has looked at, by table; ``unreadable``: texts that no model could read;
    ``texts``: how many it has read since ``began`` (monotonic seconds); ``told``: when that was last said;
    ``refused``: when it was found that it can't read too many.
    """

    after: dict[str, UUID] = field(default_factory=dict)
    unreadable: set[bytes] = field(default_factory=set)
    texts: int = 0
    began: float | None = None
    told: float = -1e9
    refused: float = -1e9


class Engine:
    """Encoder and the in-memory picture of the database. One call encodes at a time, off the event loop.

    ``chosen``: version of the encoder that the settings name. ``shown``: the picture of the one that serves, which is
    another one until all is read again (see ``succession.py``).
    """

    def __init__(self, settings: Settings, encoder: Encoder | None = None) -> None:
        self.settings = settings
        self.fault: ModelUnavailableError | None = None
        """Why not even the name of the chosen encoder can be known; what was read before is shown all the same."""
        self.chosen, self.recipe = (encoder.version, encoder.fusion.stored) if encoder else self._choice()
        self.shown = picture_of(self.chosen, self.recipe, settings)
        calls_under = stored_under(self.chosen, self.shown.fusion)
        self.stored_under: dict[encoders.Table, str] = {Statement: self.chosen, Call: calls_under}
        """The names under which the chosen encoder's vectors are stored."""
        self.followed = False
        self.following = asyncio.Lock()
        self.loading: asyncio.Task[None] | None = None
        """What loads the picture of another encoder that has taken over, while the old one is shown."""
        self.not_loaded = -1e9
        self.ahead = Ahead()
        self.cleaned: dict[str, datetime] = {}
        """Former encoders whose vectors have been deleted, and when they retired."""
        self.book = Book()
        self.judging = Judging()
        self.planning = LivePlan()
        """Of the picture that is shown."""
        self.last_round_ended = -1e9
        self.last_change = LastChange()
        self.checked_readers = False
        self.woken = work_to_do.listen()
        self._encoder = encoder
        self._former: tuple[str, float, Encoder | None] | None = None
        """The encoder of before that serves, ``None`` if it is not here, and when it was looked for."""
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="encoder")
        self._loading = asyncio.Lock()
        self._failed: tuple[float, ModelUnavailableError] | None = None

    def _choice(self) -> tuple[str, Mapping[str, Any]]:
        try:
            return self.settings.models.version, self.settings.models.recipe
        except ModelUnavailableError as error:
            self.fault = error
            log.error("no statement can be read before this is mended and the service restarted", detail=str(error))
            return "", NO_RECIPE

    @property
    def version(self) -> str:
        """Name of all models together that serve: under which vectors are stored, and what a suggestion says it was
        made by.
        """
        return self.shown.version

    @property
    def fusion(self) -> Fusion:
        """The constants of the encoder that serves."""
        return self.shown.fusion

    @property
    def world(self) -> World:
        """The statements, as the encoder that serves has read them."""
        return self.shown.world

    @property
    def calls(self) -> CallBook:
        """The calls, as the encoder that serves has read them."""
        return self.shown.calls

    @property
    def considering(self) -> Considering:
        """Who might be suggested to whom, by the encoder that serves."""
        return self.shown.considering

    def show(self, picture: Picture) -> None:
        """Work with this picture from now on; an encoder of before leaves memory."""
        self.shown, self._former, self.ahead = picture, None, Ahead()
        self.planning = LivePlan()

    async def encoder(self) -> Encoder:
        """Return the loaded encoder; raises :class:`ModelUnavailableError` with what to do about it."""
        async with self._loading:
            if self._encoder is not None:
                return self._encoder
            if self.fault is not None:
                raise self.fault
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
        log.info("models loaded", seconds=round(time.monotonic() - started, 1), models=self.chosen)
        return encoder

    async def reader(self, shown: Picture) -> Encoder | None:
        """Return the encoder of a picture: ``None`` if it is one of before that can't be loaded here any more.

        Raises :class:`ModelUnavailableError` when the chosen one can't be loaded, either.
        """
        if shown.version == self.chosen:
            return await self.encoder()
        try:
            chosen = await self.encoder()
        except ModelUnavailableError:
            former = await self._former_reader(shown, None)
            if former is None:
                raise
            return former
        return await self._former_reader(shown, chosen)

    async def _former_reader(self, shown: Picture, chosen: Encoder | None) -> Encoder | None:
        async with self._loading:
            version, looked, former = self._former or ("", -1e9, None)
            if version != shown.version or (former is None and time.monotonic() - looked >= RETRY_SECONDS):
                loop = asyncio.get_running_loop()
                former = await loop.run_in_executor(self._threads, self._load_former, shown, chosen)
                self._former = (shown.version, time.monotonic(), former)
            return former

    async def reads(self, shown: Picture) -> bool:
        """Whether what is new will be read by the encoder of a picture (also once its models are mended)."""
        try:
            return await self.reader(shown) is not None
        except ModelUnavailableError:
            return True

    def _load_former(self, shown: Picture, chosen: Encoder | None) -> Encoder | None:
        try:
            return load_former(shown.version, shown.recipe, chosen, self.settings.models, self.settings.encoder_threads)
        except ModelUnavailableError as error:
            log.warning("what is new is not read before the encoder has changed", detail=str(error))
            return None

    async def encode(self, reads: Sequence[ReadText], encoder: Encoder) -> Fused:
        """Return fused vectors of texts, shape (n, dimensions); the loop goes on meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, encoder.encode, reads)

    async def encode_query(self, read: ReadText, shown: Picture) -> tuple[Query, Encoder]:
        """Return a search query as it is compared, and by whom it was read: by the encoder of the picture, or by the
        chosen one if that is no longer here. A 503 problem when the models are not there.
        """
        try:
            encoder = await self.reader(shown) or await self.encoder()
        except ModelUnavailableError as error:
            raise Problem(503, "models-unavailable", f"Semantic search is off: {error}") from error
        return Query((await self.encode([read], encoder))[0], ground_of(read.language) if read.text else 0), encoder

    async def ask_calls(self, shown: Picture, read: ReadText) -> list[tuple[str, Fused]]:
        """Return a question as calls are asked, by language; nothing if it can't be read as the picture's calls were.

        To be called before a session is opened: the encoder may be busy for long.
        """
        encoder = await self.reader(shown) if read.text else None
        if encoder is None:
            return []
        languages = {read.language, "en"} if len(read.text) < SURELY_A_LANGUAGE else {read.language}
        reads = [shown.calls.comparison.question(ReadText(each, read.text)) for each in sorted(languages)]
        return list(zip(sorted(languages), await self.encode(reads, encoder), strict=True))

    def close(self) -> None:
        """Stop the encoder's thread after what it is doing."""
        if self.loading is not None:
            self.loading.cancel()
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
