"""Rooms rendered ahead of training, one `<seed>.npz` per clip; walls, floor and ceiling are told apart."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segassets.datasets.rooms import RoomClip, RoomSpec, generate_room
from segassets.datasets.rooms.seeds import check_training_seeds

SURFACES = 6
# Two kinds of rooms: what is learned must hold on calm views of few things and on crowded fast ones.
CALM = RoomSpec.model_validate(
    {"frames": 10, "objects_min": 5, "turn_deg": (0.4, 6.0), "travel_m": (0.005, 0.14), "jitter_deg": 0.5}
)
CROWDED = RoomSpec.model_validate(
    {
        "frames": 10,
        "objects_min": 8,
        "objects_max": 13,
        "occlusion_fraction": 0.9,
        "moving_fraction": 0.25,
        "distance_m": (0.9, 3.6),
        "turn_deg": (1.0, 4.5),
        "travel_m": (0.02, 0.14),
    }
)


def training_spec(seed: int) -> RoomSpec:
    """The kind of room a seed gives."""
    return CROWDED if seed % 4 else CALM


def surface_ids(clip: RoomClip) -> np.ndarray:
    """(T, H, W) uint8: 1..6 for the plane of the empty room nearest to what each pixel sees."""
    fx_px, fy_px, cx_px, cy_px = clip.intrinsics
    height, width = clip.depth_m.shape[1:]
    v, u = np.mgrid[:height, :width] + 0.5
    rays = np.stack([(u - cx_px) / fx_px, (v - cy_px) / fy_px, np.ones_like(u)], axis=-1).astype(np.float32)
    half_x, half_y, top = clip.room_m[0] / 2, clip.room_m[1] / 2, clip.room_m[2]
    surfaces = np.empty(clip.depth_m.shape, np.uint8)
    for t, pose in enumerate(clip.camera_to_world.astype(np.float32)):
        points = (rays * clip.depth_m[t][..., None]) @ pose[:3, :3].T + pose[:3, 3]
        x, y, z = np.moveaxis(points, -1, 0)
        surfaces[t] = (
            np.argmin(np.abs([x + half_x, x - half_x, y + half_y, y - half_y, z, z - top]), axis=0) + 1
        )
    return surfaces


def training_arrays(clip: RoomClip) -> dict[str, np.ndarray]:
    """`rgb` and the two label maps of `room_clips.Clip`, parts numbered without gaps after the surfaces."""
    names = np.unique(clip.part_ids[clip.part_ids > 0])
    if len(names) + SURFACES > 255 or clip.object_ids.max() > 255:
        raise ValueError(f"room {clip.seed}: {len(names)} parts do not fit in a byte")
    parts = np.where(
        clip.part_ids > 0, np.searchsorted(names, clip.part_ids) + SURFACES + 1, surface_ids(clip)
    )
    return {"rgb": clip.rgb, "objects": clip.object_ids.astype(np.uint8), "parts": parts.astype(np.uint8)}


def clip_arrays(seed: int) -> dict[str, np.ndarray]:
    """What a training of a promptable network keeps of the room of a seed."""
    return training_arrays(generate_room(training_spec(seed), seed))


def render_clips(
    folder: Path, seeds: Sequence[int], arrays_of: Callable[[int], dict[str, np.ndarray]] = clip_arrays
) -> None:
    """Render the clips that are not there yet; each file appears whole.

    Args:
        arrays_of: from a seed to what is kept of its room.

    Raises:
        BadConfig: a seed is kept for evaluation.
    """
    check_training_seeds(seeds)
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        path = folder / f"{seed:07d}.npz"
        if path.exists():
            continue
        staging = path.with_suffix(f".{os.getpid()}.tmp")
        with staging.open("wb") as file:
            arrays: dict[str, Any] = arrays_of(seed)
            np.savez(file, **arrays)
        staging.rename(path)
