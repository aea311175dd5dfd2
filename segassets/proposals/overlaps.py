"""Limits and overlaps within a level of one picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from segassets.masks import rle
from segassets.proposals.frame import FrameCandidates


def best_first(candidates: FrameCandidates) -> np.ndarray:
    """Positions by level, then from the highest score down (unknown last)."""
    score = np.nan_to_num(candidates.score, nan=-1.0)
    return np.lexsort((-score, candidates.level))


def limit_levels(candidates: FrameCandidates, max_masks: int) -> FrameCandidates:
    """At most `max_masks` of each level, the best scores; 0 = no limit."""
    order = best_first(candidates)
    levels = candidates.level[order]
    rank = np.arange(len(order)) - np.searchsorted(levels, levels)
    return candidates.select(order[rank < max_masks] if max_masks > 0 else order)


def make_exclusive(candidates: FrameCandidates, min_area: int) -> FrameCandidates:
    """Each pixel in at most one mask of a level, the one of the best score.

    What is left of a mask must have `min_area` pixels. Children keep to what is left of their parents.
    """
    height, width = candidates.height, candidates.width
    masks = rle.decode_batch(candidates.rle_counts, height, width)
    kept = np.zeros(len(candidates), bool)
    taken = {level: np.zeros((height, width), bool) for level in np.unique(candidates.level)}
    for at in best_first(candidates):
        parent = candidates.parent[at]
        while parent >= 0 and not kept[parent]:
            parent = candidates.parent[parent]
        if parent >= 0:
            masks[at] &= masks[parent]
        masks[at] &= ~taken[candidates.level[at]]
        kept[at] = masks[at].sum() >= max(1, min_area)
        taken[candidates.level[at]] |= masks[at] & kept[at]
    return replace(candidates, rle_counts=rle.encode_batch(masks)).select(np.flatnonzero(kept))
