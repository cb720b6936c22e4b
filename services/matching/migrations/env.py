"""Alembic's entry point for the matching database."""

from services.matching.models import Base
from shared.migrations import run

run(Base.metadata)
