"""Oriented boxes: the box around a set of points, upright where the world's up is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segassets.errors import BadInput

_QUARTER = np.pi / 2
_ANGLES = 90  # one degree apart


@dataclass(frozen=True)
class OrientedBox:
    """A box.

    Attributes:
        centre: (3,) metres.
        axes: (3, 3) unit vectors of its edges as columns, determinant +1.
        size: (3,) lengths of its edges, in order of the axes.
    """

    centre: np.ndarray
    axes: np.ndarray
    size: np.ndarray

    @property
    def volume(self) -> float:
        """Cubic metres."""
        return float(np.prod(self.size))

    def corners(self) -> np.ndarray:
        """(8, 3) corners."""
        signs = np.array(np.meshgrid([-0.5, 0.5], [-0.5, 0.5], [-0.5, 0.5], indexing="ij")).reshape(3, 8).T
        return self.centre + (signs * self.size) @ self.axes.T

    def contains(self, points: np.ndarray, margin_m: float = 0.0) -> np.ndarray:
        """Which points (N, 3) lie inside, or within a margin."""
        local = (np.asarray(points, np.float64) - self.centre) @ self.axes
        return (np.abs(local) <= self.size / 2 + margin_m).all(1)


def box_around(points: np.ndarray, up: np.ndarray | None = None, trim: float = 0.0) -> OrientedBox:
    """The box around points (N, 3).

    Args:
        up: the world's up, (3,): the box stands upright and its ground plan is the smallest rectangle, to one
            degree. Without it the axes are the principal ones.
        trim: share of the points to leave outside at each end of each axis at most (0 takes all in): outliers of a
            depth sensor would blow the box up. Of fewer points than 1 / trim none is left outside.

    Raises:
        BadInput: no points, or a coordinate that is not finite.
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or points.shape[1] != 3 or len(points) == 0 or not np.isfinite(points).all():
        raise BadInput(f"expected finite points (N, 3), at least one, for a box, found shape {points.shape}")
    axes = _principal(points) if up is None else _upright(points, np.asarray(up, np.float64), trim)
    local = points @ axes
    low = np.quantile(local, trim, axis=0, method="lower")
    high = np.quantile(local, 1 - trim, axis=0, method="higher")
    return OrientedBox(axes @ ((low + high) / 2), axes, high - low)


def _principal(points: np.ndarray) -> np.ndarray:
    _, vectors = np.linalg.eigh(np.cov(points.T) if len(points) > 1 else np.zeros((3, 3)))
    axes = vectors[:, ::-1].copy()  # the longest first
    axes[:, 2] *= np.sign(np.linalg.det(axes))
    return axes


def _upright(points: np.ndarray, up: np.ndarray, trim: float) -> np.ndarray:
    up = up / np.linalg.norm(up)
    first = np.cross(up, np.eye(3)[np.argmin(np.abs(up))])
    first /= np.linalg.norm(first)
    second = np.cross(up, first)
    plan = points @ np.stack([first, second], 1)
    angles = np.arange(_ANGLES) * (_QUARTER / _ANGLES)
    cosine, sine = np.cos(angles), np.sin(angles)
    thin = plan[:: max(1, len(plan) // 5000)]
    sides = []
    for along in (np.stack([cosine, sine]), np.stack([-sine, cosine])):
        reach = thin @ along
        sides.append(np.quantile(reach, 1 - trim, axis=0) - np.quantile(reach, trim, axis=0))
    best = int(np.argmin(sides[0] * sides[1]))
    one = first * cosine[best] + second * sine[best]
    return np.stack([one, np.cross(up, one), up], 1)
