"""3D instances of scenes against truth: true masks lifted by the sensor's depth on every frame are the true surface."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segassets.datasets.scene import OBJECT_LEVEL
from segassets.errors import BadInput
from segassets.evaluation.instances3d import InstanceEvaluation, Surface, surface_of
from segassets.evaluation.scenes import TrueScene, open_true_scenes
from segassets.geometry.cameras import Pinhole
from segassets.lifting.config import LiftConfig
from segassets.lifting.frame import lift_frame
from segassets.lifting.instances_config import InstancesConfig
from segassets.lifting.masks import FrameMasks
from segassets.lifting.observations import thin_on_grid
from segassets.lifting.scene import sensor_depths
from segassets.lifting.scene_fusion import SceneInstances, fuse_scene
from segassets.lifting.stored_instances import StoredInstances, instance_rows
from segassets.storage.store import ArtifactStore

_SPACING_M = 0.01


def true_surface(frames: pa.Table, root: str, truth: pa.Table) -> Surface | None:
    """The true instances of a scene; None where it has no sensor depth, no poses or no tracked objects.

    Every annotated frame's depth is lifted, edges dropped as lifting drops them; a point belongs to the smallest object
    whose mask covers its pixel. An object that moves has the surface it sweeps.
    """
    rows = frames.to_pylist()
    if any(row["camera_to_world"] is None for row in rows) or not any(row["depth_uri"] for row in rows):
        return None
    objects = _objects(truth)
    parts: dict[int, list[np.ndarray]] = {}
    for frame, depth in sensor_depths(frames, root):
        row = rows[frame]
        if not row["annotated"]:
            continue
        own = objects.filter(pc.equal(objects.column("frame"), frame)).to_pylist()
        lifted = lift_frame(
            np.zeros((row["height"], row["width"], 3), np.uint8),
            depth,
            Pinhole.of_frame(row),
            LiftConfig(),
            masks=FrameMasks.of_rows(own, "track_id"),
            camera_to_world=row["camera_to_world"],
            frame=frame,
            where=f"scene {row['scene']}, frame {frame}",
        )
        for number in np.unique(lifted.cloud.mask_id):
            if number > 0:
                points = lifted.cloud.xyz[lifted.cloud.mask_id == number]
                parts.setdefault(int(number), []).append(points[thin_on_grid(points, _SPACING_M)])
    return surface_of({number: np.concatenate(found) for number, found in parts.items()}) if parts else None


def _objects(truth: pa.Table) -> pa.Table:
    """Rows of whole objects that have an identity."""
    keep = pc.and_(
        pc.less_equal(truth.column("level"), OBJECT_LEVEL), pc.greater(truth.column("track_id"), 0)
    )
    return truth.filter(pc.and_(keep, pc.not_equal(truth.column("source"), "annotation_crowd")))


def stored_surface(stored: StoredInstances) -> Surface:
    """Instances as stored; those without points in the world are left out, as nothing can be said of their place."""
    placed = [row for row in stored.rows if row["space"] == "world"]
    clouds = {row["instance_id"]: stored.points(row) for row in placed}
    points = {number: cloud.xyz for number, cloud in clouds.items() if cloud is not None}
    return surface_of(points, {row["instance_id"]: row["confidence"] for row in placed})


def made_surface(scene: str, found: SceneInstances) -> Surface:
    """Instances just fused."""
    points = {item.instance_id: item.cloud.xyz for item in found.fusion.instances if item.cloud is not None}
    scores = {row["instance_id"]: row["confidence"] for row in instance_rows(scene, found)}
    return surface_of(points, scores)


def evaluate_instances(
    dataset: str,
    config: InstancesConfig,
    *,
    masks: str = "coco_masks",
    store: ArtifactStore | None = None,
    limit: int | None = None,
) -> dict[str, Any]:
    """AP of 3D instances on a dataset with true masks, sensor depth and poses.

    Args:
        masks: coco_masks: true masks are fused here, with `config`; sam2_tracks: the stored scene_instances are judged.
        store: where those lie.
        limit: only the first so many scenes.

    Returns:
        `dataset`, `masks`, the figures of `InstanceEvaluation.scores`, and the same of the masks' tracks as they are,
        neither merged nor split, under `unfused`.

    Raises:
        BadInput: no scene has truth in space. MissingInput: scene_instances is not made.
    """
    fused, unfused = InstanceEvaluation(), InstanceEvaluation()
    for scene, truth in _true_surfaces(dataset, limit):
        if masks == "coco_masks":
            found = _fuse(scene, scene.truth, config)
            fused.add(truth, made_surface(scene.key, found))
            tracks = scene.truth
        else:
            assert store is not None
            fused.add(
                truth, stored_surface(StoredInstances.load(store.open("scene_instances", scene.key).path))
            )
            tracks = _stored_tracks(store, scene.key)
        unfused.add(truth, made_surface(scene.key, _fuse(scene, tracks, _as_they_are(config))))
    if not fused.counts["true_instances"]:
        raise BadInput(
            f"dataset {dataset!r}: expected tracked objects, sensor depth and poses to judge against, found none"
        )
    return {"dataset": dataset, "masks": masks, **fused.scores(), "unfused": unfused.scores()}


def _true_surfaces(dataset: str, limit: int | None) -> Iterator[tuple[TrueScene, Surface]]:
    from tqdm import tqdm

    opened = open_true_scenes(dataset, limit=limit)
    for scene in tqdm(opened, desc=f"instances of {dataset}", unit="scene", leave=False, disable=None):
        truth = true_surface(scene.source.table, scene.source.root, scene.truth)
        if truth is not None:
            yield scene, truth


def _fuse(scene: TrueScene, masks: pa.Table, config: InstancesConfig) -> SceneInstances:
    depths = sensor_depths(scene.source.table, scene.source.root)
    return fuse_scene(scene.source, depths, masks, config, LiftConfig())


def _as_they_are(config: InstancesConfig) -> InstancesConfig:
    """No merging, no splitting: an overlap and a gap that nothing reaches, every cell a mask ever covered."""
    return config.model_copy(
        update={"least_cells": 2**31, "gap_m": 1e3, "leap_m": 1e3, "consensus": 0.0, "least_share": 0.0}
    )


def _stored_tracks(store: ArtifactStore, key: str) -> pa.Table:
    from segassets.masks.schemas import MASKS
    from segassets.masks.table import read_table

    return read_table(store.open("sam2_tracks", key).path / "masks.parquet", MASKS)
