"""The tracks of a scene as templates print them: which are shown, rows of the table, area and score plots."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from segassets.reports import svg
from segassets.reports.figures import TrackFigures, level_name
from segassets.reports.words import figure, several, share

_ENDED = {
    "end_of_footage": "end of footage",
    "left_view": "left the view",
    "unsupported": "no longer supported",
}
_COUNTED = {
    "founded": "candidates founded a track",
    "supported": "candidates supported one",
    "relinked": "candidates brought back a track that had left",
    "over_limit": "candidates beyond the limit of objects",
    "empty_prompt": "prompts gave no mask",
}
_SCORE_TICKS = {0.0: "0", 0.25: "", 0.5: "0.5", 0.75: "", 1.0: "1"}


def largest(tracks: Sequence[TrackFigures], most: int) -> list[TrackFigures]:
    """The tracks of true objects, then those that cover most over the whole scene; in their usual order."""
    by_size = sorted(
        tracks, key=lambda item: (not item.object_name, -float(item.areas.sum()), item.track_id)
    )[:most]
    chosen = {item.track_id for item in by_size}
    return [item for item in tracks if item.track_id in chosen]


def track_rows(tracks: Sequence[TrackFigures]) -> list[dict[str, Any]]:
    """Rows of the table of tracks."""
    return [
        {
            "track_id": item.track_id,
            "colour": item.colour,
            "level_name": level_name(item.level).removeprefix("level "),
            "span": f"{item.frames[0]}–{item.frames[-1]}",
            "masks": len(item.frames),
            "area": share(item.mean_area),
            "score": figure(item.mean_score),
            "ended": _ENDED.get(item.because, item.because),
            "object_name": item.object_name,
            "j": figure(item.j) if item.j is not None else "",
        }
        for item in tracks
    ]


def tracker_counts(stats: dict[str, Any]) -> list[dict[str, str]]:
    """What the tracker counted, in words, where there was any; each candidate is told of once."""
    counts = {name: stats[name] for name in _COUNTED if isinstance(stats.get(name), int)}
    if (
        "supported" in counts
    ):  # the tracker counts those that found a track, or bring one back, as its support as well
        counts["supported"] -= counts.get("founded", 0) + counts.get("relinked", 0)
    return [{"name": _COUNTED[name], "count": f"{value:,}"} for name, value in counts.items() if value > 0]


def plots(tracks: Sequence[TrackFigures], frames: int) -> list[dict[str, Any]]:
    """Area and score over time, for each level."""
    made = []
    for level in dict.fromkeys(item.level for item in tracks):
        own = [item for item in tracks if item.level == level]
        areas = [(_name(item), item.colour, item.frames.tolist(), item.areas.tolist()) for item in own]
        scores = [(_name(item), item.colour, *_scores(item)) for item in own]
        scored = any(math.isfinite(value) for *_, values in scores for value in values)
        words = f"of tracks over {several(frames, 'frame')}, {level_name(level)}"
        made.append(
            {
                "level": level,
                "title": f"{level_name(level)} · {several(len(own), 'track')}",
                "area": _area_plot(areas, frames, f"area {words}", own),
                "score": _score_plot(scores, frames, f"score {words}") if scored else None,
            }
        )
    return made


_Series = Sequence[tuple[str, str, list[int], list[float]]]


def _scores(item: TrackFigures) -> tuple[list[int], list[float]]:
    """Frames and scores, without the frame that founded the track: of a mask it is given the network is certain."""
    founded = item.prompts[0] if len(item.prompts) else None
    kept = [frame != founded for frame in item.frames.tolist()]
    return item.frames[kept].tolist(), item.scores[kept].tolist()


def _area_plot(series: _Series, frames: int, label: str, tracks: Sequence[TrackFigures]) -> str:
    ticks = _area_ticks(tracks)
    return svg.lines(series, frames, label=label, ticks=ticks, log=True, middle=_median(series))


def _score_plot(series: _Series, frames: int, label: str) -> str:
    return svg.lines(series, frames, label=label, ticks=_SCORE_TICKS, height=170, middle=_median(series))


def _name(item: TrackFigures) -> str:
    return f"track {item.track_id}" + (f" ({item.object_name})" if item.object_name else "")


def _area_ticks(tracks: Sequence[TrackFigures]) -> dict[float, str]:
    """Powers of ten that enclose all areas."""
    low = math.floor(math.log10(min(float(item.areas.min()) for item in tracks)))
    high = math.ceil(math.log10(max(float(item.areas.max()) for item in tracks)))
    return {10.0**power: f"{10.0 ** (power + 2):g} %" for power in range(low, max(high, low + 1) + 1)}


def _median(series: _Series) -> list[tuple[float, float]]:
    """Per frame the median of the series, where there are at least three of them in all."""
    if len(series) < 3:
        return []
    values: dict[int, list[float]] = {}
    for _, _, frames, numbers in series:
        for frame, number in zip(frames, numbers, strict=True):
            if math.isfinite(number):
                values.setdefault(frame, []).append(number)
    return [(frame, float(np.median(numbers))) for frame, numbers in sorted(values.items())]
