"""Space in cubes: the cell each point falls in, as one integer; cells of equal size are the same in every frame."""

from __future__ import annotations

import numpy as np

from segassets.errors import BadInput

_BITS = 21
_HALF = 1 << (_BITS - 1)


def cell_keys(xyz: np.ndarray, cell_m: float) -> np.ndarray:
    """Keys int64 (N,) of the cells that points (N, 3) fall in; the grid's origin is the world's.

    Raises:
        BadInput: a point is not finite, or a million cells or more from the origin.
    """
    place = np.floor(np.asarray(xyz, np.float64) / cell_m)
    if not (np.abs(place) < _HALF).all():
        raise BadInput(
            f"expected points within {_HALF * cell_m:g} m of the origin, found {np.abs(xyz).max():.3g}; are the "
            "poses in metres?"
        )
    x, y, z = (place.astype(np.int64) + _HALF).T
    return (x << 2 * _BITS) | (y << _BITS) | z


def cell_centres(keys: np.ndarray, cell_m: float) -> np.ndarray:
    """Centres float64 (N, 3) of cells."""
    low = (1 << _BITS) - 1
    places = np.stack([keys >> 2 * _BITS, (keys >> _BITS) & low, keys & low], 1) - _HALF
    return (places + 0.5) * cell_m
