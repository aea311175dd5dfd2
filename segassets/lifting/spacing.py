"""How far apart points lie: the mean of the squared distances to their three nearest neighbours.

3DGS takes it from a KD-tree over all points. The points of one depth map lie on a grid, where a point's
nearest neighbours are those of its pixel, so twelve of them are looked at and no tree is built. Points
strewn thinly, or from several pictures, have no grid: `spacing_of_points` uses a tree.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_HALF_RING = [(0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0)]  # the other half are their opposites
_MARGIN = 2
_BLOCK_PIXELS = 32_000  # a block's arrays stay in the cache
_NOWHERE = np.float32(1e15)  # coordinate of pixels without a point: its square is still a number
_FAR = np.float32(1e29)
_WIDE = 6  # pixels searched around a point with too few near neighbours
_CHUNK = 4096
_SPARSE = 0.5  # share of points without near neighbours from which the grid is none


def spacing_on_grid(planes: np.ndarray, keep: np.ndarray, footprint: np.ndarray) -> np.ndarray:
    """Mean squared distance of each kept pixel's point to its three nearest, (N,) float32, row by row.

    Args:
        planes: (3, H, W) float32 coordinates of the pixels' points.
        keep: (H, W) bool, pixels with a point; the others are no neighbours.
        footprint: (H, W) float32, the size of a pixel at its depth; used for a point without neighbours.
    """
    height, width = keep.shape
    padded = np.full((3, height + 2 * _MARGIN, width + 2 * _MARGIN), _NOWHERE, np.float32)
    inner = padded[:, _MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    np.copyto(inner, planes, where=keep)
    mean = np.empty((height, width), np.float32)
    rows = max(1, _BLOCK_PIXELS // max(width, 1))
    for start in range(0, height, rows):
        stop = min(start + rows, height)
        mean[start:stop] = _mean_of_three(padded, start, stop, width)
    lonely = np.flatnonzero(keep & (mean > _FAR))
    count = int(np.count_nonzero(keep))
    if count > 3 and len(lonely) > _SPARSE * count:
        return spacing_of_points(planes[:, keep].T)  # a few points strewn over the picture: the tree is small
    if len(lonely):
        mean.reshape(-1)[lonely] = _search_wide(planes, keep, footprint, lonely)
    return mean[keep]


def _mean_of_three(padded: np.ndarray, start: int, stop: int, width: int) -> np.ndarray:
    """Rows start to stop: mean of the three least squared distances; over _FAR where fewer points are near."""
    near = list(_ring_distances(padded, start, stop, width))
    low, high = np.minimum(near[0], near[1]), np.maximum(near[0], near[1])
    third, middle = np.maximum(high, near[2]), np.minimum(high, near[2])
    second, least = np.maximum(low, middle), np.minimum(low, middle)
    for distance in near[3:]:
        np.maximum(second, distance, out=middle)
        np.minimum(third, middle, out=third)
        np.maximum(least, distance, out=middle)
        np.minimum(second, middle, out=second)
        np.minimum(least, distance, out=least)
    least += second
    least += third
    least *= np.float32(1 / 3)
    return least


def _ring_distances(padded: np.ndarray, start: int, stop: int, width: int) -> Iterator[np.ndarray]:
    """Squared distances (rows, width) from rows start to stop to each neighbour of the ring.

    The distance to a neighbour is also that neighbour's to this pixel, so each is computed once: `there[i]` is
    that of padded row `start + _MARGIN - down + i` to the row `down` below it.
    """
    rows = stop - start
    top, bottom = start + _MARGIN, stop + _MARGIN
    for down, right in _HALF_RING:
        left, end = max(0, -right), padded.shape[2] - max(0, right)
        apart = (
            padded[:, top - down : bottom, left:end]
            - padded[:, top : bottom + down, left + right : end + right]
        )
        np.multiply(apart, apart, out=apart)
        there = apart[0]
        there += apart[1]
        there += apart[2]
        column = _MARGIN - left
        yield there[down : down + rows, column : column + width]
        yield there[:rows, column - right : column - right + width]


def _search_wide(
    planes: np.ndarray, keep: np.ndarray, footprint: np.ndarray, lonely: np.ndarray
) -> np.ndarray:
    """The same for a few pixels, over a wide window; with fewer than three neighbours the mean of those there are."""
    height, width = keep.shape
    reach = np.arange(-_WIDE, _WIDE + 1)
    down, right = (part.ravel() for part in np.meshgrid(reach, reach, indexing="ij"))
    other = (down != 0) | (right != 0)
    down, right = down[other], right[other]
    flat = planes.reshape(3, -1)
    found = np.empty(len(lonely), np.float32)
    for start in range(0, len(lonely), _CHUNK):
        index = lonely[start : start + _CHUNK]
        row, column = (index // width)[:, None] + down, (index % width)[:, None] + right
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        place = np.where(inside, row * width + column, 0)
        there = inside & keep.reshape(-1)[place]
        squares = ((flat[:, place] - flat[:, index][:, :, None]) ** 2).sum(0)
        squares[~there] = np.inf
        nearest = np.partition(squares, 2, axis=1)[:, :3]
        count = np.isfinite(nearest).sum(1)
        total = np.where(np.isfinite(nearest), nearest, 0).sum(1)
        alone = footprint.reshape(-1)[index] ** 2
        found[start : start + _CHUNK] = np.where(count > 0, total / np.maximum(count, 1), alone)
    return found


def spacing_of_points(xyz: np.ndarray) -> np.ndarray:
    """Mean squared distance to the three nearest of points (N, 3) in no order, (N,) float32; 0 for a single point."""
    from scipy.spatial import cKDTree

    if len(xyz) < 2:
        return np.zeros(len(xyz), np.float32)
    distance, _ = cKDTree(xyz).query(xyz, k=min(4, len(xyz)))
    return (distance[:, 1:] ** 2).mean(1).astype(np.float32)
