"""Rotations: 3x3 matrices and unit quaternions in the order w, x, y, z (as COLMAP and 3DGS store them)."""

from __future__ import annotations

import numpy as np

from segassets.errors import BadInput


def matrices_from_quaternions(wxyz: np.ndarray) -> np.ndarray:
    """Rotation matrices (..., 3, 3) of quaternions (..., 4) of any length but 0.

    Raises:
        BadInput: a quaternion is 0 or not finite.
    """
    wxyz = np.asarray(wxyz, np.float64)
    length = np.linalg.norm(wxyz, axis=-1, keepdims=True)
    if wxyz.shape[-1:] != (4,) or not np.isfinite(length).all() or (length < 1e-12).any():
        raise BadInput("expected quaternions w, x, y, z that are finite and not 0, found others")
    w, x, y, z = np.moveaxis(wxyz / length, -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


def quaternions_from_matrices(matrices: np.ndarray) -> np.ndarray:
    """Unit quaternions (..., 4) float64 with w >= 0 of rotation matrices (..., 3, 3).

    The largest of the four components is computed first (Shepperd's method), so no angle loses precision.
    """
    m = np.asarray(matrices, np.float64)
    lead = m.shape[:-2]
    m = m.reshape(-1, 3, 3)
    a, b, c = m[:, 0, 0], m[:, 1, 1], m[:, 2, 2]
    squares = np.stack([1 + a + b + c, 1 + a - b - c, 1 - a + b - c, 1 - a - b + c], 1)  # 4 w^2, 4 x^2, ...
    yz, xz, xy = m[:, 2, 1] + m[:, 1, 2], m[:, 0, 2] + m[:, 2, 0], m[:, 1, 0] + m[:, 0, 1]
    wx, wy, wz = m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1]
    products = np.stack(
        [
            np.stack([squares[:, 0], wx, wy, wz], 1),
            np.stack([wx, squares[:, 1], xy, xz], 1),
            np.stack([wy, xy, squares[:, 2], yz], 1),
            np.stack([wz, xz, yz, squares[:, 3]], 1),
        ],
        1,
    )
    best = products[np.arange(len(m)), squares.argmax(1)]
    best /= np.linalg.norm(best, axis=1, keepdims=True)
    best *= np.where(best[:, :1] < 0, -1.0, 1.0)
    return best.reshape(*lead, 4)
