"""What every import of a file has in common: lines of text out of bytes, and the row-by-row report. Pure."""

from shared.importing.lines import MAX_LINE_BYTES, Line, LineReader, WrongEncodingError
from shared.importing.report import Outcome, Report, RowError

__all__ = ["MAX_LINE_BYTES", "Line", "LineReader", "Outcome", "Report", "RowError", "WrongEncodingError"]
