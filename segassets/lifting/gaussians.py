"""Gaussians to begin with: one for each point as 3D Gaussian Splatting initialises them, or one for each mask."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from segassets.geometry.gaussians import SH_C0, Gaussians, logit
from segassets.geometry.points import PointCloud
from segassets.geometry.rotations import quaternions_from_matrices

_LEAST_SQUARE = 1e-7  # 3DGS's: exact duplicates would have the logarithm of 0
DENSE_OPACITY = 0.1
_SAMPLE = 64
_UNTURNED = np.array([1, 0, 0, 0], np.float32)


def gaussians_of_points(cloud: PointCloud, spacing: np.ndarray, opacity: float = DENSE_OPACITY) -> Gaussians:
    """One round Gaussian for each point, its size the distance to its neighbours.

    Columns that all rows share are read-only views of one row, not copies.

    Args:
        spacing: (N,) mean squared distances to the three nearest points (`spacing`).
    """
    count = len(cloud)
    f_dc = cloud.rgb * np.float32(1 / (255 * SH_C0))
    f_dc -= np.float32(0.5 / SH_C0)
    log_scale = np.maximum(spacing, np.float32(_LEAST_SQUARE), dtype=np.float32)
    np.log(log_scale, out=log_scale)
    log_scale *= np.float32(0.5)
    return Gaussians(
        xyz=cloud.xyz,
        f_dc=f_dc,
        opacity_logit=np.broadcast_to(logit(opacity).astype(np.float32), count),
        log_scale=np.broadcast_to(log_scale[:, None], (count, 3)),
        rotation_wxyz=np.broadcast_to(_UNTURNED, (count, 4)),
        object_id=cloud.mask_id,
    )


def gaussians_of_masks(
    cloud: PointCloud, points_of: Mapping[int, np.ndarray], opacity: float = DENSE_OPACITY
) -> Gaussians:
    """One Gaussian for each mask: mean, covariance and mean colour of its points, in order of the mapping.

    Args:
        points_of: mask id -> rows of the cloud, at least one. Axes without extent (a mask of one point, or of
            points in a plane) get the least scale of 3DGS.
    """
    count = len(points_of)
    mean, colour = np.zeros((count, 3)), np.zeros((count, 3))
    covariance = np.zeros((count, 3, 3))
    for at, rows in enumerate(points_of.values()):
        points = np.take(cloud.xyz, rows, axis=0)
        origin = points[:: max(1, len(rows) // _SAMPLE)].mean(0)
        points -= origin  # near the mean already, so that single precision suffices for the sums
        one = np.full(len(rows), 1 / len(rows), np.float32)
        offset = one @ points
        mean[at] = origin.astype(np.float64) + offset
        covariance[at] = points.T @ points / np.float32(len(rows)) - np.outer(offset, offset)
        colour[at] = one @ np.take(cloud.rgb, rows, axis=0).astype(np.float32)
    values, vectors = np.linalg.eigh(covariance)
    vectors[:, :, 0] *= np.sign(np.linalg.det(vectors))[:, None]
    return Gaussians(
        xyz=mean.astype(np.float32),
        f_dc=((colour / 255 - 0.5) / SH_C0).astype(np.float32),
        opacity_logit=np.full(count, logit(opacity), np.float32),
        log_scale=(0.5 * np.log(np.maximum(values, _LEAST_SQUARE))).astype(np.float32),
        rotation_wxyz=quaternions_from_matrices(vectors).astype(np.float32),
        object_id=np.array(list(points_of), np.int64),
    )
