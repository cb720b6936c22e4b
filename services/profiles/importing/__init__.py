"""Reading import files, pure: bytes → lines → records, with every fault named by row, field and rule."""

from services.profiles.importing.parsing import FileFormat, FileParser, ParsedRow
from shared.importing import Report, RowError

__all__ = ["FileFormat", "FileParser", "ParsedRow", "Report", "RowError"]
