"""A scene's stored depth lifted: points of every frame, one Gaussian for each mask, and what was left out.

Where every frame has a pose and depth is in metres, points of all frames lie in one world and are thinned together:
of the points in a cell one stays, the earliest frame's, those of the held-out frame last. So the points of the other
frames are those that would be there without it, and rendering it from them alone is a fair test.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segassets.datasets.frames import FrameSource
from segassets.geometry.gaussians import Gaussians, save_gaussians
from segassets.geometry.points import PointCloud, save_points
from segassets.geometry.stored_lift import (
    LIFT_FILE,
    LIFTED_FILE,
    MASK_GAUSSIANS_FILE,
    points_path,
)
from segassets.lifting.config import LiftConfig
from segassets.lifting.depth import Depth
from segassets.lifting.frame import FrameLift
from segassets.lifting.frame_pairs import scene_agreement
from segassets.lifting.scene import has_world, lift_scene
from segassets.lifting.stored_depth import load_depth, load_rows
from segassets.lifting.thinning import thin
from segassets.masks.schemas import LIFTED_MASKS
from segassets.masks.table import write_table
from segassets.storage import atomic

_OVERLAP = 4  # points lifted for one that stays, where frames overlap
_LEAST_FRAMES = 4  # from which one is held out


@dataclass
class SceneLift:
    """What a scene became.

    Attributes:
        record: of `lift.json`.
        masks: rows of schema LIFTED_MASKS.
    """

    record: dict[str, Any]
    masks: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class _Lifts:
    """What is collected while frames are lifted."""

    excluded: Counter[str] = field(default_factory=Counter)
    clouds: list[PointCloud] = field(default_factory=list)
    gaussians: list[Gaussians] = field(default_factory=list)
    masks: list[dict[str, Any]] = field(default_factory=list)
    assumption: str = ""
    points: int = 0


def write_scene_lift(
    source: FrameSource,
    depth_folder: Path,
    masks: tuple[str, pa.Table] | None,
    out: Path,
    config: LiftConfig,
    progress: Callable[[int, int, str], None] = lambda done, total, note: None,
) -> SceneLift:
    """Write `points/%06d.npz`, `lifted_masks.parquet`, `mask_gaussians.safetensors` and `lift.json` into `out`.

    Args:
        depth_folder: a depth_maps artifact.
        masks: name of the asset and its table, schema MASKS; None for points alone.

    Raises:
        BadInput: depth, intrinsics, poses and pictures that do not fit each other; names scene and frame.
    """
    rows = load_rows(depth_folder)
    aligned = [frame for frame, row in rows.items() if row["scale"] is not None]
    units = {rows[frame]["depth_unit"] for frame in aligned}
    world = units == {"m"} and has_world(source.table)
    lifts = _Lifts()
    if len(rows) > len(aligned):
        lifts.excluded["relative_depth"] = len(rows) - len(aligned)
    table = None if masks is None else of_levels(masks[1], config.levels)
    step = _stride(config, [rows[frame] for frame in aligned], world)
    at_stride = config.model_copy(update={"stride": step})
    depths = ((frame, stored_depth(depth_folder, rows[frame])) for frame in aligned)
    done = 0
    for frame, lifted in lift_scene(source, depths, table, at_stride, excluded=lifts.excluded):
        _collect(lifts, frame, lifted, table, source.scene)
        if not world:
            _store(lifts, lifts.clouds.pop(), out)
        progress(done := done + 1, len(aligned), "")
    held_out, cell, agreement, compared = None, None, None, 0
    if world and lifts.clouds:
        clouds = {int(cloud.frame[0]): cloud for cloud in lifts.clouds}
        agreement, compared = scene_agreement(
            source.table.to_pylist(),
            clouds,
            lambda frame: stored_depth(depth_folder, rows[frame]),
            config.fov_deg,
        )
        held_out = _held_out([int(cloud.frame[0]) for cloud in lifts.clouds])
        cell, lifts.clouds = _thinned(lifts.clouds, _labels(lifts.masks), held_out, config.max_points)
        for cloud in lifts.clouds:
            _store(lifts, cloud, out)
    unit = next(iter(units)) if aligned else "none"
    _count_unlifted(lifts, table, source.scene)
    lift = SceneLift(
        {
            "space": "world" if world else "camera",
            "unit": unit,
            "masks": masks[0] if masks else "none",
            "levels": sorted(set(table.column("level").to_pylist())) if table is not None else [],
            "stride": step,
            "cell": cell,
            "held_out_frame": held_out,
            "intrinsics": lifts.assumption or ("of the footage" if done else "none"),
            "fov_deg": config.fov_deg,
            "frames": done,
            "points": lifts.points,
            "excluded": dict(lifts.excluded),
            "agreement": agreement,
            "agreement_points": compared,
        },
        lifts.masks,
    )
    _write(out, lift, Gaussians.concatenate(lifts.gaussians or [Gaussians.empty()]), unit)
    return lift


def of_levels(masks: pa.Table, levels: list[int] | None) -> pa.Table:
    """Masks of these levels; of the coarsest that occurs when not given."""
    occurring = sorted(set(masks.column("level").to_pylist()))
    return masks.filter(pc.is_in(masks.column("level"), pa.array(levels or occurring[:1], pa.int8())))


def stored_depth(folder: Path, row: dict[str, Any]) -> Depth:
    """The depth of a row that has scale and shift."""
    depth = load_depth(folder, row)
    assert depth is not None
    return depth


def _stride(config: LiftConfig, rows: list[dict[str, Any]], world: bool) -> int:
    """Every n-th pixel, so that memory stays bounded however many frames there are."""
    sizes = [row["height"] * row["width"] for row in rows]
    pixels, most = (
        (sum(sizes), _OVERLAP * config.max_points) if world else (max(sizes, default=0), config.max_points)
    )
    return max(config.stride, math.ceil(math.sqrt(pixels / most)))


def _collect(lifts: _Lifts, frame: int, lifted: FrameLift, masks: pa.Table | None, scene: str) -> None:
    """Take over a frame's points, Gaussians, masks and counts."""
    lifts.clouds.append(lifted.cloud)
    lifts.gaussians.append(lifted.mask_gaussians)
    lifts.assumption = lifted.pinhole.assumption
    lifts.excluded.update({name: count for name, count in lifted.excluded.items() if count})
    if masks is None:
        return
    own = masks.filter(pc.equal(masks.column("frame"), frame))
    track_of = dict(zip(own.column("mask_id").to_pylist(), own.column("track_id").to_pylist(), strict=True))
    counts = {mask: len(points) for mask, points in lifted.points_of.items()}
    reasons = {mask: reason for reason, ids in lifted.excluded_masks.items() for mask in ids}
    for mask, track in track_of.items():
        lifts.masks.append(_mask_row(scene, frame, mask, track, counts.get(mask, 0), reasons.get(mask)))


