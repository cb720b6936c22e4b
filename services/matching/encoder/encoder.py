"""The Encoder: several models behind one interface, one fused vector per text (see ``fusion.py``)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from services.matching.encoder.calibration import Vectors
from services.matching.encoder.errors import ModelDamagedError, ModelMissingError
from services.matching.encoder.fusion import CONSTANTS, Fused, Fusion, fusion_from, load_fusion
from services.matching.encoder.lexicon import ONCE_UNNAMED, UNNAMED, Lexicon, lexicon_name, load_lexicon
from services.matching.encoder.preparation import (
    ENGLISH,
    MULTILINGUAL,
    english_folder,
    multilingual_folder,
    width_of,
)
from services.matching.encoder.sentence_model import SentenceModel, TextEncoder
from services.matching.encoder.spaces import ReadText, Space
from services.matching.encoder.universal import UNIVERSAL, UniversalModel

MAX_TOKENS = 256
"""The models read this much of a statement, about 1,000 characters."""
MULTILINGUAL_PREFIX = "query: "
"""e5 wants a prefix. Needs and offers alike are short statements, so both get the one for symmetric comparison."""


@dataclass(frozen=True)
class Chosen:
    """Which models a site has chosen: where the standard ones are, folders of others, and the constants for them."""

    models_directory: Path
    english_model: Path | None = None
    multilingual_model: Path | None = None
    constants: Path = CONSTANTS

    @property
    def fusion(self) -> Fusion:
        """The constants, with the widths of the chosen models (read from their folders; no model is loaded)."""
        chosen = {Space.ENGLISH: self.english_model, Space.MULTILINGUAL: self.multilingual_model}
        return load_fusion(self.constants, {space: width_of(folder) for space, folder in chosen.items() if folder})

    @property
    def version(self) -> str:
        """Name under which vectors are stored.

        It changes with the constants, with the lexicon and with the names of the models' folders: another model,
        another name.
        """
        named = {
            Space.ENGLISH: _name(ENGLISH, self.english_model),
            Space.MULTILINGUAL: _name(MULTILINGUAL, self.multilingual_model),
            Space.UNIVERSAL: UNIVERSAL,
            Space.LEXICAL: lexicon_name(),
        }
        return version_of(named, self.fusion)

    @property
    def recipe(self) -> dict[str, Any]:
        """What it takes to read as this encoder does, as JSON: the constants, and where other models are."""
        folders = {Space.ENGLISH: self.english_model, Space.MULTILINGUAL: self.multilingual_model}
        return {**self.fusion.stored, "folders": {space: str(each) for space, each in folders.items() if each}}


def version_of(named: Mapping[Space, str], fusion: Fusion) -> str:
    """Return the version of an encoder of these models."""
    return f"{'+'.join(named[space] for space in Space)}/{fusion.recipe}-{fusion.digest}"


class Encoder:
    """The models of all spaces."""

    def __init__(self, models: Mapping[Space, TextEncoder], fusion: Fusion) -> None:
        self.models = dict(models)
        self.fusion = fusion
        self.version = version_of({space: each.name for space, each in self.models.items()}, fusion)

    def encode(self, reads: Sequence[ReadText]) -> Fused:
        """Return fused vectors, shape (len(reads), dimensions). Blocks for long: call it in a thread.

        float16 is what is stored, so it is also what is computed with: a restart changes no score.
        """
        fused = np.zeros((len(reads), self.fusion.dimensions), np.float32)
        for space in Space:
            rows = [row for row, each in enumerate(reads) if space in each.spaces]
            if rows:
                fused[rows, self.fusion.part(space)] = self._in_space(space, [reads[row] for row in rows])
        stored: Fused = fused.astype(np.float16)
        return stored

    def encode_alone(self, space: Space, reads: Sequence[ReadText]) -> Fused:
        """Return unit vectors of one space, shape (len(reads), width), whatever the texts' languages."""
        alone: Fused = (self._in_space(space, reads) / np.sqrt(self.fusion.weights[space])).astype(np.float16)
        return alone

    def _in_space(self, space: Space, reads: Sequence[ReadText]) -> Vectors:
        prefix = MULTILINGUAL_PREFIX if space is Space.MULTILINGUAL else ""
        languages = [each.language for each in reads]
        raw = self.models[space].encode([prefix + each.text for each in reads], languages)
        return self.fusion.place(space, raw, languages)


