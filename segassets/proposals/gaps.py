"""Gap filling: what the base level leaves uncovered becomes masks of its own."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from segassets.masks import rle
from segassets.proposals.frame import FrameCandidates


def gap_masks(covered: np.ndarray, fill_area: int) -> np.ndarray:
    """A mask for each 4-connected component of at least `fill_area` uncovered pixels, largest first.

    Args:
        covered: bool (H, W).

    Returns:
        bool (N, H, W).
    """
    labels, count = ndimage.label(~covered)  # scipy's default structure is 4-connected
    sizes = np.bincount(labels.reshape(-1), minlength=count + 1)
    sizes[0] = 0
    chosen = [label for label in np.argsort(-sizes, kind="stable") if sizes[label] >= max(fill_area, 1)]
    return labels[None] == np.array(chosen, labels.dtype)[:, None, None]


def fill_gaps(candidates: FrameCandidates, base_level: int, fill_area: int) -> FrameCandidates:
    """The candidates, then the gaps of their base level; an uncovered pixel is in one gap at most."""
    height, width = candidates.height, candidates.width
    base = [
        counts
        for counts, level in zip(candidates.rle_counts, candidates.level, strict=True)
        if level == base_level
    ]
    counts = rle.encode_batch(gap_masks(rle.decode(rle.union(base, height, width), height, width), fill_area))
    unknown = np.full(len(counts), np.nan, np.float32)
    gaps = FrameCandidates(
        height,
        width,
        counts,
        np.full(len(counts), base_level, np.int8),
        np.full(len(counts), -1, np.int64),
        unknown,
        unknown,
        ["gap_fill"] * len(counts),
    )
    return candidates.followed_by(gaps)