def _mask_row(scene: str, frame: int, mask: int, track: int, points: int, why: str | None) -> dict[str, Any]:
    return {
        "scene": scene, "frame": frame, "mask_id": mask, "track_id": track, "points": points, "excluded": why,
    }  # fmt: skip


def _store(lifts: _Lifts, cloud: PointCloud, out: Path) -> None:
    save_points(points_path(out, int(cloud.frame[0])), cloud)
    lifts.points += len(cloud)


def _count_unlifted(lifts: _Lifts, masks: pa.Table | None, scene: str) -> None:
    """Masks of frames that gave no points."""
    if masks is None:
        return
    lifted = {row["mask_id"] for row in lifts.masks}
    columns = (masks.column(name).to_pylist() for name in ("frame", "mask_id", "track_id"))
    for frame, mask, track in zip(*columns, strict=True):
        if mask not in lifted:
            lifts.masks.append(_mask_row(scene, frame, mask, track, 0, "frame_without_points"))


def _labels(masks: list[dict[str, Any]]) -> dict[int, int]:
    """mask_id -> what keeps its points apart from others' when points are thinned: its track, else nothing."""
    return {row["mask_id"]: row["track_id"] for row in masks}


def _held_out(frames: list[int]) -> int | None:
    """The frame in the middle; None where there are too few to do without one."""
    return frames[len(frames) // 2] if len(frames) >= _LEAST_FRAMES else None


def _thinned(
    clouds: list[PointCloud], labels: dict[int, int], held_out: int | None, most: int
) -> tuple[float | None, list[PointCloud]]:
    """At most `most` points, one for each cell (and track), and the cell's edge; None where nothing was dropped."""
    ordered = sorted(clouds, key=lambda cloud: (cloud.frame[0] == held_out, cloud.frame[0]))
    cloud = PointCloud.concatenate(ordered)
    cell, rows = None, np.arange(len(cloud))
    if len(cloud) > most:
        ids = np.array([0, *labels], np.int64)
        order = np.argsort(ids)
        of_id = np.array([0, *labels.values()], np.int64)[order]
        label = of_id[np.searchsorted(ids[order], cloud.mask_id)]
        cell = float(np.ptp(cloud.xyz, axis=0).max()) / 512
        rows = thin(cloud.xyz, cell, label)
        while len(rows) > most:
            cell *= max(1.05, 1.02 * math.sqrt(len(rows) / most))
            rows = thin(cloud.xyz, cell, label)
    kept = cloud.take(rows)
    return cell, [kept.take(kept.frame == frame) for frame in np.unique(kept.frame)]


def _write(out: Path, lift: SceneLift, gaussians: Gaussians, unit: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    lift.masks.sort(key=lambda row: (row["frame"], row["mask_id"]))
    columns = {name: [row[name] for row in lift.masks] for name in LIFTED_MASKS.names}
    write_table(pa.table(columns, schema=LIFTED_MASKS), LIFTED_MASKS, out / LIFTED_FILE)
    save_gaussians(out / MASK_GAUSSIANS_FILE, gaussians, unit)
    atomic.write_text(out / LIFT_FILE, json.dumps(lift.record, indent=1))