def load_encoder(chosen: Chosen, threads: int | None = None) -> Encoder:
    """Load all models (4 s); raises ``ModelUnavailableError`` with a sentence that says what to do.

    ``threads``: cores to read many texts with.
    """
    return fitting_encoder(load_models(chosen, threads), chosen.fusion)


def load_models(chosen: Chosen, threads: int | None = None) -> dict[Space, TextEncoder]:
    """Load all models, whether there are constants that fit them or not (so that such can be measured)."""
    folder = chosen.multilingual_model or multilingual_folder(chosen.models_directory)
    english = SentenceModel(
        chosen.english_model or english_folder(), _name(ENGLISH, chosen.english_model), MAX_TOKENS, threads=threads
    )
    multilingual = SentenceModel(folder, _name(MULTILINGUAL, chosen.multilingual_model), MAX_TOKENS, threads=threads)
    return {
        Space.ENGLISH: english,
        Space.MULTILINGUAL: multilingual,
        Space.UNIVERSAL: UniversalModel(),
        Space.LEXICAL: load_lexicon(),
    }


def fitting_encoder(models: Mapping[Space, TextEncoder], fusion: Fusion) -> Encoder:
    """Return an encoder; raises ``ModelDamagedError`` if the constants are of other models: it could read nothing."""
    for space, model in models.items():
        if model.dimensions != fusion.widths[space]:
            raise ModelDamagedError(
                f"{model.name} makes {model.dimensions} numbers, the constants are for {fusion.widths[space]}"
            )
    width = fusion.widths[Space.MULTILINGUAL]
    if any(centre.shape != (width,) for centre in fusion.centres.values()):
        raise ModelDamagedError(
            f"the constants' centres are not those of {models[Space.MULTILINGUAL].name}, which makes {width} numbers:"
            " measure its constants with `python -m services.matching.encoder.measure_calibration`"
        )
    return Encoder(models, fusion)


def load_former(
    version: str, recipe: Mapping[str, Any], loaded: Encoder | None, chosen: Chosen, threads: int | None = None
) -> Encoder:
    """Load an encoder of before by its stored recipe; a model that ``loaded`` has, too, is not loaded twice.

    ``loaded``: ``None`` if not even the chosen one can be loaded. ``chosen``: where the standard models are. Raises
    ``ModelUnavailableError`` when this installation no longer has one of its models.
    """
    fusion, models = fusion_from(recipe), dict(loaded.models) if loaded else {}
    where = {Space(space): Path(folder) for space, folder in recipe.get("folders", {}).items()}
    named = {space: each.name for space, each in models.items()}
    if named and version_of(named, fusion) == version:
        return Encoder(models, fusion)
    named = {Space.UNIVERSAL: UNIVERSAL, Space.LEXICAL: lexicon_name(), **named}
    for space, standard in ((Space.ENGLISH, ENGLISH), (Space.MULTILINGUAL, MULTILINGUAL)):
        named[space] = _name(standard, where.get(space))
    if named[Space.LEXICAL] == ONCE_UNNAMED and version_of({**named, Space.LEXICAL: UNNAMED}, fusion) == version:
        named[Space.LEXICAL] = UNNAMED
    if version_of(named, fusion) != version:
        raise ModelMissingError(f"this installation does not have all models of {version}")
    for space in (Space.ENGLISH, Space.MULTILINGUAL):
        if space not in models or models[space].name != named[space]:
            folder = where.get(space) or _standard_folder(space, chosen.models_directory)
            models[space] = SentenceModel(folder, named[space], MAX_TOKENS, threads=threads)
    if loaded is None:
        models |= {Space.UNIVERSAL: UniversalModel(), Space.LEXICAL: load_lexicon()}
    lexicon = models[Space.LEXICAL]
    if isinstance(lexicon, Lexicon) and lexicon.name != named[Space.LEXICAL]:
        models[Space.LEXICAL] = lexicon.named(named[Space.LEXICAL])
    return fitting_encoder(models, fusion)


def _standard_folder(space: Space, models_directory: Path) -> Path:
    return english_folder() if space is Space.ENGLISH else multilingual_folder(models_directory)


def _name(standard: str, chosen: Path | None) -> str:
    return chosen.name if chosen else standard
