"""How well tracks follow the true objects of a scene: J, first-mask baseline, recall, id switches.

Everything is measured on run lengths. Tracks of every level compete for a true object, one to one, so that
an object whose whole was only found as a "part" still counts. J of a pair is the mean IoU over the
annotated frames on which the object or the track is there: a track that lingers on after its object has
left pays for it, and frames without either are not counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.optimize import linear_sum_assignment

from segassets.evaluation.video import j_first_mask, score_object
from segassets.masks import rle


@dataclass(frozen=True)
class _Identities:
    """Rows of a mask table by identity.

    Attributes:
        masks: per identity frame -> RLE counts.
        by_frame: frame -> (indices of the identities there, their counts).
    """

    ids: list[int]
    levels: list[int]
    categories: list[int]
    masks: list[dict[int, str]]
    by_frame: dict[int, tuple[list[int], list[str]]]
    size_hw: dict[int, tuple[int, int]]

    def presence(self, frames: Iterable[int]) -> np.ndarray:
        """Frames on which each identity has a mask, int64 (K,)."""
        count = np.zeros(len(self.ids), np.int64)
        for frame in frames:
            count[self.by_frame.get(frame, ([], []))[0]] += 1
        return count


def track_quality(
    tracks: pa.Table,
    truth: pa.Table,
    annotated_frames: Iterable[int] | None = None,
    match_iou: float = 0.5,
    *,
    boundary: bool = False,
) -> dict[str, Any]:
    """Measure tracks against annotations.

    Args:
        tracks, truth: tables of schema MASKS; a row with track_id 0 is an identity of its own (image sets).
            Crowds in the truth are no objects and left out.
        annotated_frames: `frame` of the frames whose annotations are complete; default: those that occur in
            `truth`.
        match_iou: J from which an object counts as found, and IoU from which a track is on an object for a
            frame.
        boundary: also give F, the mean over the same frames as J; decodes the masks of every matched pair.

    Returns:
        {"objects": [{"object_id", "level", "category_id", "frames", "track_id" (0 = none), "j", "f",
        "j_first_mask", "id_switches"}], "levels": {level: figures}, and the figures of the coarsest true
        level on top}. Figures: "true_objects", "object_recall", "j" (0 for an object without a track),
        "f", "j_found" (found objects only), "j_first_mask", "id_switches" (among tracks of one level),
        "tracks_unmatched" (of this level, without any true object). Without true objects they are None.
    """
    frames = sorted(set(annotated_frames) if annotated_frames is not None else _frames_of(truth))
    truth = truth.filter(pc.not_equal(truth.column("source"), "annotation_crowd"))
    mine, true = _identities(tracks, frames), _identities(truth, frames)
    overlaps = {frame: _overlap(mine, true, frame) for frame in frames}
    summed, both = _sums(mine, true, overlaps)
    either = mine.presence(frames)[:, None] + true.presence(frames)[None] - both
    j = np.divide(summed, either, out=np.zeros_like(summed), where=either > 0)
    objects = []
    for level in sorted(set(true.levels)):
        columns = [at for at, value in enumerate(true.levels) if value == level]
        partner = _match(j[:, columns])
        for column, row in zip(columns, partner, strict=True):
            made = _object(mine, true, column, row, j, overlaps, frames, match_iou)
            objects.append({**made, "f": _boundary(mine, true, column, row) if boundary else None})
    levels = {level: _figures(objects, level, match_iou, mine) for level in sorted(set(true.levels))}
    top = levels[min(levels)] if levels else _figures([], None, match_iou, mine)
    return {**top, "objects": objects, "levels": levels}


def _frames_of(table: pa.Table) -> set[int]:
    return set(table.column("frame").to_pylist())


def _identities(table: pa.Table, frames: list[int]) -> _Identities:
    names = ("frame", "track_id", "mask_id", "level", "category_id", "height", "width", "rle_counts")
    wanted = set(frames)
    index: dict[tuple[bool, int], int] = {}
    found = _Identities([], [], [], [], {}, {})
    for frame, track, mask, level, category, height, width, counts in zip(
        *(table.column(name).to_pylist() for name in names), strict=True
    ):
        if frame not in wanted:
            continue
        key = (track > 0, track or mask)
        if key not in index:
            index[key] = len(index)
            found.ids.append(track or mask)
            found.levels.append(level)
            found.categories.append(category)
            found.masks.append({})
        members, texts = found.by_frame.setdefault(frame, ([], []))
        members.append(index[key])
        texts.append(counts)
        found.masks[index[key]][frame] = counts
        found.size_hw[frame] = (height, width)
    return found


_Overlap = tuple[list[int], list[int], np.ndarray]


def _overlap(mine: _Identities, true: _Identities, frame: int) -> _Overlap:
    """Identities on the frame and their IoU matrix (tracks, objects)."""
    rows, row_counts = mine.by_frame.get(frame, ([], []))
    columns, column_counts = true.by_frame.get(frame, ([], []))
    height, width = true.size_hw.get(frame) or mine.size_hw.get(frame) or (1, 1)
    return rows, columns, rle.iou_matrix(row_counts, column_counts, height, width)


def _sums(
    mine: _Identities, true: _Identities, overlaps: dict[int, _Overlap]
) -> tuple[np.ndarray, np.ndarray]:
    """Summed IoU float64 and frames with both present int64, each (tracks, objects)."""
    summed = np.zeros((len(mine.ids), len(true.ids)))
    both = np.zeros(summed.shape, np.int64)
    for rows, columns, iou in overlaps.values():
        np.add.at(summed, np.ix_(rows, columns), iou)
        np.add.at(both, np.ix_(rows, columns), 1)
    return summed, both


def _match(j: np.ndarray) -> list[int | None]:
    """Per object (column) the row of its track, by the largest sum of J; None without overlap."""
    partner: list[int | None] = [None] * j.shape[1]
    for row, column in zip(*linear_sum_assignment(j, maximize=True), strict=True):
        if j[row, column] > 0:
            partner[column] = int(row)
    return partner


def _object(
    mine: _Identities,
    true: _Identities,
    column: int,
    row: int | None,
    j: np.ndarray,
    overlaps: dict[int, _Overlap],
    frames: list[int],
    match_iou: float,
) -> dict[str, Any]:
    own = true.masks[column]
    rivals = {at for at, level in enumerate(mine.levels) if row is not None and level == mine.levels[row]}
    sizes = {true.size_hw[frame] for frame in own}
    first = j_first_mask(own, frames, *sizes.pop()) if len(sizes) == 1 else float("nan")
    return {
        "object_id": true.ids[column],
        "level": true.levels[column],
        "category_id": true.categories[column],
        "frames": len(own),
        "track_id": 0 if row is None else mine.ids[row],
        "j": 0.0 if row is None else float(j[row, column]),
        "j_first_mask": first,
        "id_switches": 0 if row is None else _id_switches(column, rivals, overlaps, match_iou),
    }


def _boundary(mine: _Identities, true: _Identities, column: int, row: int | None) -> float:
    """Mean F over the frames on which the object or its track is there; 0 without a track."""
    if row is None:
        return 0.0
    either = sorted({*mine.masks[row], *true.masks[column]})
    size_hw = true.size_hw.get(either[0]) or mine.size_hw[either[0]]
    return score_object(mine.masks[row], true.masks[column], either, *size_hw).mean_f


def _id_switches(column: int, rivals: set[int], overlaps: dict[int, _Overlap], match_iou: float) -> int:
    """How often the track on the object changes; one still on it is kept though another fits better.

    Args:
        rivals: tracks of the level of the object's own track; a part of the object is no other identity.
    """
    current, switches = None, 0
    for _, (rows, columns, iou) in sorted(overlaps.items()):
        if column not in columns or not rows:
            continue
        values = zip(rows, iou[:, columns.index(column)], strict=True)
        on_object = {row: value for row, value in values if row in rivals}
        if current is not None and on_object.get(current, 0.0) >= match_iou:
            continue
        best = max(on_object, key=lambda row: on_object[row], default=None)
        if best is None or on_object[best] < match_iou:
            continue
        switches += current is not None and best != current
        current = best
    return switches


def _figures(
    objects: list[dict[str, Any]], level: int | None, match_iou: float, tracks: _Identities
) -> dict[str, Any]:
    mine = [item for item in objects if item["level"] == level]
    matched = {item["track_id"] for item in objects}
    own = [key for key, its in zip(tracks.ids, tracks.levels, strict=True) if level in (None, its)]
    unmatched = sum(key not in matched for key in own)
    if not mine:
        names = ("object_recall", "j", "f", "j_found", "j_first_mask", "id_switches")
        return {"true_objects": 0, **dict.fromkeys(names), "tracks_unmatched": unmatched}
    found = [item["j"] for item in mine if item["j"] >= match_iou]
    first = [item["j_first_mask"] for item in mine if np.isfinite(item["j_first_mask"])]
    return {
        "true_objects": len(mine),
        "object_recall": len(found) / len(mine),
        "j": float(np.mean([item["j"] for item in mine])),
        "f": None if mine[0]["f"] is None else float(np.mean([item["f"] for item in mine])),
        "j_found": float(np.mean(found)) if found else None,
        "j_first_mask": float(np.mean(first)) if first else None,
        "id_switches": sum(item["id_switches"] for item in mine),
        "tracks_unmatched": unmatched,
    }
