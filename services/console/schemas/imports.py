"""Reports of imports as profiles tells of them."""

from services.console.schemas.base import Reading


class RowError(Reading):
    """Why a row was not taken. ``row`` is its line in the file, 0 the file itself."""

    row: int
    field: str
    rule: str
    message: str


class ImportReport(Reading):
    """What became of the rows of a file."""

    accepted: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    errors: tuple[RowError, ...] = ()
    errors_omitted: int = 0
    ignored_fields: tuple[str, ...] = ()
