"""Lines over any axis as SVG text: curves of a training, scores over thresholds, experiments beside each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from segassets.reports import svg

LEFT, RIGHT, POINTS = 62, 14, 200
PALETTE = ("#2f6fd0", "#d0592f", "#2f9a5a", "#8a4fc4", "#b5892a", "#2a9fb5", "#c43f78", "#6b7480")
_SLACK = 1e-9  # of divisions of floats that should come out even
Series = Mapping[str, tuple[Sequence[float], Sequence[float]]]


def chart(
    series: Series,
    *,
    label: str,
    across: str,
    height: float = 260,
    log: bool | None = None,
    width: float = 760,
) -> str:
    """Lines with a legend below them; a file of its own.

    Args:
        series: name -> (x, y); points that are not finite are left out.
        label: accessible name of the plot.
        across: name of the x axis.
        log: logarithmic y axis; by default where the values span more than a factor of 30.
    """
    drawn = {name: points for name, (xs, ys) in series.items() if (points := _points(xs, ys))}
    if not drawn:
        return svg.standalone(svg._svg(40, label, [svg.text(8, 24, f"{label}: nothing to draw")], width))
    xs = [x for points in drawn.values() for x, _ in points]
    ys = [y for points in drawn.values() for _, y in points]
    is_log = (min(ys) > 0 and max(ys) / min(ys) > 30) if log is None else log
    x_ticks, y_ticks = (
        ticks(min(xs), max(xs), 8),
        log_ticks(min(ys), max(ys)) if is_log else ticks(min(ys), max(ys), 5),
    )
    top, bottom = 12.0, height - 44
    to_x = svg.Scale(min(x_ticks[0], min(xs)), max(x_ticks[-1], max(xs)), LEFT, width - RIGHT)
    to_y = svg.Scale(y_ticks[0], y_ticks[-1], bottom, top, is_log)
    parts = [part for tick in y_ticks for part in _across(to_y(tick), tick, width)]
    parts += [svg.text(to_x(tick), bottom + 16, number(tick), "middle") for tick in x_ticks]
    parts.append(svg.text(width - RIGHT, bottom + 34, across, "end"))
    for at, (name, points) in enumerate(drawn.items()):
        colour = PALETTE[at % len(PALETTE)]
        path = "M" + "L".join(f"{to_x(x):.1f} {to_y(y):.1f}" for x, y in points)
        title = f"<title>{escape(name)}</title>"
        parts.append(f'<path class="line" style="--c:{colour}" d="{path}">{title}</path>')
    return svg.standalone(svg._svg(height, label, [*parts, *_legend(list(drawn), bottom + 34, width)], width))


def bars(rows: Sequence[tuple[str, float, Mapping[str, float]]], *, label: str, width: float = 760) -> str:
    """A horizontal bar for each row from 0 to 1, with marks across it; a file of its own.

    Args:
        rows: (name, value, name of a mark -> its value); marks are drawn as lines, their names and values as titles.
    """
    left, tall = 250.0, 22.0
    bottom = 10 + tall * len(rows)
    to_x = svg.Scale(0.0, 1.0, left, width - 54)
    parts: list[str] = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = to_x(tick)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="6" y2="{bottom:g}"/>')
        parts.append(svg.text(x, bottom + 16, number(tick), "middle"))
    for at, (name, value, marks) in enumerate(rows):
        y = 10 + tall * at
        shown = name if len(name) <= 36 else f"{name[:35]}…"
        place = f'x="{left:g}" y="{y + 3:.1f}" width="{max(to_x(value) - left, 0):.1f}" height="{tall - 8:g}"'
        title = f"<title>{escape(name)}: {value:.3f}</title>"
        parts.append(svg.text(left - 8, y + 14, shown, "end"))
        parts.append(f'<rect class="bar" style="--c:{PALETTE[0]}" {place}>{title}</rect>')
        parts.append(svg.text(to_x(value) + 5, y + 14, f"{value:.3f}"))
        for mark, where in marks.items():
            line = f'x1="{to_x(where):.1f}" x2="{to_x(where):.1f}" y1="{y + 1:.1f}" y2="{y + tall - 3:.1f}"'
            parts.append(f'<line class="end" {line}><title>{escape(mark)}: {where:.3f}</title></line>')
    return svg.standalone(svg._svg(bottom + 24, label, parts, width))


def ticks(low: float, high: float, about: int) -> list[float]:
    """Round values that enclose low and high, about so many."""
    if high <= low:
        high = low + (abs(low) or 1.0)
    raw = (high - low) / about
    size = 10 ** math.floor(math.log10(raw))
    step = next(factor * size for factor in (1, 2, 5, 10) if factor * size >= raw * (1 - _SLACK))
    first, last = math.floor(low / step + _SLACK), math.ceil(high / step - _SLACK)
    return [round(at * step, 12) for at in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten that enclose low and high, both above zero."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    every = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
    first = max(at for at, value in enumerate(every) if value <= low or at == 0)
    last = next((at for at, value in enumerate(every) if value >= high), len(every) - 1)
    return every[first : last + 1]


def number(value: float) -> str:
    """A tick's label: `0.05`, `1200`, `1.5e-05`."""
    return f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e7 else f"{value:.4g}"


def _points(xs: Sequence[float], ys: Sequence[float]) -> list[tuple[float, float]]:
    """Finite points, at most about POINTS: means of neighbours."""
    points = [(float(x), float(y)) for x, y in zip(xs, ys, strict=True) if math.isfinite(y)]
    step = -(-len(points) // POINTS) or 1
    groups = [points[at : at + step] for at in range(0, len(points), step)]
    return [tuple(sum(part) / len(group) for part in zip(*group, strict=True)) for group in groups]  # type: ignore[misc]


def _across(y: float, tick: float, width: float) -> list[str]:
    return [
        f'<line class="grid" x1="{LEFT}" x2="{width - RIGHT:g}" y1="{y:.1f}" y2="{y:.1f}"/>',
        svg.text(LEFT - 8, y + 4, number(tick), "end"),
    ]


def _legend(names: Sequence[str], y: float, width: float) -> list[str]:
    """Names with their colours in one row, as many as fit."""
    parts: list[str] = []
    x = float(LEFT)
    for at, name in enumerate(names):
        needed = 26 + 6.6 * len(name)
        if x + needed > width - RIGHT - 110 and at < len(names) - 1:
            return [*parts, svg.text(x, y, f"and {len(names) - at} more")]
        place = f'x="{x:.0f}" y="{y - 9:.0f}" width="12" height="9"'
        parts.append(f'<rect class="bar" style="--c:{PALETTE[at % len(PALETTE)]}" {place}/>')
        parts.append(svg.text(x + 16, y, name))
        x += needed
    return parts
