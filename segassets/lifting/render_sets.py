"""Render sets: what a renderer or a training of Gaussians needs at one resolution, in one safetensors file.

    res_<side>.safetensors    mean (N, 3), opacity (N,) 0..1, color (N, 3) 0..1, scale (N, 3), rotation (N, 4) w x y z,
                              object_id (N,) int64 of the Gaussians: those of objects under `objects/`, those of points
                              under `dense/`; frame (F,), intrinsics (F, 4) fx fy cx cy in pixels of that resolution,
                              camera_to_world (F, 4, 4)
    render_sets.json          the sizes, what the names mean, unit and space

Values are plain, not 3DGS's activations. At a resolution, no dense Gaussian is smaller than half a pixel as its nearest
frame sees it, and of those in one cell of that size one stays: a small set is small. The embedding of an object
belongs to its `object_id`; it is not repeated here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from segassets.errors import BadInput
from segassets.geometry.cameras import Pinhole
from segassets.geometry.gaussians import SH_C0, Gaussians, load_gaussians, logit
from segassets.geometry.poses import rigid_pose, to_camera
from segassets.geometry.stored_lift import (
    DENSE_FILE,
    OBJECTS_FILE,
    lifted_frames,
    load_record,
)
from segassets.lifting.config import RenderingConfig
from segassets.lifting.thinning import thin
from segassets.storage import atomic

SETS_FILE = "render_sets.json"
_WORDS = {
    "mean": "centre", "opacity": "0 to 1", "color": "red, green, blue, 0 to 1", "scale": "standard deviations",
    "rotation": "unit quaternion w x y z", "object_id": "track_id, else mask_id; 0 = none",
}  # fmt: skip


def set_path(folder: Path, side: int) -> Path:
    """The file of a resolution."""
    return folder / f"res_{side}.safetensors"


def write_render_sets(
    frames: pa.Table, lift: Path, gaussians: Path, out: Path, config: RenderingConfig
) -> list[dict[str, Any]]:
    """Write a file for each resolution, and `render_sets.json`; returns side, size, Gaussians of each.

    Args:
        frames: schema FRAMES.
        lift, gaussians: artifacts depth_lifts and gaussians.
    """
    record, lifted = load_record(lift), lifted_frames(lift)
    rows = [row for row in frames.to_pylist() if row["frame"] in set(lifted)]
    dense, objects = load_gaussians(gaussians / DENSE_FILE), load_gaussians(gaussians / OBJECTS_FILE)
    world = record["space"] == "world"
    depths = _nearest_depths(dense, rows, lift, world)
    sets = []
    for side in config.resolutions:
        cameras = [_camera(row, side, record["fov_deg"], world) for row in rows]
        footprint = depths / min((pin.fx_px for pin, _ in cameras), default=1.0)
        kept = _for_resolution(dense, footprint)
        arrays = {f"objects/{name}": array for name, array in plain(objects).items()}
        arrays |= {f"dense/{name}": array for name, array in plain(kept).items()}
        arrays |= _camera_arrays([row["frame"] for row in rows], cameras)
        size = (cameras[0][0].height, cameras[0][0].width) if cameras else (0, 0)
        note = {"format": "segassets-render-set", "unit": record["unit"], "space": record["space"]}
        _save(set_path(out, side), arrays, note)
        sets.append(
            {
                "side": side,
                "size_hw": list(size),
                "frames": len(rows),
                "dense": len(kept),
                "objects": len(objects),
            }
        )
    content = {"unit": record["unit"], "space": record["space"], "columns": _WORDS, "sets": sets}
    atomic.write_text(out / SETS_FILE, json.dumps(content, indent=1))
    return sets


def plain(gaussians: Gaussians) -> dict[str, np.ndarray]:
    """Gaussians without 3DGS's activations: mean, opacity, color, scale, rotation, object_id."""
    length = np.linalg.norm(gaussians.rotation_wxyz, axis=1, keepdims=True)
    arrays = {
        "mean": gaussians.xyz,
        "opacity": 1 / (1 + np.exp(-gaussians.opacity_logit.astype(np.float64))),
        "color": np.clip(gaussians.f_dc * SH_C0 + 0.5, 0, 1),
        "scale": np.exp(gaussians.log_scale.astype(np.float64)),
        "rotation": gaussians.rotation_wxyz / np.maximum(length, 1e-12),
    }
    found = {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
    return found | {"object_id": np.ascontiguousarray(gaussians.object_id)}


def from_plain(arrays: dict[str, np.ndarray], kind: str = "dense") -> Gaussians:
    """The Gaussians of a render set's arrays, dense ones or `objects`, in 3DGS's activations again."""
    mean, opacity, colour, scale, rotation, object_id = (arrays[f"{kind}/{name}"] for name in _WORDS)
    return Gaussians(
        xyz=mean,
        f_dc=(colour - 0.5) / SH_C0,
        opacity_logit=logit(opacity).astype(np.float32),
        log_scale=np.log(scale),
        rotation_wxyz=rotation,
        object_id=object_id,
    )


def load_render_set(folder: Path, side: int) -> dict[str, np.ndarray]:
    """Arrays of one resolution by name.

    Raises:
        BadInput: there is no such file, or it is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(set_path(folder, side)))
    except (SafetensorError, OSError) as error:
        raise BadInput(f"{set_path(folder, side)}: expected a render set, found {error}") from error


def _save(path: Path, arrays: dict[str, np.ndarray], note: dict[str, str]) -> None:
    from safetensors.numpy import save

    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise BadInput(f"{path}: expected finite numbers, found nan or infinity in {name}")
    atomic.write_bytes(path, save(arrays, note))


def _camera(row: dict[str, Any], side: int, fov_deg: float | None, world: bool) -> tuple[Pinhole, np.ndarray]:
    """Intrinsics at the resolution, and the pose; the camera's own axes where there is no world."""
    pinhole = Pinhole.of_frame(row, fov_deg)
    scale = side / max(pinhole.height, pinhole.width)
    size = max(1, round(pinhole.height * scale)), max(1, round(pinhole.width * scale))
    where = f"scene {row['scene']}, frame {row['frame']}"
    return pinhole.scaled(*size), rigid_pose(row["camera_to_world"], where) if world else np.eye(4)


def _camera_arrays(frames: list[int], cameras: list[tuple[Pinhole, np.ndarray]]) -> dict[str, np.ndarray]:
    numbers = [(pin.fx_px, pin.fy_px, pin.cx_px, pin.cy_px) for pin, _ in cameras]
    poses = np.array([pose for _, pose in cameras], np.float64).reshape(-1, 4, 4)
    sizes = np.array([(pin.height, pin.width) for pin, _ in cameras], np.int64).reshape(-1, 2)
    return {
        "frame": np.array(frames, np.int64),
        "size_hw": sizes,
        "intrinsics": np.array(numbers, np.float64).reshape(-1, 4),
        "camera_to_world": poses,
    }


def _nearest_depths(dense: Gaussians, rows: list[dict[str, Any]], lift: Path, world: bool) -> np.ndarray:
    """(N,) depth of each dense Gaussian in the camera that is nearest to it; its own frame's without a world."""
    if not world:
        return dense.xyz[:, 2].astype(np.float64)
    nearest = np.full(len(dense), np.inf)
    for row in rows:
        z = to_camera(dense.xyz, rigid_pose(row["camera_to_world"], f"frame {row['frame']}"))[:, 2]
        nearest = np.where(z > 0, np.minimum(nearest, z), nearest)
    return np.where(np.isfinite(nearest), nearest, 1.0)


def _for_resolution(dense: Gaussians, footprint: np.ndarray) -> Gaussians:
    """Dense Gaussians for pixels of this size, (N,) in the Gaussians' unit.

    In bands of a factor of two in pixel size, one Gaussian for each cell as large as the band's pixel.
    """
    if len(dense) == 0:
        return dense
    band = np.floor(np.log2(np.maximum(footprint, 1e-9))).astype(np.int64)
    kept = []
    for level in np.unique(band):
        rows = np.flatnonzero(band == level)
        cell = max(2.0**level, float(np.ptp(dense.xyz[rows], axis=0).max()) / 2**20, 1e-9)
        kept.append(rows[thin(dense.xyz[rows], cell, dense.object_id[rows])])
    rows = np.sort(np.concatenate(kept))
    chosen = dense.take(rows)
    least = np.log(0.5 * footprint[rows]).astype(np.float32)[:, None]
    return Gaussians(
        xyz=chosen.xyz,
        f_dc=chosen.f_dc,
        opacity_logit=chosen.opacity_logit,
        log_scale=np.maximum(chosen.log_scale, least),
        rotation_wxyz=chosen.rotation_wxyz,
        object_id=chosen.object_id,
    )
