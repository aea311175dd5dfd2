"""One frame lifted: depth and masks in, points, Gaussians and what was left out (counted, by name) out.

Points lie on the depth map's own pixels. A map smaller than the picture (a phone's lidar) is not blown up:
the intrinsics are scaled to it, colours and masks are sampled at its pixels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from segassets.errors import BadInput
from segassets.geometry.cameras import Pinhole
from segassets.geometry.gaussians import Gaussians
from segassets.geometry.points import PointCloud
from segassets.geometry.poses import rigid_pose
from segassets.lifting.config import LiftConfig
from segassets.lifting.depth import Depth
from segassets.lifting.edges import depth_edges
from segassets.lifting.gaussians import gaussians_of_masks, gaussians_of_points
from segassets.lifting.masks import FrameMasks, sampled
from segassets.lifting.spacing import spacing_on_grid

_SAME_SHAPE = 0.02  # by how much height / width of depth and picture may differ


class NothingLifted(BadInput):
    """A frame whose depth leaves no point: all of it is invalid, an edge or too far."""


@dataclass(frozen=True)
class FrameLift:
    """What a frame became.

    Attributes:
        cloud: its points.
        gaussians: one for each point.
        mask_gaussians: one for each mask that has points; `object_id` is the mask's id.
        points_of: mask id -> rows of the cloud; masks may share points.
        excluded: what was left out, by reason: invalid_depth, beyond_range, depth_edge in pixels; empty_mask,
            mask_without_depth in masks.
        excluded_masks: ids of the masks left out, by the same reasons.
        pinhole: the intrinsics used, at the depth map's size.
    """

    cloud: PointCloud
    gaussians: Gaussians
    mask_gaussians: Gaussians
    points_of: dict[int, np.ndarray]
    excluded: Counter[str]
    pinhole: Pinhole
    excluded_masks: dict[str, list[int]] = field(default_factory=dict)


def lift_frame(
    rgb: np.ndarray,
    depth: Depth,
    pinhole: Pinhole,
    config: LiftConfig,
    *,
    masks: FrameMasks | None = None,
    camera_to_world: Sequence[float] | np.ndarray | None = None,
    frame: int = 0,
    where: str = "",
) -> FrameLift:
    """Points and Gaussians of one frame.

    Args:
        rgb: (H, W, 3) uint8, the picture.
        pinhole: its intrinsics.
        camera_to_world: its pose; without one the points stay in the camera's axes.
        where: names scene and frame in messages.

    Raises:
        BadInput: picture, masks, intrinsics and depth do not show the same field of view, the pose is not
            rigid, or no point is left.
    """
    where = where or f"frame {frame}"
    _refuse_other_view(rgb, depth, pinhole, masks, where)
    excluded: Counter[str] = Counter()
    keep = _kept_pixels(depth, config, excluded)[:: config.stride, :: config.stride]
    if not keep.any():
        raise NothingLifted(f"{where}: expected points, found none left; left out: {dict(excluded)} pixels")
    at_depth = pinhole.scaled(*depth.size_hw)
    pose = np.eye(4) if camera_to_world is None else rigid_pose(camera_to_world, where)
    planes, footprint = _planes(depth.z, at_depth, pose, config.stride)
    found = masks.on_grid(depth.size_hw, config.stride, where) if masks else FrameMasks([], [])
    rows = np.flatnonzero(keep)
    cloud = PointCloud(
        xyz=np.take(np.stack([planes[0], planes[1], planes[2]], axis=-1).reshape(-1, 3), rows, axis=0),
        rgb=np.take(sampled(rgb, depth.size_hw, config.stride).reshape(-1, 3), rows, axis=0),
        frame=np.broadcast_to(np.int32(frame), len(rows)),
        mask_id=np.take(found.labels((keep.shape[0], keep.shape[1])), rows).astype(np.int64),
        unit=depth.unit,
        space="camera" if camera_to_world is None else "world",
    )
    points_of, left_out = _points_of_masks(found, masks, keep, rows)
    excluded.update({reason: len(ids) for reason, ids in left_out.items()})
    spacing = spacing_on_grid(planes, keep, footprint)
    return FrameLift(
        cloud=cloud,
        gaussians=gaussians_of_points(cloud, spacing, config.opacity),
        mask_gaussians=gaussians_of_masks(cloud, points_of, config.opacity)
        if points_of
        else Gaussians.empty(),
        points_of=points_of,
        excluded=excluded,
        pinhole=at_depth,
        excluded_masks=left_out,
    )


def _refuse_other_view(
    rgb: np.ndarray, depth: Depth, pinhole: Pinhole, masks: FrameMasks | None, where: str
) -> None:
    height, width = rgb.shape[:2]
    if (pinhole.height, pinhole.width) != (height, width):
        raise BadInput(
            f"{where}: expected intrinsics of a picture of {height} x {width} (height x width), found those of "
            f"{pinhole.height} x {pinhole.width}; scale them first"
        )
    for mask in (masks.masks if masks else [])[:1]:
        if mask.shape != (height, width):
            raise BadInput(
                f"{where}: expected masks of {height} x {width}, found {mask.shape[0]} x {mask.shape[1]}"
            )
    shape = depth.size_hw
    if abs(shape[0] * width / (shape[1] * height) - 1) > _SAME_SHAPE:
        raise BadInput(
            f"{where}: expected depth of the picture's shape ({height} x {width}, height x width, or scaled), found "
            f"{shape[0]} x {shape[1]}: it shows another field of view; align it to the colour camera first"
        )


def _kept_pixels(depth: Depth, config: LiftConfig, excluded: Counter[str]) -> np.ndarray:
    keep = depth.valid.copy()
    excluded["invalid_depth"] = int(keep.size - keep.sum())
    if config.edge_threshold > 0:
        edge = depth_edges(depth.z, depth.valid, config.edge_threshold)
        excluded["depth_edge"] = int(np.count_nonzero(edge))
        keep &= ~edge
    if config.max_depth_m is not None:
        far = keep & (depth.z > config.max_depth_m)
        excluded["beyond_range"] = int(np.count_nonzero(far))
        keep &= ~far
    return keep


def _planes(z: np.ndarray, pinhole: Pinhole, pose: np.ndarray, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (3, H, W) of the pixels' points after the pose, and the size of a pixel at its depth (H, W)."""
    across, down = pinhole.rays()
    z = z[::stride, ::stride]
    rotation, shift = pose[:3, :3].astype(np.float32), pose[:3, 3].astype(np.float32)
    planes = np.empty((3, *z.shape), np.float32)
    for axis, plane in enumerate(planes):
        along_row = rotation[axis, 0] * across[::stride] + rotation[axis, 2]
        np.add(rotation[axis, 1] * down[::stride, None], along_row, out=plane)
        plane *= z
        plane += shift[axis]
    return planes, z * np.float32(stride / pinhole.fx_px)


def _points_of_masks(
    found: FrameMasks, masks: FrameMasks | None, keep: np.ndarray, rows: np.ndarray
) -> tuple[dict[int, np.ndarray], dict[str, list[int]]]:
    """Rows of each mask, and the masks that have none, by reason."""
    points_of: dict[int, np.ndarray] = {}
    left_out: dict[str, list[int]] = {}
    row_of_pixel = np.zeros(keep.size, np.int32)
    row_of_pixel[rows] = np.arange(len(rows), dtype=np.int32)
    for at, mask in enumerate(found.masks):
        own = row_of_pixel[np.flatnonzero(mask & keep)]
        if len(own):
            points_of[found.ids[at]] = own
        else:
            reason = "mask_without_depth" if masks and masks.masks[at].any() else "empty_mask"
            left_out.setdefault(reason, []).append(found.ids[at])
    return points_of, left_out
