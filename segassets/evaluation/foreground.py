"""How much of what is in a picture the masks cover, taken as one: foreground IoU, beside a box in the middle.

A centred box needs no picture at all: what does not beat it has found nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from segassets.masks import rle


@dataclass(frozen=True)
class ForegroundScores:
    """Means over the frames judged; nan without any.

    Attributes:
        iou: of the union of all masks of a frame with the union of its true masks.
        best_iou: of the frame's best single mask with that union.
        box_iou: of a centred box with it.
        frames: how many were judged.
    """

    iou: float
    best_iou: float
    box_iou: float
    frames: int


def foreground_scores(
    masks: pa.Table, truth: pa.Table, frames: Iterable[int] | None = None, box_share: float = 0.5
) -> ForegroundScores:
    """Judge masks by frame.

    Args:
        masks, truth: schema MASKS, of one scene.
        frames: to judge; default: those that have true masks.
        box_share: sides of the centred box, as a share of the picture's.
    """
    mine, true = _by_frame(masks), _by_frame(truth)
    rows = []
    for frame in sorted(true if frames is None else set(frames) & true.keys()):
        texts, height, width = true[frame]
        found = mine.get(frame, ([], height, width))[0]
        whole = [rle.union(texts, height, width)]
        together = rle.iou_matrix([rle.union(found, height, width)], whole, height, width)[0, 0]
        best = rle.iou_matrix(found, whole, height, width).max(initial=0.0)
        box = rle.iou_matrix([centred_box(height, width, box_share)], whole, height, width)[0, 0]
        rows.append((together, best, box))
    means = np.mean(rows, axis=0) if rows else np.full(3, np.nan)
    return ForegroundScores(float(means[0]), float(means[1]), float(means[2]), len(rows))


def centred_box(height: int, width: int, share: float = 0.5) -> str:
    """Counts of a box in the middle, its sides a share of the picture's."""
    mask = np.zeros((height, width), bool)
    top, left = round(height * (1 - share) / 2), round(width * (1 - share) / 2)
    mask[top : height - top, left : width - left] = True
    return rle.encode(mask)


def _by_frame(table: pa.Table) -> dict[int, tuple[list[str], int, int]]:
    found: dict[int, tuple[list[str], int, int]] = {}
    names = ("frame", "rle_counts", "height", "width")
    columns = (table.column(name).to_pylist() for name in names)
    for frame, counts, height, width in zip(*columns, strict=True):
        found.setdefault(frame, ([], height, width))[0].append(counts)
    return found
