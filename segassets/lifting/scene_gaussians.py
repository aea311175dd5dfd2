"""Gaussians of a lifted scene: one for each point as 3DGS begins, and one for each object.

An object is a track where masks have tracks, else a mask. Its Gaussian has the mean and covariance of all its masks'
points: those of each mask are kept from before points were thinned, and are joined by their moments.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa

from segassets.geometry.gaussians import Gaussians, load_gaussians, save_gaussians
from segassets.geometry.points import load_points
from segassets.geometry.rotations import quaternions_from_matrices
from segassets.geometry.stored_lift import (
    DENSE_FILE,
    LIFTED_FILE,
    MASK_GAUSSIANS_FILE,
    OBJECTS_FILE,
    lifted_frames,
    load_cloud,
    load_record,
    object_of_masks,
    points_path,
)
from segassets.lifting.config import LiftConfig
from segassets.lifting.gaussians import gaussians_of_points
from segassets.lifting.spacing import spacing_of_points
from segassets.masks.schemas import LIFTED_MASKS
from segassets.masks.table import read_table

_LEAST_SQUARE = 1e-7


def write_scene_gaussians(lift: Path, out: Path, config: LiftConfig) -> tuple[Gaussians, Gaussians]:
    """Write `gaussians.safetensors` and `object_gaussians.safetensors`; returns both.

    Args:
        lift: a depth_lifts artifact.
    """
    record = load_record(lift)
    table = read_table(lift / LIFTED_FILE, LIFTED_MASKS)
    world = record["space"] == "world"
    object_of = object_of_masks(lift)
    frames = lifted_frames(lift)
    if world:
        clouds = [load_cloud(lift)] if frames else []
    else:
        clouds = [load_points(points_path(lift, frame)) for frame in frames]
    dense = Gaussians.concatenate(
        [gaussians_of_points(cloud, spacing_of_points(cloud.xyz), config.opacity) for cloud in clouds]
        or [Gaussians.empty()]
    )
    dense = _renamed(dense, object_of)
    masks = load_gaussians(lift / MASK_GAUSSIANS_FILE)
    objects = joined(_renamed(masks, object_of), _weights(masks, table))
    for name, gaussians in ((DENSE_FILE, dense), (OBJECTS_FILE, objects)):
        save_gaussians(out / name, gaussians, record["unit"])
    return dense, objects


def _renamed(gaussians: Gaussians, object_of: dict[int, int]) -> Gaussians:
    """The same with object ids in place of mask ids."""
    ids, place = np.unique(gaussians.object_id, return_inverse=True)
    named = np.array([object_of.get(int(mask), 0) for mask in ids], np.int64)
    columns = {name: getattr(gaussians, name) for name in ("xyz", "f_dc", "opacity_logit", "log_scale")}
    return Gaussians(**columns, rotation_wxyz=gaussians.rotation_wxyz, object_id=named[place])


def _weights(masks: Gaussians, table: pa.Table) -> np.ndarray:
    """Points of each mask, (N,)."""
    points = dict(zip(table.column("mask_id").to_pylist(), table.column("points").to_pylist(), strict=True))
    return np.array([points[int(mask)] for mask in masks.object_id], np.float64)


def joined(parts: Gaussians, weights: Iterable[float]) -> Gaussians:
    """One Gaussian for each object id, with the moments of the mixture of its parts, ascending by id.

    Args:
        weights: (N,) > 0, how many points each part stands for.
    """
    ids, place = np.unique(parts.object_id, return_inverse=True)
    weight = np.asarray(list(weights), np.float64)
    count = len(ids)
    total = np.bincount(place, weight, count)[:, None]

    def mean(values: np.ndarray) -> np.ndarray:
        columns = values.reshape(len(values), -1).astype(np.float64) * weight[:, None]
        return np.stack([np.bincount(place, column, count) for column in columns.T], 1) / total

    if count == 0:
        return Gaussians.empty()
    centre = mean(parts.xyz)
    offset = parts.xyz - centre[place]
    spread = parts.covariances() + offset[:, :, None] * offset[:, None, :]
    values, vectors = np.linalg.eigh(mean(spread).reshape(-1, 3, 3))
    vectors[:, :, 0] *= np.sign(np.linalg.det(vectors))[:, None]
    return Gaussians(
        xyz=centre.astype(np.float32),
        f_dc=mean(parts.f_dc).astype(np.float32),
        opacity_logit=mean(parts.opacity_logit)[:, 0].astype(np.float32),
        log_scale=(0.5 * np.log(np.maximum(values, _LEAST_SQUARE))).astype(np.float32),
        rotation_wxyz=quaternions_from_matrices(vectors).astype(np.float32),
        object_id=ids.astype(np.int64),
    )
