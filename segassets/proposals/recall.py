"""How many of the true objects and parts have a candidate: recall by level, beside a trivial baseline."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segassets.masks import rle
from segassets.proposals.levels import depth_of

REPEATS_IOU = 0.8  # true masks this similar are one thing under two names: an object of a single visible part


@dataclass(frozen=True)
class LevelRecall:
    """Recall of the true masks of one level.

    Attributes:
        truths: true masks judged.
        recall: share with a candidate of any level at the IoU; nan without truth.
        recall_at_level: share with a candidate of their own granularity; a part that is
            all there is to see of its object may as well be found as a whole.
        mean_best_iou: mean over true masks of their best candidate's IoU, any level.
        baseline: share found by as many boxes as there are candidates, cells of ever finer grids.
    """

    truths: int
    recall: float
    recall_at_level: float
    mean_best_iou: float
    baseline: float

    def as_dict(self) -> dict[str, Any]:
        """The figures by name."""
        return asdict(self)


def candidate_recall(
    candidates: pa.Table,
    truth: pa.Table,
    iou: float = 0.5,
    min_area_fraction: float = 0.005,
    frames: Iterable[int] | None = None,
) -> dict[int, LevelRecall]:
    """Recall per level of the truth; crowds and masks below `min_area_fraction` of the frame are not judged.

    Args:
        candidates, truth: mask tables of one scene.
        frames: the keyframes; when not given, the frames that have candidates (which hides those without).
    """
    judged_frames = set(candidates.column("frame").to_pylist() if frames is None else frames)
    large = pc.greater_equal(
        truth.column("area").cast(pa.float64()),
        pc.multiply(
            pc.multiply(truth.column("height"), truth.column("width")).cast(pa.float64()), min_area_fraction
        ),
    )
    judged = truth.filter(pc.and_(large, pc.not_equal(truth.column("source"), "annotation_crowd")))
    by_frame = _by_frame(candidates)
    best: dict[int, list[np.ndarray]] = defaultdict(list)
    for frame, rows in _by_frame(judged).items():
        if frame in judged_frames:
            for level, values in _best_ious(rows, by_frame.get(frame, [])).items():
                best[level].append(values)
    return {level: _figures(np.concatenate(found, 1), iou) for level, found in sorted(best.items())}


def _by_frame(table: pa.Table) -> dict[int, list[dict[str, Any]]]:
    grouped: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in table.select(["frame", "level", "height", "width", "rle_counts"]).to_pylist():
        grouped[row["frame"]].append(row)
    return grouped


def _best_ious(truth: list[dict], candidates: list[dict]) -> dict[int, np.ndarray]:
    """Per true level of one frame: best IoU (3, N) of any candidate, of its granularity, of a box."""
    height, width = truth[0]["height"], truth[0]["width"]
    texts = [row["rle_counts"] for row in truth]
    repeats = rle.iou_matrix(texts, texts, height, width) >= REPEATS_IOU
    ious = rle.iou_matrix(texts, [row["rle_counts"] for row in candidates], height, width)
    depth = np.array([depth_of(row["level"]) for row in truth])
    candidate_depth = np.array([depth_of(row["level"]) for row in candidates], int)
    same = (repeats @ (depth[:, None] == candidate_depth[None, :]).astype(int)) > 0
    boxes = rle.iou_matrix(texts, tiled_boxes(len(candidates), height, width), height, width)
    best = np.stack([matrix.max(1, initial=0.0) for matrix in (ious, np.where(same, ious, 0.0), boxes)])
    levels = np.array([row["level"] for row in truth])
    return {int(level): best[:, levels == level] for level in np.unique(levels)}


def tiled_boxes(count: int, height: int, width: int) -> list[str]:
    """The first `count` cells of grids of 1 x 1, 2 x 2, 3 x 3, ... equal cells, as masks."""
    counts: list[str] = []
    side = 0
    while len(counts) < count:
        side += 1
        rows = np.linspace(0, height, side + 1).round()
        columns = np.linspace(0, width, side + 1).round()
        for top, bottom in pairwise(rows):
            for left, right in pairwise(columns):
                box = [left, top, right, top, right, bottom, left, bottom]
                counts.append(rle.from_polygons([box], height, width))
    return counts[:count]


def _figures(best: np.ndarray, iou: float) -> LevelRecall:
    any_level, at_level, box = (float((row >= iou).mean()) for row in best)
    return LevelRecall(best.shape[1], any_level, at_level, float(best[0].mean()), box)
