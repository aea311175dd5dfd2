"""Clouds of coloured points, each of a frame and a mask, and the npz files they are kept in."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from segassets.errors import BadInput
from segassets.storage import atomic

_WIDTHS = {"xyz": 3, "rgb": 3, "frame": 0, "mask_id": 0}
_TYPES = {"xyz": np.float32, "rgb": np.uint8, "frame": np.int32, "mask_id": np.int64}


@dataclass(frozen=True)
class PointCloud:
    """N points.

    Attributes:
        xyz: (N, 3) float32.
        rgb: (N, 3) uint8.
        frame: (N,) int32, the frame a point was seen on.
        mask_id: (N,) int64, the smallest mask over its pixel; 0 = none.
        unit: "m" or "arbitrary".
        space: "world", or "camera" where no pose is known (a frame's points then fit no other frame's).
    """

    xyz: np.ndarray
    rgb: np.ndarray
    frame: np.ndarray
    mask_id: np.ndarray
    unit: str = "m"
    space: str = "world"

    def __len__(self) -> int:
        return len(self.xyz)

    def take(self, chosen: np.ndarray) -> PointCloud:
        """Some points, by index or boolean mask."""
        return PointCloud(
            **{name: getattr(self, name)[chosen] for name in _WIDTHS}, unit=self.unit, space=self.space
        )

    @classmethod
    def concatenate(cls, clouds: Sequence[PointCloud]) -> PointCloud:
        """All points, in order.

        Raises:
            BadInput: the clouds are not in one unit and one space.
        """
        kinds = {(cloud.unit, cloud.space) for cloud in clouds}
        if len(kinds) > 1 or (
            len(clouds) > 1 and ("arbitrary" in next(iter(kinds)) or "camera" in next(iter(kinds)))
        ):
            raise BadInput(
                "expected points in metres and world coordinates to lay together, found "
                + ", ".join(sorted(f"{unit} in {space} coordinates" for unit, space in kinds))
            )
        parts = {name: np.concatenate([getattr(cloud, name) for cloud in clouds]) for name in _WIDTHS}
        return cls(**parts, unit=clouds[0].unit, space=clouds[0].space)


def save_points(path: Path, cloud: PointCloud) -> None:
    """Write an npz file (`xyz_m` or `xyz` in an arbitrary unit, `rgb`, `frame`, `mask_id`, `space`).

    Raises:
        BadInput: a coordinate is not finite.
    """
    if not np.isfinite(cloud.xyz).all():
        raise BadInput(f"{path}: expected finite points, found nan or infinity")
    arrays = {item.name: getattr(cloud, item.name) for item in fields(cloud) if item.name in _WIDTHS}
    arrays["xyz_m" if cloud.unit == "m" else "xyz"] = arrays.pop("xyz")
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays, space=np.array(cloud.space))
    atomic.write_bytes(path, stream.getvalue())


def load_points(path: Path) -> PointCloud:
    """Read `save_points`.

    Raises:
        BadInput: not such a file.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = dict(archive)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BadInput(f"{path}: expected points as npz, found {error}") from error
    unit = "m" if "xyz_m" in arrays else "arbitrary"
    arrays["xyz"] = arrays.pop("xyz_m" if unit == "m" else "xyz", None)
    for name, kind in _TYPES.items():
        if arrays.get(name) is None or arrays[name].dtype != kind:
            raise BadInput(f"{path}: expected an array {name} of {np.dtype(kind)}, found another or none")
    return PointCloud(
        **{name: arrays[name] for name in _TYPES}, unit=unit, space=str(arrays.get("space", "world"))
    )
