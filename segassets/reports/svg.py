"""Plots as SVG text: they follow the light or dark scheme of the page and need no library to be seen.

A plot is an `<svg>` whose colours are CSS variables (`--ink`, `--faint`, `--grid`); `standalone` adds them
for a file of its own. The colour of a series is the variable `--c` of its element.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from statistics import fmean

WIDTH = 1060
_LEFT, _RIGHT = 52, 12
MAX_POINTS = 500  # of a line: more would be narrower than a pixel

STYLE = """
svg.plot{font:12px system-ui,sans-serif;fill:var(--ink)}
svg.plot .axis{fill:var(--faint)} svg.plot .grid{stroke:var(--grid);stroke-width:1}
svg.plot .bar{fill:var(--c)} svg.plot .rest{fill:var(--grid)}
svg.plot .line{stroke:var(--c);fill:none;stroke-width:1.6;stroke-linejoin:round;opacity:.85}
@supports(color:color-mix(in srgb,red,blue)){
svg.plot .line{stroke:color-mix(in srgb,var(--c) 80%,var(--ink))}
svg.plot .bar{fill:color-mix(in srgb,var(--c) 86%,var(--ink))}}
svg.plot .middle{stroke:var(--ink);fill:none;stroke-width:2.6;stroke-linejoin:round}
svg.plot .gap{stroke:var(--c);stroke-width:1;stroke-dasharray:2 3;opacity:.7}
svg.plot .mark{fill:#111;stroke:#fff;stroke-width:1} svg.plot .end{stroke:var(--ink);fill:none;stroke-width:1.4}
"""
_SCHEME = """
:root{--ink:#1c2127;--faint:#68707c;--grid:#dfe3e8;--paper:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaed;--faint:#9aa3ae;--grid:#343a42;--paper:#16191d}}
svg.plot{background:var(--paper)}
"""


def standalone(svg: str) -> str:
    """The plot as a file of its own."""
    head, rest = svg.split(">", 1)
    return f'{head} xmlns="http://www.w3.org/2000/svg"><style>{_SCHEME}{STYLE}</style>{rest}\n'


def _svg(height: float, label: str, parts: Sequence[str], width: float = WIDTH) -> str:
    """Plot of a size in user units, with its accessible name."""
    return (
        f'<svg class="plot" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(label)}">'
        + "".join(parts)
        + "</svg>"
    )


class Scale:
    """Values to pixels along one axis."""

    def __init__(self, low: float, high: float, start: float, end: float, log: bool = False) -> None:
        self.log = log
        self.low, self.high = (math.log10(low), math.log10(high)) if log else (low, high)
        self.start, self.end = start, end

    def __call__(self, value: float) -> float:
        if self.log:
            value = math.log10(max(value, 10**self.low))
        span = (self.high - self.low) or 1.0
        return self.start + (value - self.low) / span * (self.end - self.start)


def frame_scale(frames: int) -> Scale:
    """Frame positions across the plot."""
    return Scale(-0.5, max(frames, 1) - 0.5, _LEFT, WIDTH - _RIGHT)


def frame_ticks(frames: int) -> list[int]:
    """About ten round frame positions."""
    step = next((s * 10**p for p in range(7) for s in (1, 2, 5) if frames / (s * 10**p) <= 12), 10**7)
    return list(range(0, max(frames, 1), step))


def text(x: float, y: float, words: str, anchor: str = "start", css: str = "axis") -> str:
    """A label."""
    return f'<text class="{css}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def frame_axis(scale: Scale, frames: int, top: float, bottom: float) -> list[str]:
    """Vertical grid and frame numbers below it."""
    parts = []
    for tick in frame_ticks(frames):
        x = scale(tick)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top:g}" y2="{bottom:g}"/>')
        parts.append(text(x, bottom + 17, str(tick), "middle"))
    parts.append(text(_LEFT - 8, bottom + 18, "frame", "end"))
    return parts


def lines(
    series: Sequence[tuple[str, str, Sequence[float], Sequence[float]]],
    frames: int,
    *,
    label: str,
    ticks: Mapping[float, str],
    log: bool = False,
    height: float = 220,
    middle: Sequence[tuple[float, float]] = (),
) -> str:
    """Lines over frames, one per track, broken where frames are missing.

    Args:
        series: (name, CSS colour, frames, values); a value that is not finite is left out.
        ticks: value -> its label; the smallest and the largest bound the axis.
        middle: points of a thick line in the colour of the text.
    """
    top, bottom = 10.0, height - 26
    across, up = frame_scale(frames), Scale(min(ticks), max(ticks), bottom, top, log)
    parts = frame_axis(across, frames, top, bottom)
    for value, words in ticks.items():
        y = up(value)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(text(_LEFT - 8, y + 4, words, "end"))
    step = -(-frames // MAX_POINTS)
    for name, colour, xs, ys in series:
        path = _path(thinned(xs, ys, step), across, up, step)
        parts.append(
            f'<path class="line" style="--c:{colour}" d="{path}"><title>{escape(name)}</title></path>'
        )
    if middle:
        thick = _path(thinned([x for x, _ in middle], [y for _, y in middle], step), across, up, step)
        parts.append(f'<path class="middle" d="{thick}"><title>median</title></path>')
    return _svg(height, label, parts)


def thinned(xs: Sequence[float], ys: Sequence[float], step: int) -> list[tuple[float, float]]:
    """Finite points; with a step above 1, one for every `step` frames: their mean."""
    points = [(x, y) for x, y in zip(xs, ys, strict=True) if math.isfinite(y)]
    if step <= 1:
        return points
    buckets: dict[int, list[tuple[float, float]]] = {}
    for x, y in points:
        buckets.setdefault(int(x // step), []).append((x, y))
    return [(at * step + (step - 1) / 2, fmean(y for _, y in group)) for at, group in sorted(buckets.items())]


def _path(points: Sequence[tuple[float, float]], across: Scale, up: Scale, step: int = 1) -> str:
    """Joined where points follow each other; a lonely point becomes a dash."""
    words, previous = [], None
    for x, y in points:
        px, py = across(x), up(y)
        if previous is None or x - previous > step:
            words.append(f"M{px - 1.5:.1f} {py:.1f}H{px + 1.5:.1f}")
        words.append(f"L{px:.1f} {py:.1f}")
        previous = x
    return "".join(words)


def columns(
    groups: Sequence[tuple[int, Sequence[tuple[str, str, int]]]],
    frames: int,
    *,
    label: str,
    height: float = 150,
) -> str:
    """Stacked columns at frames.

    Args:
        groups: (frame, [(name, CSS class or colour, count), ...] from the bottom up).
    """
    top, bottom = 10.0, height - 26
    most = max((sum(count for *_, count in parts) for _, parts in groups), default=1) or 1
    across, up = frame_scale(frames), Scale(0, most, bottom, top)
    spacing = min((b[0] - a[0] for a, b in pairwise(groups)), default=frames)
    wide = max(2.0, min(28.0, (across(spacing) - across(0)) * 0.7))
    parts = frame_axis(across, frames, top, bottom)
    for value in (0, most):
        y = up(value)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(text(_LEFT - 8, y + 4, str(value), "end"))
    for frame, stack in groups:
        total = 0
        for name, colour, count in stack:
            y, tall = up(total + count), up(total) - up(total + count)
            total += count
            if count:
                place = (
                    f'x="{across(frame) - wide / 2:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{tall:.1f}"'
                )
                title = f"<title>frame {frame}: {count} {escape(name)}</title>"
                parts.append(f'<rect class="bar" style="--c:{colour}" {place}>{title}</rect>')
    return _svg(height, label, parts)
