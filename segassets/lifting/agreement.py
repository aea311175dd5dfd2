"""Do two frames see the same surfaces? A figure that tells wrong poses, intrinsics or kinds of depth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segassets.geometry.cameras import Pinhole
from segassets.geometry.poses import to_camera
from segassets.lifting.depth import Depth

_OCCLUDED = 1.2  # a point this much farther than what the other frame measures is taken to be hidden there


@dataclass(frozen=True)
class Agreement:
    """How points of one frame lie on another's surfaces.

    Attributes:
        points: points that fall on a pixel with depth of the other frame and are not hidden there.
        share: of them, those within the tolerance; nan without any.
        median: of |z - measured| / measured; nan without any.
    """

    points: int
    share: float
    median: float


def agreement(
    xyz: np.ndarray, depth: Depth, pinhole: Pinhole, camera_to_world: np.ndarray, tolerance: float = 0.05
) -> Agreement:
    """Agreement of world points (N, 3) with another frame's depth.

    Points well behind the measured surface are passed over: they may be hidden. Points in front of it should
    have been seen, and count as wrong.

    Args:
        pinhole: intrinsics at the depth map's size.
        tolerance: relative difference in depth that still agrees.
    """
    local = to_camera(xyz, camera_to_world)
    rows, columns, inside = pinhole.pixels(local)
    inside &= depth.valid[rows, columns]
    ratio = local[inside, 2] / depth.z[rows[inside], columns[inside]]
    miss = np.abs(ratio[ratio < _OCCLUDED] - 1)
    if len(miss) == 0:
        return Agreement(0, float("nan"), float("nan"))
    return Agreement(len(miss), float((miss <= tolerance).mean()), float(np.median(miss)))
