"""What somebody typed into a form, by field: plain text, lists and numbered rows."""

import re
from collections.abc import Iterable, Mapping

Filled = Mapping[str, list[str]]
"""Field → its values; a field with one value has a list of one."""

MOST_ROWS = 200
_DECIMAL_COMMA = re.compile(r"[0-9]+,[0-9]{1,2}")


def filled_of(items: Iterable[tuple[str, object]]) -> Filled:
    """Gather the fields of a form; files are left out. Browsers send line breaks as CR LF."""
    found: dict[str, list[str]] = {}
    for name, value in items:
        if isinstance(value, str):
            found.setdefault(name, []).append(value.replace("\r\n", "\n"))
    return found


def text(filled: Filled, name: str) -> str:
    """Return a field's text without blanks around it, empty if it is not there."""
    values = filled.get(name)
    return values[-1].strip() if values else ""


def texts(filled: Filled, name: str) -> list[str]:
    """Return a field's values (of checkboxes, or of inputs of one name), without empty ones and repetitions."""
    return list(dict.fromkeys(each.strip() for each in filled.get(name, ()) if each.strip()))


def rows(filled: Filled, name: str) -> list[Filled]:
    """Return the numbered rows ``name-0-…``, ``name-1-…`` in their order, each with its own fields."""
    pattern = re.compile(rf"{re.escape(name)}-([0-9]{{1,3}})-(.+)", re.DOTALL)
    found: dict[int, dict[str, list[str]]] = {}
    for field, values in filled.items():
        if match := pattern.fullmatch(field):
            found.setdefault(int(match[1]), {})[match[2]] = values
    return [found[number] for number in sorted(found)[:MOST_ROWS]]


def number(typed: str) -> str:
    """Return a number as the services read it: ``5 000,50`` becomes ``5000.50``; anything else stays as it is."""
    plain = typed.replace("\N{NO-BREAK SPACE}", "").replace(" ", "")
    return plain.replace(",", ".") if _DECIMAL_COMMA.fullmatch(plain) else plain


def listed(typed: str) -> list[str]:
    """Return what is separated by commas, semicolons or line breaks."""
    return list(dict.fromkeys(each.strip() for each in re.split(r"[,;\n]", typed) if each.strip()))
