"""Pictures drawn on the server as SVG: scores, budgets, roadmaps, lag. Colours come from the style sheet's classes.

Each picture carries its meaning as text for people who do not see it. All words are escaped here.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import accumulate, pairwise
from math import pi, sqrt
from uuid import UUID

from markupsafe import Markup, escape

from shared.contracts.matching import Theme

RING_RADIUS = 19
RING_LENGTH = 2 * pi * RING_RADIUS
BAR_WIDTH = 320
LEAST_SHARE = 2
"""So wide is the smallest share drawn, that it can be seen at all."""
ROW_HEIGHT = 46
COLUMN_WIDTH = 150
LABEL_WIDTH = 200
HEAD_HEIGHT = 78
LARGEST_RADIUS = 17
WORDS_OF_LABEL = 27
LABEL_LINES = 2
WORDS_OF_HEAD = 17
HEAD_LINES = 3


def score_ring(score: float) -> Markup:
    """Draw a score of 0…1 as a ring that is filled to that part, with the percentage inside."""
    part = min(max(score, 0.0), 1.0)
    percent = round(part * 100)
    return Markup(
        '<svg class="ring" viewBox="0 0 48 48" width="48" height="48" role="img" aria-label="Score {percent} of 100">'
        '<circle class="ring-rest" cx="24" cy="24" r="{r}"/>'
        '<circle class="ring-part" cx="24" cy="24" r="{r}" stroke-dasharray="{filled:.1f} {length:.1f}" '
        'transform="rotate(-90 24 24)"/>'
        '<text x="24" y="28.5" text-anchor="middle" aria-hidden="true">{percent}</text></svg>'
    ).format(percent=percent, r=RING_RADIUS, filled=part * RING_LENGTH, length=RING_LENGTH)


def budget_bar(budget: Decimal, reserved: Decimal, paid: Decimal, label: str) -> Markup:
    """Draw a pot of money: what is paid, what is reserved by vouchers, and what is left."""
    whole = max(budget, Decimal(1))
    paid_width = float(min(paid / whole, Decimal(1))) * BAR_WIDTH
    reserved_width = min(float(reserved / whole) * BAR_WIDTH, BAR_WIDTH - paid_width)
    return Markup(
        '<svg class="bar" viewBox="0 0 {width} 14" preserveAspectRatio="none" role="img" aria-label="{label}">'
        '<rect class="bar-left" width="{width}" height="14"/>'
        '<rect class="bar-paid" width="{paid:.1f}" height="14"/>'
        '<rect class="bar-reserved" x="{paid:.1f}" width="{reserved:.1f}" height="14"/></svg>'
    ).format(width=BAR_WIDTH, label=label, paid=paid_width, reserved=max(reserved_width, 0.0))


def share_bars(shares: Sequence[float]) -> list[Markup]:
    """Draw what each share adds to a score of 0…1, the first as what there is before: each begins where the one before
    ended, one that takes away leads back, and the last picture is the whole. All have the same scale.
    """
    ends = list(accumulate(shares, initial=0.0))
    if not shares:
        return []
    whole = max(1.0, *ends)
    bars = [
        _share_bar("before" if index == 0 else "for" if end >= start else "against", start, end, whole)
        for index, (start, end) in enumerate(pairwise(ends))
    ]
    return [*bars, _share_bar("sum", 0.0, ends[-1], whole)]


def _share_bar(kind: str, start: float, end: float, whole: float) -> Markup:
    left, right = sorted(min(max(each / whole, 0.0), 1.0) * BAR_WIDTH for each in (start, end))
    width = max(right - left, LEAST_SHARE)
    return Markup(
        '<svg class="bar share" viewBox="0 0 {whole} 14" preserveAspectRatio="none" role="img" '
        'aria-label="From {start:.0f} to {end:.0f} of 100"><rect class="bar-left" width="{whole}" height="14"/>'
        '<rect class="share-{kind}" x="{left:.1f}" width="{width:.1f}" height="14"/></svg>'
    ).format(
        whole=BAR_WIDTH,
        start=100 * start,
        end=100 * end,
        kind=kind,
        left=min(left, BAR_WIDTH - width),
        width=width,
    )


def sparkline(values: Sequence[float], label: str) -> Markup:
    """Draw the last readings of one number as a line, oldest at the left."""
    width, height, inset = 120, 28, 2
    highest = max([1.0, *values])
    step = (width - 2 * inset) / max(len(values) - 1, 1)
    points = " ".join(
        f"{inset + index * step:.1f},{height - inset - value / highest * (height - 2 * inset):.1f}"
        for index, value in enumerate(values)
    )
    return Markup(
        '<svg class="spark" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        'aria-label="{label}"><polyline points="{points}"/></svg>'
    ).format(width=width, height=height, label=label, points=points)


def shortened(text: str, longest: int) -> str:
    """Return ``text``, cut at a word and marked with an ellipsis when it is too long."""
    if len(text) <= longest:
        return text
    cut = text[:longest].rsplit(" ", 1)[0].rstrip(" ,;")
    return f"{cut or text[:longest]}…"


def lines_of(text: str, longest: int, most: int) -> list[str]:
    """Break ``text`` into at most ``most`` lines of about ``longest`` characters."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > longest:
            if len(lines) == most:
                return [*lines[:-1], shortened(f"{lines[-1]} {word}", longest)]
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [shortened(line, longest) for line in lines]


