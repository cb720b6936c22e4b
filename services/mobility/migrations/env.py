"""Alembic's entry point for the mobility database."""

from services.mobility.models import Base
from shared.migrations import run

run(Base.metadata)
