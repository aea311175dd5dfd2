"""Lifted scenes on disk: points by frame, Gaussians, and the record that says what space and unit they are in.

depth_lifts    points/%06d.npz, lifted_masks.parquet, mask_gaussians.safetensors, lift.json
gaussians      gaussians.safetensors (dense), object_gaussians.safetensors (one for each object)
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from segassets.errors import BadInput, MissingInput
from segassets.geometry.points import PointCloud, load_points
from segassets.masks.schemas import LIFTED_MASKS
from segassets.masks.table import read_table

LIFT_FILE = "lift.json"
LIFTED_FILE = "lifted_masks.parquet"
MASK_GAUSSIANS_FILE = "mask_gaussians.safetensors"
DENSE_FILE = "gaussians.safetensors"
OBJECTS_FILE = "object_gaussians.safetensors"
_POINTS = "points"


def points_path(folder: Path, frame: int) -> Path:
    """The file of a frame's points."""
    return folder / _POINTS / f"{frame:06d}.npz"


def lifted_frames(folder: Path) -> list[int]:
    """Frames that have points, in order."""
    return sorted(int(path.stem) for path in (folder / _POINTS).glob("*.npz"))


def load_record(folder: Path) -> dict[str, Any]:
    """`lift.json`: space, unit, masks, held_out_frame, excluded, ...

    Raises:
        BadInput: not such a file.
    """
    try:
        found = json.loads((folder / LIFT_FILE).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{folder / LIFT_FILE}: expected the record of a lifted scene, found {error}"
        ) from error
    return dict(found)


def object_of_masks(folder: Path) -> dict[int, int]:
    """mask_id -> its object: its track where masks have tracks and frames share a world, else the mask itself."""
    world = load_record(folder)["space"] == "world"
    table = read_table(folder / LIFTED_FILE, LIFTED_MASKS)
    pairs = zip(table.column("mask_id").to_pylist(), table.column("track_id").to_pylist(), strict=True)
    return {mask: track if world and track else mask for mask, track in pairs}


def load_cloud(folder: Path, frame: int | None = None) -> PointCloud:
    """The points of a frame, or of all frames where they lie in one world, by frame.

    Raises:
        MissingInput: the frame has none; no frame has any.
        BadInput: several frames whose points share no axes; ask for one.
    """
    frames = lifted_frames(folder)
    if not frames or (frame is not None and frame not in frames):
        wanted = "points" if frame is None else f"points of frame {frame}"
        reasons = load_record(folder)["excluded"]
        raise MissingInput(f"{folder}: expected {wanted}, found none; left out: {reasons or 'nothing'}")
    chosen = frames if frame is None else [frame]
    return PointCloud.concatenate([load_points(points_path(folder, at)) for at in chosen])
