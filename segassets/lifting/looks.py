"""Small pictures of a lifted scene from beside one of its frames: its points, their objects, its Gaussians."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from segassets.geometry.cameras import Pinhole
from segassets.geometry.gaussians import SH_C0, Gaussians, load_gaussians, logit
from segassets.geometry.points import PointCloud
from segassets.geometry.poses import rigid_pose, to_camera
from segassets.geometry.stored_lift import (
    DENSE_FILE,
    OBJECTS_FILE,
    lifted_frames,
    load_cloud,
    load_record,
    object_of_masks,
)
from segassets.lifting.render_sets import from_plain, load_render_set
from segassets.lifting.splat import render
from segassets.lifting.views import beside, fitted
from segassets.media.draw import colour_of

_SIDE_PX = 240
_TURN_DEG = 12.0
_NO_MASK = (150, 152, 156)


class _View:
    """The view from beside the held-out (else the middle) frame of a lifted scene."""

    def __init__(self, frames: pa.Table, lift: Path, lifted: list[int]) -> None:
        record = load_record(lift)
        self.world = record["space"] == "world"
        held_out = record["held_out_frame"]
        self.frame: int = lifted[len(lifted) // 2] if held_out is None else held_out
        row = frames.slice(self.frame, 1).to_pylist()[0]
        self.pinhole = fitted(Pinhole.of_frame(row, record["fov_deg"]), _SIDE_PX)
        self.cloud = load_cloud(lift, None if self.world else self.frame)
        pose = rigid_pose(row["camera_to_world"], f"frame {self.frame}") if self.world else np.eye(4)
        z = to_camera(self.cloud.xyz, pose)[:, 2]
        self.distance = float(np.median(z[z > 0])) if (z > 0).any() else 1.0
        self.pose = beside(pose, self.distance, _TURN_DEG)


def look_at_points(frames: pa.Table, lift: Path) -> list[tuple[str, np.ndarray]]:
    """(label, picture) of the points in their colours and in the colours of their objects; empty without points."""
    lifted = lifted_frames(lift)
    if not lifted:
        return []
    view = _View(frames, lift, lifted)
    object_of = object_of_masks(lift)
    masks, place = np.unique(view.cloud.mask_id, return_inverse=True)
    colours = np.array([colour_of(object_of[int(mask)]) if mask else _NO_MASK for mask in masks], np.uint8)
    return [
        (f"points beside frame {view.frame}", draw_points(view.cloud, view.pinhole, view.pose)),
        ("their objects", draw_points(replace(view.cloud, rgb=colours[place]), view.pinhole, view.pose)),
    ]


def look_at_gaussians(frames: pa.Table, lift: Path, gaussians: Path) -> list[tuple[str, np.ndarray]]:
    """(label, picture) of the dense Gaussians as training begins, and of those of objects; empty without any."""
    lifted = lifted_frames(lift)
    if not lifted:
        return []
    view = _View(frames, lift, lifted)
    pictures = []
    for label, name in (("to begin with", DENSE_FILE), ("objects, at half their size", OBJECTS_FILE)):
        chosen = load_gaussians(gaussians / name)
        if name == OBJECTS_FILE:
            chosen = _in_own_colours(chosen)
        if not view.world and name == DENSE_FILE:
            chosen = _of_frame(chosen, view, lift, lifted)
        seen = render(chosen, view.pinhole, view.pose, near=0.01 * view.distance)
        pictures.append((label, seen.rgb))
    return pictures if view.world else pictures[:1]


def look_at_render_sets(folder: Path, sides: Sequence[int]) -> list[tuple[str, np.ndarray]]:
    """(label, picture) of the Gaussians of each resolution from its middle camera; empty without Gaussians.

    Only where all of them belong into that camera's view: in one world, or of one frame.
    """
    pictures = []
    for side in sides:
        arrays = load_render_set(folder, side)
        cameras = len(arrays["frame"])
        posed = not np.array_equal(arrays["camera_to_world"], np.tile(np.eye(4), (cameras, 1, 1)))
        if not len(arrays["dense/mean"]) or (cameras > 1 and not posed):
            return []
        at = cameras // 2
        pinhole = Pinhole(*arrays["size_hw"][at].tolist(), *arrays["intrinsics"][at].tolist())
        seen = render(from_plain(arrays), pinhole, arrays["camera_to_world"][at])
        pictures.append((f"{side} px: {len(arrays['dense/mean'])}", seen.rgb))
    return pictures


def draw_points(cloud: PointCloud, pinhole: Pinhole, pose: np.ndarray) -> np.ndarray:
    """Points as squares of two pixels, nearer ones over farther ones, on black, uint8 (H, W, 3)."""
    picture = np.zeros((pinhole.height, pinhole.width, 3), np.uint8)
    local = to_camera(cloud.xyz, pose)
    rows, columns, inside = pinhole.pixels(local)
    order = np.flatnonzero(inside)
    order = order[np.argsort(-local[order, 2], kind="stable")]
    for down in (0, 1):
        for right in (0, 1):
            row = np.minimum(rows[order] + down, pinhole.height - 1)
            column = np.minimum(columns[order] + right, pinhole.width - 1)
            picture[row, column] = cloud.rgb[order]
    return picture


def _in_own_colours(gaussians: Gaussians) -> Gaussians:
    """Opaque, each in the colour of its id, and half as large, so that they can be told apart."""
    colours = np.array([colour_of(int(name)) for name in gaussians.object_id], np.float64).reshape(-1, 3)
    count = len(gaussians)
    return replace(
        gaussians,
        f_dc=((colours / 255 - 0.5) / SH_C0).astype(np.float32),
        opacity_logit=np.full(count, logit(0.9), np.float32),
        log_scale=gaussians.log_scale - np.float32(np.log(2)),
    )


def _of_frame(gaussians: Gaussians, view: _View, lift: Path, lifted: list[int]) -> Gaussians:
    """The Gaussians of the view's frame: rows are the points of all frames in order."""
    first = sum(len(load_cloud(lift, frame)) for frame in lifted if frame < view.frame)
    return gaussians.take(np.arange(first, first + len(view.cloud)))
