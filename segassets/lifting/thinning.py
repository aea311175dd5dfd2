"""Fewer points where frames overlap: at most one point for each cell of a grid, and for each mask or object."""

from __future__ import annotations

import numpy as np

from segassets.errors import BadInput


def thin(xyz: np.ndarray, cell: float, labels: np.ndarray | None = None) -> np.ndarray:
    """Rows (ascending) of one point for each occupied cell, the first of each.

    Args:
        xyz: (N, 3) finite points.
        cell: edge of a cell, in the points' unit.
        labels: (N,) integers; points of different labels never replace each other.

    Raises:
        BadInput: a cell that is not positive, or so small that the points span more than 2 million cells.
    """
    if not (np.isfinite(cell) and cell > 0):
        raise BadInput(f"expected a cell size > 0 to thin points, found {cell}")
    if len(xyz) == 0:
        return np.zeros(0, np.int64)
    place = np.floor((xyz - xyz.min(0)).astype(np.float64) / cell)
    if place.max() >= 2**21:
        raise BadInput(f"expected a cell of at least {np.ptp(xyz, axis=0).max() / 2**21:.3g}, found {cell}")
    x, y, z = place.astype(np.int64).T
    key = (x << 42) | (y << 21) | z
    if labels is None:
        _, first = np.unique(key, return_index=True)
        return np.sort(first)
    order = np.lexsort((np.arange(len(key)), key, labels))
    sorted_key, sorted_label = key[order], np.asarray(labels)[order]
    new = np.ones(len(order), bool)
    new[1:] = (sorted_key[1:] != sorted_key[:-1]) | (sorted_label[1:] != sorted_label[:-1])
    return np.sort(order[new])
