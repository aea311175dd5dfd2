"""Small islands and holes of a mask, removed."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

_EIGHT = np.ones((3, 3), int)


def clean_mask(mask: np.ndarray, min_area: int) -> np.ndarray:
    """The mask (H, W) bool without holes and islands of fewer than `min_area` pixels (8-connected).

    Holes are filled first. Background that reaches the border of the mask's box is outside, not a hole. When
    every island is small, nothing is left.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if min_area <= 1 or len(rows) == 0:
        return mask
    window = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    crop = np.pad(mask[window], 1)
    background, count = ndimage.label(~crop, _EIGHT)
    if count > 1:
        small = np.bincount(background.reshape(-1), minlength=count + 1) < min_area
        small[background[0, 0]] = False
        small[0] = False
        crop = crop | small[background]
    islands, count = ndimage.label(crop, _EIGHT)
    large = np.bincount(islands.reshape(-1), minlength=count + 1) >= min_area
    large[0] = False
    cleaned = np.zeros_like(mask)
    cleaned[window] = large[islands][1:-1, 1:-1]
    return cleaned


def grid_points(height: int, width: int, points_per_side: int) -> np.ndarray:
    """Centres of a grid of points_per_side squared equal cells, row by row: xy pixels float32 (N, 2)."""
    along = (np.arange(points_per_side) + 0.5) / points_per_side
    x, y = np.meshgrid(along * width, along * height)
    return np.stack([x.reshape(-1), y.reshape(-1)], 1).astype(np.float32)


def points_within(mask: np.ndarray, count: int) -> np.ndarray:
    """About `count` points spread evenly over a mask (H, W): xy pixels float32 (N, 2), pixel centres at +0.5.

    A square lattice over the mask's box; a mask too thin for its lattice gets its innermost pixel.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if len(rows) == 0:
        return np.zeros((0, 2), np.float32)
    top, left = rows[0], columns[0]
    crop = mask[top : rows[-1] + 1, left : columns[-1] + 1]
    spacing = max(1.0, float(np.sqrt(crop.sum() / count)))
    y = _centred(crop.shape[0], spacing)
    x = _centred(crop.shape[1], spacing)
    y, x = (axis.reshape(-1) for axis in np.meshgrid(y, x, indexing="ij"))
    hit = crop[y, x]
    if not hit.any():
        depth = ndimage.distance_transform_edt(np.pad(crop, 1))[1:-1, 1:-1]
        y, x = (np.array([axis]) for axis in np.unravel_index(depth.argmax(), depth.shape))
        hit = np.ones(1, bool)
    chosen = np.flatnonzero(hit)
    if len(chosen) > 2 * count:  # long thin masks are hit all along
        chosen = chosen[np.linspace(0, len(chosen) - 1, count).round().astype(int)]
    return np.stack([x[chosen] + left, y[chosen] + top], 1).astype(np.float32) + 0.5


def _centred(extent: int, spacing: float) -> np.ndarray:
    """Indices 0 <= i < extent, `spacing` apart, the same margin at both ends."""
    number = max(1, round(extent / spacing))
    return np.minimum(((np.arange(number) + 0.5) * extent / number).astype(int), extent - 1)
