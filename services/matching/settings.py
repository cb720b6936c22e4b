"""Settings of the matching service."""

import os
from pathlib import Path
from typing import ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.matching.encoder.encoder import Chosen
from services.matching.encoder.fusion import CONSTANTS
from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """Environment prefix ``INTERCLUSTER_MATCHING_``."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(env_prefix="INTERCLUSTER_MATCHING_", extra="ignore")

    models_directory: Path = Path(".intercluster/models")
    """Where ``python -m services.matching prepare-models`` put the models."""
    english_model: Path | None = None
    multilingual_model: Path | None = None
    """Folders of other sentence-transformers models, in place of the standard ones."""
    encoder_constants: Path = CONSTANTS
    """Weights and calibration of the models: other models want a file of their own, made by
    ``python -m services.matching.encoder.measure_calibration``.
    """
    encoder_threads: int = Field(default_factory=lambda: min(8, len(os.sched_getaffinity(0))), ge=1, le=64)
    """Passes through a model at once, each on a core of its own: all cores, up to 8."""

    suggestions_per_organisation: int = Field(default=5, ge=1, le=50)
    """Longest list anyone gets; since a suggestion is shown to both sides, also how often one organisation is shown."""
    least_similarity: float = Field(default=0.5, ge=0, le=1)
    """A need and an offer have met when they are this close (closer than 99 % of random pairs)."""
    exploration: float = Field(default=0.05, ge=0, le=0.2)
    """Share of the lists' places for pairs that score alone would not show: only so can the ranker learn of them."""
    exploration_seed: str = "intercluster"
    """Another seed throws other dice."""
    least_score: float = Field(default=0.6, ge=0, le=1)
    """Quality floor: no suggestion is better than a bad one."""
    least_score_in_bursts: float = Field(default=0.72, ge=0, le=1)
    """While statements still wait to be read, only pairs this good are proposed: better ones than the rest may yet
    come.
    """
    least_change: float = Field(default=0.05, ge=0, le=1)
    """A score that moves by less, for the same statements, is not told again."""

    least_call_similarity: float = Field(default=0.75, ge=0, le=1)
    """A call fits an organisation when one of its statements is this close to it (closer than 99.9 % of the statements
    and calls paired at random); a pair, when it fits both sides. With the demo's data 30 % of the organisations get a
    call; of twenty such fits that we read twelve held, three held in part. With other models than the standard ones
    0.55 gives as many.
    """
    calls_per_batch: int = Field(default=16, ge=1, le=1000)
    """Calls read between two looks at what else is to do, and after a change of models everything: few, for what is new
    goes first.
    """

    round_every_seconds: float = Field(default=5.0, gt=0)
    """Longest time between two rounds while changes keep coming."""
    round_quiet_seconds: float = Field(default=0.4, ge=0)
    """A burst is over when nothing has changed for so long."""
    round_alone_seconds: float = Field(default=1.0, ge=0)
    """A change that comes so long after the one before is matched at once."""
    search_in_process_up_to: int = Field(default=200_000, ge=0)
    """Statements that are searched in memory, always exactly: about 5 kB for each. Beyond, the database searches."""
    statements_per_batch: int = Field(default=128, ge=1, le=1000)
    """Statements read by the models between two looks at what else is to do."""

    former_vectors_days: float = Field(default=7.0, ge=0)
    """After a change of models the vectors of before are kept so long: going back costs nothing meanwhile."""

    learn_every_hours: float = Field(default=24.0, gt=0)
    """How often a new ranker is learned from answers, visits and vouchers, and held against the active one."""
    least_answers: int = Field(default=100, ge=1)
    """Nothing is learned from fewer answers."""
    least_explored_answers: int = Field(default=3, ge=0)
    """Nothing is learned unless so many answers are about pairs that were shown by chance: a ranker that learns only
    from what a ranker has shown confirms itself.
    """
    least_comparison: int = Field(default=50, ge=2)
    """So many answers that neither has learned from decide whether a new ranker takes over."""

    @property
    def models(self) -> Chosen:
        """Which models read the statements."""
        return Chosen(self.models_directory, self.english_model, self.multilingual_model, self.encoder_constants)
