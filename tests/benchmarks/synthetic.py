"""Organisations that nobody is, as many as wanted: vectors in clusters, written to the database by COPY."""

import hashlib
from collections.abc import AsyncIterator

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from services.matching.encoder.fusion import Fused, load_fusion
from services.matching.encoder.spaces import spaces_of
from shared.database import Database

PER_CLUSTER = 16
"""Statements about one matter: eight needs and eight offers, each close to the others."""
NEARNESS = 0.75
AT_ONCE = 4096

LANGUAGES = ("en", "de", "en", "fr", "en")
COUNTRIES = ("MT", *["DE"] * 10, *["FR", "IT", "ES", "PL", "NL", "BE", "AT", "FI", "HU"] * 10)[:100]
"""By organisation: 1 % in Malta, 10 % in Germany."""


class Synthetic:
    """``organisations`` with one need and one offer each. The same seed gives the same vectors."""

    def __init__(self, organisations: int, seed: int = 1) -> None:
        self.organisations = organisations
        self.seed = seed
        self.fusion = load_fusion()
        chance = np.random.default_rng(seed)
        self._order = chance.permutation(self.statements)
        """Which place each statement has: places of one cluster lie together."""

    @property
    def statements(self) -> int:
        return 2 * self.organisations

    def language(self, number: int) -> str:
        """Return the language of a statement."""
        return LANGUAGES[number % len(LANGUAGES)]

    def cluster(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the clusters of statements; each has as many needs as offers, as chance will have it."""
        clusters: npt.NDArray[np.int64] = self._order[numbers] // PER_CLUSTER
        return clusters

    def vectors(self, start: int, stop: int) -> Fused:
        """Return the fused vectors of statements, shape (stop - start, dimensions)."""
        numbers = np.arange(start, stop)
        made = np.zeros((len(numbers), self.fusion.dimensions), np.float32)
        chance = np.random.default_rng((self.seed, start))
        centres: dict[int, int] = {}
        wanted = [centres.setdefault(each, len(centres)) for each in self.cluster(numbers).tolist()]
        lanes = np.stack([self._centre(each) for each in centres])[wanted]
        noise = chance.standard_normal(made.shape, np.float32)
        for space, width in self.fusion.widths.items():
            part = self.fusion.part(space)
            there = np.array([space in spaces_of(self.language(each)) for each in numbers.tolist()])
            centre, other = (_unit(each[:, part]) for each in (lanes, noise))
            mixed = _unit(NEARNESS * centre + (1 - NEARNESS**2) ** 0.5 * other)
            made[:, part] = mixed * np.sqrt(self.fusion.weights[space]) * there[:, None]
            assert made[:, part].shape[1] == width
        return made.astype(np.float16)

    def query(self, number: int, language: str) -> Fused:
        """Return the vector of a text about the matter of a cluster."""
        made = self._centre(number)
        for space in self.fusion.widths:
            part = self.fusion.part(space)
            made[part] *= np.sqrt(self.fusion.weights[space]) / np.linalg.norm(made[part])
            made[part] *= space in spaces_of(language)
        return made.astype(np.float16)

    def _centre(self, cluster: int) -> npt.NDArray[np.float32]:
        return np.random.default_rng((self.seed, 7, cluster)).standard_normal(self.fusion.dimensions, np.float32)


def text_hash(number: int) -> bytes:
    """Return the hash under which a synthetic statement's vector is kept."""
    return hashlib.md5(number.to_bytes(4, "big"), usedforsecurity=False).digest()


def _unit(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    unit: npt.NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


async def fill(database: Database, made: Synthetic, model: str) -> None:
    """Write organisations, statements and vectors into an empty database, as if all had been heard and read."""
    identified = "('00000000-0000-7000-8%s-' || lpad(to_hex(n), 12, '0'))::uuid"
    countries = "(ARRAY[" + ", ".join(f"'{each}'" for each in COUNTRIES) + "])[1 + n % 100]"
    languages = "(ARRAY[" + ", ".join(f"'{each}'" for each in LANGUAGES) + "])[1 + n % 5]"
    async with database.transaction() as session:
        await session.execute(
            sa.text(
                "INSERT INTO organisation (id, kind, name, country, languages, sectors, status, version_epoch,"
                f" version_n, change_sequence) SELECT {identified % '000'}, 'sme', 'Firm ' || n, {countries},"
                " ARRAY['en'], ARRAY['28.99'], 'active', 1, 1, nextval('change_sequence')"
                f" FROM generate_series(0, {made.organisations - 1}) n"
            )
        )
        await session.execute(
            sa.text(
                "INSERT INTO statement (id, organisation_id, role, text, language, read_text, text_hash, illustrative,"
                f" encoded_with) SELECT {identified % '111'}, {(identified % '000').replace('(n)', '(n / 2)')},"
                " CASE n % 2 WHEN 0 THEN 'need' ELSE 'offer' END,"
                f" 'Statement ' || n || repeat(' about something', 12), {languages}, '',"
                " decode(md5(int4send(n)), 'hex'), false, :model"
                f" FROM generate_series(0, {made.statements - 1}) n"
            ),
            {"model": model},
        )
        raw = await (await session.connection()).get_raw_connection()
        await raw.driver_connection.copy_to_table(  # type: ignore[union-attr]
            "text_vector", source=_binary(made, model), format="binary", columns=["text_hash", "model", "values"]
        )
    async with database.engine.connect() as connection:
        plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await plain.execute(sa.text("VACUUM ANALYZE"))


async def _binary(made: Synthetic, model: str) -> AsyncIterator[bytes]:
    """Yield PostgreSQL's binary COPY format: every row has the same length."""
    width, name = made.fusion.dimensions, model.encode()
    row = np.dtype(
        [
            *[("fields", ">i2"), ("l1", ">i4"), ("hash", "V16"), ("l2", ">i4"), ("model", f"V{len(name)}")],
            *[("l3", ">i4"), ("dimensions", ">i2"), ("unused", ">i2"), ("values", ">f2", (width,))],
        ]
    )
    yield b"PGCOPY\n\xff\r\n\0" + bytes(8)
    for start in range(0, made.statements, AT_ONCE):
        stop = min(start + AT_ONCE, made.statements)
        rows = np.zeros(stop - start, row)
        rows["fields"], rows["l1"], rows["l2"], rows["l3"] = 3, 16, len(name), 4 + 2 * width
        rows["hash"] = [np.void(text_hash(number)) for number in range(start, stop)]
        rows["model"], rows["dimensions"] = np.void(name), width
        rows["values"] = made.vectors(start, stop)
        yield rows.tobytes()
    yield b"\xff\xff"
