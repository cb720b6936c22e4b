"""A picture of how reliable rankers are: what was foreseen against what came. Pure."""

from collections.abc import Mapping, Sequence
from html import escape
from math import sqrt
from typing import Any

SIDE = 320
"""Pixels of the square in which probabilities 0…1 are drawn."""
MARGIN = 56
COLOURS = ("#9a5b00", "#00599a")
"""Told apart by people who see few colours, too; the lines also differ in their dashes."""
DASHES = ("5 4", "")


def reliability_svg(title: str, tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return an SVG document of up to two reliability tables by name; a dot's area follows its number of answers."""
    width, height = SIDE + 2 * MARGIN, SIDE + 2 * MARGIN + 16 * len(tables)
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(title)}">',
        "<style>text { font: 12px sans-serif }</style>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="{MARGIN}" y="24" font-weight="bold">{escape(title)}</text>',
        *_frame(),
    ]
    for place, (name, table) in enumerate(tables.items()):
        colour, dash = COLOURS[place % len(COLOURS)], DASHES[place % len(DASHES)]
        parts += _line(table, colour, dash)
        y = SIDE + 2 * MARGIN + 16 * place
        parts.append(f'<path d="M{MARGIN},{y - 4}h28" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>')
        parts.append(f'<text x="{MARGIN + 36}" y="{y}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _frame() -> list[str]:
    bottom = MARGIN + SIDE
    parts = [
        f'<rect x="{MARGIN}" y="{MARGIN}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#666"/>',
        f'<path d="M{MARGIN},{bottom}L{MARGIN + SIDE},{MARGIN}" stroke="#bbb"/>',
        f'<text x="{MARGIN + SIDE / 2}" y="{bottom + 34}" text-anchor="middle">foreseen</text>',
        f'<text x="14" y="{MARGIN - 12}">came</text>',
    ]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = _place(tick, tick)
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text x="{MARGIN - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    return parts


def _line(table: Sequence[Mapping[str, Any]], colour: str, dash: str) -> list[str]:
    dots = [(*_place(each["predicted"], each["observed"]), each) for each in table]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in dots)
    most = max((each["count"] for each in table), default=1)
    drawn = [f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>']
    for x, y, each in dots:
        said = f"{each['count']} answers, foreseen {each['predicted']:.0%}, came {each['observed']:.0%}"
        radius = 2 + 4 * sqrt(each["count"] / most)
        dot = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{colour}"><title>{said}</title></circle>'
        drawn.append(dot)
    return drawn


def _place(predicted: float, observed: float) -> tuple[float, float]:
    return MARGIN + SIDE * predicted, MARGIN + SIDE * (1 - observed)
