"""Depth as a picture: near is warm and bright, far is cold and dark, no depth is grey."""

from __future__ import annotations

import numpy as np

_NEAR_TO_FAR = np.array(
    [[255, 240, 170], [253, 190, 90], [240, 110, 70], [190, 50, 105], [110, 30, 120], [40, 18, 80]],
    np.float64,
)
_NOTHING = (96, 98, 102)


def depth_picture(z: np.ndarray, valid: np.ndarray, bounds: tuple[float, float] | None = None) -> np.ndarray:
    """RGB uint8 (H, W, 3) of a depth map (H, W), evenly coloured in 1/z, in which nearness is seen.

    Args:
        bounds: nearest and farthest depth of the colours; those of the map without its outermost 2 % when not given.
    """
    picture = np.full((*z.shape, 3), _NOTHING, np.uint8)
    if not valid.any():
        return picture
    near, far = bounds or depth_bounds(z, valid)
    share = (1 / near - 1 / np.maximum(z[valid], 1e-6)) / max(1 / near - 1 / far, 1e-9)
    place = np.clip(share, 0, 1) * (len(_NEAR_TO_FAR) - 1)
    for channel in range(3):
        colour = np.interp(place, np.arange(len(_NEAR_TO_FAR)), _NEAR_TO_FAR[:, channel])
        picture[valid, channel] = np.rint(colour)
    return picture


def depth_bounds(z: np.ndarray, valid: np.ndarray) -> tuple[float, float]:
    """Nearest and farthest depth without the outermost 2 % at each end."""
    near, far = np.quantile(z[valid], (0.02, 0.98))
    return float(near), float(max(far, near * 1.001))
