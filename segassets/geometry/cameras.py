"""The pinhole camera: x right, y down, z forward; the centre of the first pixel is at (0.5, 0.5)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from segassets.errors import BadInput

DEFAULT_FOV_DEG = 60.0
_FIELDS = ("fx_px", "fy_px", "cx_px", "cy_px")


@dataclass(frozen=True)
class Pinhole:
    """Intrinsics of a picture of height x width pixels.

    Args:
        assumption: how the intrinsics were assumed, in words; empty when they were measured.

    Raises:
        BadInput: not finite, a focal length that is not positive, or a picture without pixels.
    """

    height: int
    width: int
    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    assumption: str = ""

    def __post_init__(self) -> None:
        numbers = [getattr(self, name) for name in _FIELDS]
        if not np.isfinite(numbers).all() or self.fx_px <= 0 or self.fy_px <= 0:
            found = ", ".join(f"{name}={value:g}" for name, value in zip(_FIELDS, numbers, strict=True))
            raise BadInput(f"expected intrinsics with positive, finite focal lengths, found {found}")
        if self.height < 1 or self.width < 1:
            raise BadInput(f"expected a picture with pixels, found {self.height} x {self.width}")

    @classmethod
    def from_fov(cls, height: int, width: int, fov_deg: float = DEFAULT_FOV_DEG) -> Pinhole:
        """Square pixels, principal point at the centre; the declared field of view is kept as an assumption.

        Args:
            fov_deg: horizontal field of view, degrees.
        """
        if not 0 < fov_deg < 180:
            raise BadInput(
                f"expected a horizontal field of view between 0 and 180 degrees, found {fov_deg:g}"
            )
        focal = width / 2 / math.tan(math.radians(fov_deg) / 2)
        words = f"horizontal field of view of {fov_deg:g} degrees declared, principal point at the centre"
        return cls(height, width, focal, focal, width / 2, height / 2, words)

    @classmethod
    def of_frame(cls, row: Mapping[str, Any], fov_deg: float | None = None) -> Pinhole:
        """Intrinsics of a row of the frames table; without them those of a declared field of view.

        Raises:
            BadInput: the row has none and no field of view is declared, or they are singular.
        """
        where = f"scene {row.get('scene', '')}, source frame {row.get('source_frame', '?')}"
        values = [row.get(name) for name in _FIELDS]
        size = int(row["height"]), int(row["width"])
        if any(value is None for value in values):
            if fov_deg is None:
                raise BadInput(
                    f"{where}: no intrinsics; declare a horizontal field of view (usual: {DEFAULT_FOV_DEG:g} "
                    "degrees) to go on with assumed ones"
                )
            return cls.from_fov(*size, fov_deg)
        try:
            fx, fy, cx, cy = (float(value) for value in values if value is not None)
            return cls(*size, fx, fy, cx, cy)
        except BadInput as error:
            raise BadInput(f"{where}: {error}") from error

    @property
    def matrix(self) -> np.ndarray:
        """K (3, 3)."""
        return np.array([[self.fx_px, 0, self.cx_px], [0, self.fy_px, self.cy_px], [0, 0, 1]], np.float64)

    def scaled(self, height: int, width: int) -> Pinhole:
        """The same camera for the picture resized to height x width."""
        x, y = width / self.width, height / self.height
        return Pinhole(
            height, width, self.fx_px * x, self.fy_px * y, self.cx_px * x, self.cy_px * y, self.assumption
        )

    def rays(self) -> tuple[np.ndarray, np.ndarray]:
        """x / z of every column (W,) and y / z of every row (H,), through the pixels' centres, float32."""
        across = (np.arange(self.width) + 0.5 - self.cx_px) / self.fx_px
        down = (np.arange(self.height) + 0.5 - self.cy_px) / self.fy_px
        return across.astype(np.float32), down.astype(np.float32)

    def unproject(self, u: np.ndarray, v: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Camera points (N, 3) float64 of pixel positions (the first pixel's centre is 0.5, 0.5) and depths."""
        u, v, z = (np.asarray(part, np.float64) for part in (u, v, z))
        return np.stack([(u - self.cx_px) / self.fx_px * z, (v - self.cy_px) / self.fy_px * z, z], -1)

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixel positions (N, 2) float64 of camera points (N, 3), and which of them lie in front.

        Positions of points that are not in front of the camera are nan.
        """
        points = np.asarray(points, np.float64)
        in_front = points[:, 2] > 0
        z = np.where(in_front, points[:, 2], np.nan)
        u = points[:, 0] / z * self.fx_px + self.cx_px
        v = points[:, 1] / z * self.fy_px + self.cy_px
        return np.stack([u, v], 1), in_front

    def pixels(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows and columns (N,) int64 that camera points (N, 3) fall on, and which of them are in the picture.

        Rows and columns are 0 for points outside the picture or behind the camera.
        """
        position, inside = self.project(points)
        inside &= (position >= 0).all(1) & (position < (self.width, self.height)).all(1)
        place = np.where(inside[:, None], position, 0).astype(np.int64)
        return place[:, 1], place[:, 0], inside

    def to_dict(self) -> dict[str, Any]:
        """For a JSON record; `assumption` is empty for measured intrinsics."""
        return {name: getattr(self, name) for name in ("height", "width", *_FIELDS, "assumption")}
