"""The numbers of a scene report: tracks with runs and prompts, candidates by keyframe, quality, costs."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from segassets.evaluation.track_quality import track_quality
from segassets.media.draw import colour_of
from segassets.proposals.levels import LEVEL_NAMES
from segassets.reports.data import SceneTables

NOT_SUMMARISED = "?"


def level_name(level: int) -> str:
    """`level 2 (whole)`."""
    name = LEVEL_NAMES.get(level)
    return f"level {level} ({name})" if name else f"level {level}"


def hex_colour(identity: int) -> str:
    """The colour of an id in pictures, as CSS writes it."""
    return "#{:02x}{:02x}{:02x}".format(*colour_of(identity))


@dataclass
class TrackFigures:
    """One track as a report shows it; frames are positions in the selection.

    Attributes:
        areas, scores: per frame it is on, area as a share of the picture, score or nan.
        prompts: frames of the candidates that founded or supported it.
        j, object_name: against truth, None where it matches no true object.
    """

    track_id: int
    level: int
    because: str
    frames: np.ndarray
    areas: np.ndarray
    scores: np.ndarray
    prompts: list[int] = field(default_factory=list)
    j: float | None = None
    object_name: str | None = None

    @property
    def colour(self) -> str:
        """CSS colour."""
        return hex_colour(self.track_id)

    @property
    def runs(self) -> list[tuple[int, int]]:
        """Unbroken stretches (first, last frame)."""
        breaks = np.flatnonzero(np.diff(self.frames) > 1)
        starts, ends = [0, *(breaks + 1)], [*breaks, len(self.frames) - 1]
        return [(int(self.frames[a]), int(self.frames[b])) for a, b in zip(starts, ends, strict=True)]

    @property
    def largest_frame(self) -> int:
        """The frame on which it is largest."""
        return int(self.frames[int(self.areas.argmax())])

    @property
    def mean_area(self) -> float:
        """Mean share of the picture."""
        return float(self.areas.mean())

    @property
    def mean_score(self) -> float | None:
        """Mean over frames with a score."""
        known = self.scores[np.isfinite(self.scores)]
        return float(known.mean()) if len(known) else None


def track_figures(data: SceneTables) -> list[TrackFigures]:
    """All tracks, by level, then by first frame."""
    prompts = _prompt_frames(data)
    because = dict(
        zip(*(data.summary.column(n).to_pylist() for n in ("track_id", "retired_because")), strict=True)
    )
    columns = {
        name: data.tracks.column(name).to_numpy(zero_copy_only=False)
        for name in ("track_id", "frame", "level", "area", "height", "width", "score")
    }
    share = columns["area"] / (columns["height"].astype(np.int64) * columns["width"])
    order = np.lexsort((columns["frame"], columns["track_id"]))
    ids, starts = np.unique(columns["track_id"][order], return_index=True)
    found = []
    for track, rows in zip(ids.tolist(), np.split(order, starts)[1:], strict=True):
        item = TrackFigures(
            track_id=track,
            level=int(columns["level"][rows[0]]),
            because=because.get(track, NOT_SUMMARISED),
            frames=columns["frame"][rows],
            areas=share[rows],
            scores=columns["score"][rows].astype(np.float64),
            prompts=prompts.get(track, []),
        )
        found.append(item)
    return sorted(found, key=lambda item: (item.level, int(item.frames[0]), item.track_id))


def _prompt_frames(data: SceneTables) -> dict[int, list[int]]:
    table = data.filtered if data.filtered is not None else data.candidates
    if table is None:
        return {}
    frame_of = dict(zip(table.column("mask_id").to_pylist(), table.column("frame").to_pylist(), strict=True))
    rows = data.summary.select(["track_id", "prompt_mask_ids"]).to_pylist()
    return {
        row["track_id"]: sorted({frame_of[mask] for mask in row["prompt_mask_ids"] or () if mask in frame_of})
        for row in rows
    }


def quality_figures(data: SceneTables, match_iou: float, boundary: bool = False) -> dict[str, Any] | None:
    """`track_quality` with the names of the objects; None without truth."""
    if data.truth is None or data.truth.num_rows == 0:
        return None
    found = track_quality(data.tracks, data.truth, data.annotated_frames, match_iou, boundary=boundary)
    for item in found["objects"]:
        item["name"] = data.categories.get(item["category_id"], "")
        item["colour"] = hex_colour(item["track_id"]) if item["track_id"] else None
    return found


def name_objects(tracks: list[TrackFigures], quality: dict[str, Any] | None) -> None:
    """Write the matched true object and J into the tracks."""
    by_id = {item.track_id: item for item in tracks}
    for found in quality["objects"] if quality else ():
        track = by_id.get(found["track_id"])
        if track is not None and (track.j is None or found["j"] > track.j):
            track.j, track.object_name = found["j"], found["name"] or f"object {found['object_id']}"


def candidate_figures(data: SceneTables) -> dict[str, Any] | None:
    """What was proposed and what the filter left, or None without candidates.

    Returns:
        {"keyframes": [{"frame", "kept": {level: n}, "dropped": n}], "levels", "proposed", "kept",
        "dropped": {reason: n}, "recall": {level: figures} or None}.
    """
    if data.candidates is None:
        return None
    kept = data.filtered if data.filtered is not None else data.candidates
    kept_ids = set(kept.column("mask_id").to_pylist())
    known = keyframes_of(data, data.candidates)
    by_frame: dict[int, Counter] = defaultdict(Counter, {frame: Counter() for frame in known})
    for frame, mask_id, level in zip(
        *(data.candidates.column(name).to_pylist() for name in ("frame", "mask_id", "level")), strict=True
    ):
        by_frame[frame][level if mask_id in kept_ids else "dropped"] += 1
    levels = sorted({level for counts in by_frame.values() for level in counts if level != "dropped"})
    keyframes = [
        {"frame": frame, "kept": {level: counts[level] for level in levels}, "dropped": counts["dropped"]}
        for frame, counts in sorted(by_frame.items())
    ]
    return {
        "keyframes": keyframes,
        "levels": levels,
        "proposed": data.candidates.num_rows,
        "kept": kept.num_rows,
        "dropped": {reason: count for reason, count in data.dropped.items() if count},
        "recall": _recall(data, data.candidates, known),
    }


def keyframes_of(data: SceneTables, candidates: pa.Table) -> list[int]:
    """The frames candidates were made on, also those without any: known from the recorded stride."""
    found = set(candidates.column("frame").to_pylist())
    record = data.provenance().get("mask_candidates")
    stride = record.config.get("keyframe_stride") if record else None
    if isinstance(stride, int) and stride > 0:
        found.update(range(0, data.frames.num_rows, stride))
    return sorted(found)


def _recall(
    data: SceneTables, candidates: pa.Table, keyframes: list[int]
) -> dict[int, dict[str, Any]] | None:
    if data.truth is None or data.truth.num_rows == 0:
        return None
    from segassets.proposals.recall import candidate_recall

    recall = candidate_recall(candidates, data.truth, frames=keyframes)
    return {level: figures.as_dict() for level, figures in recall.items()}


def cost_figures(data: SceneTables) -> list[dict[str, Any]]:
    """Per asset what its `run.json` says of time and memory, None where it says nothing."""
    names = ("seconds", "peak_cpu_bytes", "peak_gpu_bytes", "started_at")
    return [{"asset": asset, **{name: run.get(name) for name in names}} for asset, run in data.runs().items()]
