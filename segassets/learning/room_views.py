"""Single views of generated rooms to learn from: pictures with their depth, and objects with their captions.

A few frames far apart of each room; rooms as full and as hidden as those that judge, cameras of more kinds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from segassets.datasets.rooms import RoomSpec, Studio

FRAMES = (0, 5, 10)
MM = 1000.0
SPEC = RoomSpec.model_validate(
    {
        "frames": FRAMES[-1] + 1,
        "fov_deg": (45.0, 85.0),
        "objects_min": 6,
        "objects_max": 13,
        "occlusion_fraction": 0.9,
        "moving_fraction": 0.2,
        "late_fraction": 0.1,
        "distance_m": (0.8, 3.8),
        "turn_deg": (1.0, 4.5),
        "travel_m": (0.02, 0.14),
        "noise": (0.0, 6.0),
        "colour_jitter": 0.2,
    }
)


@dataclass(frozen=True)
class RoomViews:
    """Views of one room. T views of H x W pixels, N objects.

    Attributes:
        rgb: (T, H, W, 3) uint8.
        depth_mm: (T, H, W) uint16, millimetres along the optical axis; every pixel is valid.
        objects: (T, H, W) uint8, 0 = the room itself, else an index into the words, from 1.
        hidden: (T, N) float32 share of each object's silhouette that something hides; nan out of the picture.
        focal_px: of both axes; the principal point is the picture's middle.
        words: (N, 5) str: caption, size, colour, pattern, category.
    """

    rgb: np.ndarray
    depth_mm: np.ndarray
    objects: np.ndarray
    hidden: np.ndarray
    focal_px: float
    words: np.ndarray


def view_arrays(seed: int) -> dict[str, np.ndarray]:
    """The fields of RoomViews for the room of a seed."""
    studio = Studio(SPEC, seed)
    frames = [studio.frame(t) for t in FRAMES]
    seen = np.stack([frame.visible_px for frame in frames]).astype(np.float32)
    whole = np.stack([frame.silhouette_px for frame in frames]).astype(np.float32)
    words = [(thing.caption, thing.size, thing.colour, thing.pattern, thing.name) for thing in studio.objects]
    return {
        "rgb": np.stack([frame.rgb for frame in frames]),
        "depth_mm": np.stack([np.rint(frame.depth_m * MM).astype(np.uint16) for frame in frames]),
        "objects": np.stack([frame.object_ids.astype(np.uint8) for frame in frames]),
        "hidden": np.where(whole > 0, 1 - seen / np.maximum(whole, 1), np.nan).astype(np.float32),
        "focal_px": np.array(studio.intrinsics[0], np.float32),
        "words": np.array(words),
    }


@dataclass
class ViewPool:
    """Rooms found in a folder of `<seed>.npz` files; `refresh` picks up those rendered meanwhile."""

    folder: Path
    rooms: list[RoomViews] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    def refresh(self) -> int:
        """Read files not yet read, in name order; returns the number of rooms held."""
        for path in sorted(self.folder.glob("*.npz")):
            if path.name in self._seen:
                continue
            with np.load(path, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            self.rooms.append(RoomViews(**{**arrays, "focal_px": float(arrays["focal_px"])}))
            self._seen.add(path.name)
        return len(self.rooms)
