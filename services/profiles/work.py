"""Work at the start: the first operator."""

import structlog

from services.profiles.people import ensure_first_operator
from services.profiles.settings import Settings
from shared.context import Context

log = structlog.get_logger()


async def make_first_operator(context: Context) -> None:
    """Make the person named in the settings an operator if there is none yet."""
    settings = context.settings
    if not isinstance(settings, Settings) or not settings.first_operator_email:
        return
    async with context.database.transaction() as session:
        made = await ensure_first_operator(
            session, settings.first_operator_email, settings.first_operator_name, settings.first_operator_language
        )
    if made:
        log.info("first operator made")
