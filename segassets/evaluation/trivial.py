"""What needs no model: the guesses every figure of a model stands beside."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt


def centre_most(mask: np.ndarray) -> tuple[int, int]:
    """(x, y) of the pixel of a mask (H, W) farthest from everything outside it, the frame's border
    included."""
    depth = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), mask.shape)
    return int(x), int(y)


def box_xyxy(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Extreme pixels of a mask that is not empty, half-open: x0, y0, x1, y1."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def filled_box(box: tuple[int, int, int, int], shape: tuple[int, int]) -> np.ndarray:
    """Everything inside a half-open box (x0, y0, x1, y1)."""
    mask = np.zeros(shape, bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return mask


def inscribed_ellipse(box: tuple[int, int, int, int], shape: tuple[int, int]) -> np.ndarray:
    """The ellipse that touches the four sides of a half-open box."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    centre_x, centre_y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    half_x, half_y = (box[2] - box[0]) / 2, (box[3] - box[1]) / 2
    return ((x - centre_x) / half_x) ** 2 + ((y - centre_y) / half_y) ** 2 <= 1


def disc_ious(mask: np.ndarray, centre_xy: tuple[int, int], radii_px: np.ndarray) -> np.ndarray:
    """IoU of a mask with the discs of several radii around a point: float64 (R,)."""
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]]
    distance = np.hypot(x - centre_xy[0], y - centre_xy[1])
    inside = np.searchsorted(np.sort(distance[mask]), radii_px, side="right")
    disc = np.searchsorted(np.sort(distance.ravel()), radii_px, side="right")
    return inside / (disc + np.count_nonzero(mask) - inside)
