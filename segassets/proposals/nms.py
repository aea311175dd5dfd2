"""Greedy suppression of near-duplicates by the IoU of run-length masks, whatever their resolution."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segassets.masks import rle

_BLOCK = 128  # masks compared at a time: the cost grows with masks x kept masks, not with masks squared


def representatives(
    counts: Sequence[str], scores: np.ndarray, height: int, width: int, max_iou: float
) -> np.ndarray:
    """For each mask the position of the one that stands for it: itself when it is kept; int64 (N,).

    From the highest score down (nan last, ties by position), a mask is kept unless its IoU with a kept one
    exceeds `max_iou`; then the most similar kept one stands for it.
    """
    order = np.argsort(-np.nan_to_num(np.asarray(scores, float), nan=-np.inf), kind="stable")
    stands_for = np.arange(len(order))
    kept: list[int] = []
    for start in range(0, len(order), _BLOCK):
        block = [int(at) for at in order[start : start + _BLOCK]]
        texts = [counts[at] for at in block]
        to_kept = rle.iou_matrix(texts, [counts[at] for at in kept], height, width)
        within = rle.iou_matrix(texts, texts, height, width)
        kept_rows: list[int] = []
        earlier = list(kept)
        for row, at in enumerate(block):
            known = np.concatenate([to_kept[row], within[row, kept_rows]])
            if len(known) and known.max() > max_iou:
                stands_for[at] = (earlier + [block[other] for other in kept_rows])[int(known.argmax())]
            else:
                kept_rows.append(row)
        kept += [block[row] for row in kept_rows]
    return stands_for


def keep_distinct(
    counts: Sequence[str], scores: np.ndarray, height: int, width: int, max_iou: float
) -> np.ndarray:
    """Positions of the masks kept, best score first; int64."""
    stands_for = representatives(counts, scores, height, width, max_iou)
    kept = np.flatnonzero(stands_for == np.arange(len(stands_for)))
    order = np.argsort(-np.nan_to_num(np.asarray(scores, float)[kept], nan=-np.inf), kind="stable")
    return kept[order]
