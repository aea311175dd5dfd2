"""The timeline of tracks: one row a track, with gaps, prompts and the way it ended."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from segassets.reports.figures import TrackFigures, level_name
from segassets.reports.svg import MAX_POINTS, Scale, _svg, frame_axis, frame_scale, text

_ROW, _HEAD, _ACTIVE = 13.0, 20.0, 34.0


def timeline(tracks: Sequence[TrackFigures], frames: int) -> str:
    """SVG of the tracks in the order given, with a heading where the level changes.

    A bar is a stretch with masks, a dashed line a gap, a dot a keyframe whose candidate founded or supports
    the track; the end is a ring when the track left the view and a cross when no keyframe supported it any
    longer.
    """
    levels = list(dict.fromkeys(item.level for item in tracks))
    bottom = 10 + _ACTIVE + len(levels) * _HEAD + len(tracks) * _ROW
    across = frame_scale(frames)
    parts = frame_axis(across, frames, 10, bottom)
    parts += _active(tracks, frames, across)
    y, level = 10 + _ACTIVE, None
    for item in tracks:
        if item.level != level:
            level = item.level
            y += _HEAD
            parts.append(text(across(-0.5), y - 6, level_name(level)))
        parts += _row(item, y, across)
        y += _ROW
    return _svg(bottom + 26, f"timeline of {len(tracks)} tracks over {frames} frames", parts)


def _active(tracks: Sequence[TrackFigures], frames: int, across: Scale) -> list[str]:
    """How many of the tracks each frame shows, as steps above the rows."""
    counts = np.zeros(max(frames, 1), int)
    for item in tracks:
        counts[item.frames] += 1
    up = Scale(0, max(int(counts.max()), 1), 10 + _ACTIVE, 12)
    wide = -(-len(counts) // (2 * MAX_POINTS))
    most = [(min(at + wide, len(counts)), counts[at : at + wide].max()) for at in range(0, len(counts), wide)]
    steps = "".join(f"V{up(count):.1f}H{across(end - 0.5):.1f}" for end, count in most)
    outline = f"M{across(-0.5):.1f} {up(0):.1f}{steps}V{up(0):.1f}Z"
    title = f"<title>tracks on each frame, at most {counts.max()}</title>"
    return [
        f'<path class="rest" d="{outline}">{title}</path>',
        text(across(-0.5) - 8, 22, str(counts.max()), "end"),
        text(across(-0.5) - 8, 10 + _ACTIVE, "0", "end"),
    ]


def _visible(runs: Sequence[tuple[int, int]], across: Scale) -> list[tuple[int, int]]:
    """The runs, those joined whose gap is narrower than a pixel."""
    joined = list(runs[:1])
    for start, end in runs[1:]:
        if across(start) - across(joined[-1][1] + 1) < 1.0:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _row(item: TrackFigures, y: float, across: Scale) -> list[str]:
    middle = y + _ROW / 2
    first, last = int(item.frames[0]), int(item.frames[-1])
    words = f"track {item.track_id}: frames {first} to {last}, {len(item.frames)} masks, {item.because}"
    parts = [text(across(-0.5) - 8, middle + 4, str(item.track_id), "end")]
    ends = f'x1="{across(first):.1f}" x2="{across(last):.1f}" y1="{middle:.1f}" y2="{middle:.1f}"'
    parts.append(f'<line class="gap" style="--c:{item.colour}" {ends}/>')
    for start, end in _visible(item.runs, across):
        x, wide = across(start - 0.42), across(end + 0.42) - across(start - 0.42)
        place = f'x="{x:.1f}" y="{y + 2:.1f}" width="{wide:.1f}" height="{_ROW - 4:g}" rx="2"'
        parts.append(
            f'<rect class="bar" style="--c:{item.colour}" {place}><title>{escape(words)}</title></rect>'
        )
    for frame in item.prompts:
        parts.append(f'<circle class="mark" cx="{across(frame):.1f}" cy="{middle:.1f}" r="2.2"/>')
    x = across(last + 0.5) + 5
    if item.because == "left_view":
        parts.append(f'<circle class="end" cx="{x:.1f}" cy="{middle:.1f}" r="3"/>')
    elif item.because == "unsupported":
        cross = f"M{x - 3:.1f} {middle - 3:.1f}l6 6m0-6l-6 6"
        parts.append(f'<path class="end" d="{cross}"/>')
    return parts