def roadmap_matrix(themes: Sequence[Theme], clusters: Sequence[UUID], names: Mapping[UUID, str]) -> Markup:
    """Draw themes × clusters: a disc for what a cluster's members offer, a ring for what they need, a mark on gaps.

    Areas are proportional to the number of statements, with one scale for the whole picture.
    """
    width = LABEL_WIDTH + COLUMN_WIDTH * len(clusters)
    height = HEAD_HEIGHT + ROW_HEIGHT * len(themes) + 4
    most = max([1, *(max(s.offers, s.needs) for theme in themes for s in theme.strengths)])
    heads = Markup("").join(
        Markup('<text class="matrix-head" text-anchor="middle">{spans}</text>').format(
            spans=Markup("").join(
                Markup('<tspan x="{x}" y="{y}">{line}</tspan>').format(x=_column(index), y=20 + 18 * number, line=line)
                for number, line in enumerate(lines_of(names.get(cluster, "?"), WORDS_OF_HEAD, HEAD_LINES))
            )
        )
        for index, cluster in enumerate(clusters)
    )
    rows = Markup("").join(_theme_row(theme, index, clusters, most, width) for index, theme in enumerate(themes))
    return Markup(
        '<svg class="matrix" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        'aria-label="Themes by cluster: offers, needs and gaps. The table below says the same.">{heads}{rows}</svg>'
    ).format(width=width, height=height, heads=heads, rows=rows)


def _column(index: int) -> float:
    return LABEL_WIDTH + COLUMN_WIDTH * (index + 0.5)


def _theme_row(theme: Theme, index: int, clusters: Sequence[UUID], most: int, width: int) -> Markup:
    top = HEAD_HEIGHT + ROW_HEIGHT * index
    middle = top + ROW_HEIGHT / 2
    strengths = {each.cluster_id: each for each in theme.strengths}
    cells = [
        Markup('<line class="matrix-line" x1="0" x2="{width}" y1="{top}" y2="{top}"/>').format(width=width, top=top),
        _label(theme.label, middle),
    ]
    for number, cluster in enumerate(clusters):
        strength = strengths.get(cluster)
        if strength is None:
            continue
        x = _column(number)
        cells += [_dot("matrix-offer", x - 21, middle, strength.offers, most)]
        cells += [_dot("matrix-need", x + 21, middle, strength.needs, most)]
        if cluster in theme.gaps:
            cells.append(
                Markup('<path class="matrix-gap" d="M{x} {y} l7 12 h-14 z"><title>Gap</title></path>').format(
                    x=x + 50, y=middle - 6
                )
            )
    return Markup("").join(cells)


def _label(text: str, middle: float) -> Markup:
    """Write a theme's label in at most two lines around the middle of its row."""
    lines = lines_of(text, WORDS_OF_LABEL, LABEL_LINES)
    first = middle + 5 - 8.5 * (len(lines) - 1)
    spans = (
        Markup('<tspan x="4" y="{y}">{line}</tspan>').format(y=first + 17 * number, line=line)
        for number, line in enumerate(lines)
    )
    return Markup('<text class="matrix-label">{spans}</text>').format(spans=Markup("").join(spans))


def _dot(kind: str, x: float, y: float, number: int, most: int) -> Markup:
    """Draw one number as a circle with the number in it; nothing for zero."""
    if number == 0:
        return Markup('<circle class="matrix-none" cx="{x}" cy="{y}" r="2"/>').format(x=x, y=y)
    radius = max(9.0, LARGEST_RADIUS * sqrt(number / most))
    return Markup(
        '<circle class="{kind}" cx="{x}" cy="{y}" r="{r:.1f}"/>'
        '<text class="{kind}-text" x="{x}" y="{base}" text-anchor="middle">{number}</text>'
    ).format(kind=kind, x=x, y=y, r=radius, base=y + 4, number=escape(number))
