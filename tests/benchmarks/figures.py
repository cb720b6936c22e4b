"""A measured figure beside its limit or peer, and how a run of them is printed."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One number. ``met`` is ``None`` where there is no target; ``note`` says what it was compared with."""

    name: str
    value: float
    unit: str
    target: str = ""
    met: bool | None = None
    note: str = ""


def at_most(name: str, value: float, unit: str, limit: float, note: str = "") -> Figure:
    """A figure that must not exceed a limit."""
    return Figure(name, value, unit, f"≤ {limit:g} {unit}", value <= limit, note)


def at_least(name: str, value: float, unit: str, limit: float, note: str = "") -> Figure:
    """A figure that must reach a limit."""
    return Figure(name, value, unit, f"≥ {limit:g} {unit}", value >= limit, note)


def percentile(values: list[float], share: float) -> float:
    """Return the nearest-rank percentile of measured values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def show(figures: list[Figure], console: Console, machine: dict[str, Any]) -> None:
    """Print the table, then one line of JSON."""
    table = Table("figure", "measured", "target", "met", "beside")
    for each in figures:
        met = {None: "", True: "[green]yes[/green]", False: "[red]no[/red]"}[each.met]
        table.add_row(each.name, f"{each.value:,.2f} {each.unit}", each.target, met, each.note)
    console.print(table)
    document = {"machine": machine, "figures": [asdict(each) for each in figures]}
    print(json.dumps(document, ensure_ascii=False), flush=True)
