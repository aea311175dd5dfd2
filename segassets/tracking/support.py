"""Which candidates on a keyframe belong to tracks that exist, and which found new ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from segassets.masks import rle


@dataclass(frozen=True)
class Candidate:
    """One row of the candidates on a keyframe."""

    mask_id: int
    parent_id: int
    level: int
    category_id: int
    area: int
    bbox_xywh: tuple[float, float, float, float]
    rle_counts: str
    score: float


def match(
    candidates: Sequence[Candidate],
    tracked: Mapping[int, str],
    levels: Mapping[int, int],
    height: int,
    width: int,
    iou_threshold: float,
) -> list[int]:
    """For each candidate the track of its level that it overlaps most, 0 where none reaches the threshold.

    Args:
        tracked: track id -> counts of its mask on this frame.
        levels: track id -> level.
    """
    owners = [0] * len(candidates)
    for level in {candidate.level for candidate in candidates}:
        rows = [index for index, candidate in enumerate(candidates) if candidate.level == level]
        tracks = [track for track in tracked if levels[track] == level]
        if not tracks:
            continue
        overlap = rle.iou_matrix(
            [candidates[row].rle_counts for row in rows], [tracked[track] for track in tracks], height, width
        )
        for row, values in zip(rows, overlap, strict=True):
            best = int(np.argmax(values))
            if values[best] >= iou_threshold:
                owners[row] = tracks[best]
    return owners


def overlaps_any(counts: str, others: Sequence[str], height: int, width: int, iou_threshold: float) -> bool:
    """Whether a mask reaches the threshold with any of the others."""
    return bool((rle.iou_matrix([counts], others, height, width) >= iou_threshold).any())
