"""A generated room as arrays: `generate_room(spec, seed)` gives pictures, exact masks, depth and poses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from segassets.datasets.rooms.furniture import CATEGORIES
from segassets.datasets.rooms.objects import RoomObject
from segassets.datasets.rooms.primitives import Triple
from segassets.datasets.rooms.spec import RoomSpec
from segassets.datasets.rooms.studio import RoomFrame, Studio


@dataclass
class RoomClip:
    """A room seen by a moving camera. T frames of H x W pixels, N objects.

    Args:
        rgb: (T, H, W, 3) uint8.
        object_ids: (T, H, W) int32, 0 = walls, floor, ceiling and what is fixed to them.
        part_ids: (T, H, W) int32, 0 = none.
        depth_m: (T, H, W) float32, metres along the optical axis; every pixel is valid.
        camera_to_world: (T, 4, 4) float64, OpenCV axes; the world has z up and the floor at 0.
        intrinsics: fx, fy, cx, cy in pixels, pixel centres at +0.5.
        object_to_world: (T, N, 4, 4) float64 object poses.
        visible_px: (T, N) int32 pixels in which each object is seen.
        silhouette_px: (T, N) int32 pixels it would have inside the picture with nothing in front of it.
    """

    spec: RoomSpec
    seed: int
    rgb: np.ndarray
    object_ids: np.ndarray
    part_ids: np.ndarray
    depth_m: np.ndarray
    camera_to_world: np.ndarray
    intrinsics: tuple[float, float, float, float]
    objects: list[RoomObject]
    object_to_world: np.ndarray
    visible_px: np.ndarray
    silhouette_px: np.ndarray
    room_m: Triple
    categories: dict[int, str] = field(default_factory=lambda: dict(CATEGORIES))

    @classmethod
    def of(cls, studio: Studio, frames: list[RoomFrame]) -> RoomClip:
        """A clip of all frames of a studio."""
        stacked: dict[str, Any] = {
            name: np.stack([getattr(frame, name) for frame in frames]) for name in vars(frames[0])
        }
        return cls(
            spec=studio.spec,
            seed=studio.seed,
            camera_to_world=studio.camera_to_world,
            intrinsics=studio.intrinsics,
            objects=studio.objects,
            object_to_world=studio.object_to_world,
            room_m=studio.room_m,
            **stacked,
        )

    @property
    def visibility(self) -> np.ndarray:
        """(T, N) share of each object's silhouette in the picture that nothing hides; nan without one."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.silhouette_px > 0, self.visible_px / self.silhouette_px, np.nan)


def generate_room(spec: RoomSpec, seed: int, colour: bool = True) -> RoomClip:
    """Render the room of a seed; the same spec and seed give the same arrays to the bit.

    A long clip fits in memory frame by frame: see `studio.Studio`. Without colour the pictures stay black and
    the maps come about five times as fast.
    """
    studio = Studio(spec, seed)
    return RoomClip.of(studio, [studio.frame(t, colour) for t in range(spec.frames)])
