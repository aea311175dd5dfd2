"""Camera-to-world poses: 4x4 rigid transforms in OpenCV axes, checked before they are used."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segassets.errors import BadInput

_TOLERANCE = 1e-3


def rigid_pose(numbers: Sequence[float] | np.ndarray, where: str) -> np.ndarray:
    """A 4x4 pose (16 numbers row by row, or a matrix) as float64, its rotation made exactly orthonormal.

    Raises:
        BadInput: not 16 finite numbers, or not rigid (scaled, mirrored, sheared, or a last row that is not
            0 0 0 1); `where` names it.
    """
    try:
        pose = np.array(numbers, np.float64).reshape(4, 4)
    except (TypeError, ValueError):
        raise BadInput(f"{where}: expected a pose of 16 numbers, found {np.size(numbers)}") from None
    if not np.isfinite(pose).all():
        raise BadInput(f"{where}: expected finite numbers in the pose, found nan or infinity")
    if np.abs(pose[3] - (0, 0, 0, 1)).max() > _TOLERANCE:
        raise BadInput(
            f"{where}: expected the last row of the pose to be 0 0 0 1, found {pose[3].tolist()}; a matrix "
            "stored column by column must be transposed"
        )
    rotation = pose[:3, :3]
    wrong = np.abs(rotation @ rotation.T - np.eye(3)).max()
    determinant = np.linalg.det(rotation)
    if wrong > _TOLERANCE or determinant < 0:
        raise BadInput(
            f"{where}: expected a rigid pose (rotation and translation), found a matrix of determinant "
            f"{determinant:.4g} whose axes are off by {wrong:.2g}; remove scale or mirroring first"
        )
    left, _, right = np.linalg.svd(rotation)
    pose[:3, :3] = left @ right
    pose[3] = (0, 0, 0, 1)
    return pose


def inverse(pose: np.ndarray) -> np.ndarray:
    """The inverse of a rigid pose (4, 4): world-to-camera of a camera-to-world pose."""
    back = np.eye(4)
    back[:3, :3] = pose[:3, :3].T
    back[:3, 3] = -pose[:3, :3].T @ pose[:3, 3]
    return back


def transform(points: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """Points (N, 3) taken through a pose (4, 4), in the points' own precision."""
    rotation, shift = pose[:3, :3].astype(points.dtype), pose[:3, 3].astype(points.dtype)
    moved = points @ rotation.T
    moved += shift
    return moved


def to_camera(points: np.ndarray, camera_to_world: np.ndarray) -> np.ndarray:
    """World points (N, 3) in the camera's axes."""
    return transform(points, inverse(camera_to_world))
