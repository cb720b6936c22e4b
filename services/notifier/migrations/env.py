"""Alembic's entry point for the notifier's database."""

from services.notifier.models import Base
from shared.migrations import run

run(Base.metadata)
