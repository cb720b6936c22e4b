from services.profiles.models import metadata
from shared.migrations import run

run(metadata)
