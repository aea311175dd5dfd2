"""Lifted rooms, whose depth, poses and masks are exact: what is lifted from one frame fits every other."""

from __future__ import annotations

import numpy as np
import pytest

from segassets.datasets.rooms import RoomClip, RoomSpec, generate_room
from segassets.geometry.boxes import box_around
from segassets.geometry.cameras import Pinhole
from segassets.geometry.points import PointCloud
from segassets.geometry.poses import to_camera
from segassets.lifting.config import LiftConfig
from segassets.lifting.depth import depth_map
from segassets.lifting.frame import FrameLift, lift_frame
from segassets.lifting.masks import FrameMasks
from segassets.lifting.resolve import resolve_depth
from segassets.lifting.spacing import spacing_of_points

FRAMES = 4


@pytest.fixture(scope="module")
def room() -> RoomClip:
    spec = RoomSpec(
        frames=FRAMES,
        size_px=(96, 128),
        moving_fraction=0,
        late_fraction=0,
        turn_deg=(2, 4),
        travel_m=(0.05, 0.1),
    )
    return generate_room(spec, seed=3, colour=False)


def lift(room: RoomClip, t: int, **options: float) -> FrameLift:
    labels = room.object_ids[t]
    ids = [int(number) for number in np.unique(labels) if number]
    masks = FrameMasks(ids, [labels == number for number in ids])
    depth = resolve_depth(depth_map(room.depth_m[t], "metric"), "room")
    return lift_frame(
        room.rgb[t], depth, Pinhole(*labels.shape, *room.intrinsics), LiftConfig(**options),
        masks=masks, camera_to_world=room.camera_to_world[t], frame=t,
    )  # fmt: skip


def test_a_point_falls_on_its_own_instance_in_every_other_frame(room: RoomClip) -> None:
    lifted = lift(room, 0)
    assert len(lifted.points_of) >= 3
    seen = 0
    for t in range(1, FRAMES):
        local = to_camera(lifted.cloud.xyz, room.camera_to_world[t])
        rows, columns, inside = lifted.pinhole.pixels(local)
        depth = room.depth_m[t][rows, columns]
        visible = inside & (np.abs(local[:, 2] - depth) < 0.02)
        same = room.object_ids[t][rows, columns] == lifted.cloud.mask_id
        assert same[visible].mean() > 0.995
        hidden = inside & (local[:, 2] > depth + 0.1)
        assert visible.sum() > 0.9 * (inside & ~hidden).sum()
        seen += int((visible & (lifted.cloud.mask_id > 0)).sum())
    assert seen > 1000


def test_half_a_pixel_is_not_lost(room: RoomClip) -> None:
    """A point projected into its own frame is the centre of its pixel."""
    lifted = lift(room, 0, edge_threshold=0)
    position, _ = lifted.pinhole.project(to_camera(lifted.cloud.xyz, room.camera_to_world[0]))
    v, u = np.mgrid[: lifted.pinhole.height, : lifted.pinhole.width] + 0.5
    assert np.abs(position - np.stack([u.ravel(), v.ravel()], 1)).max() < 1e-2


def test_scales_are_those_of_a_tree_over_all_points(room: RoomClip) -> None:
    for options in ({}, {"stride": 2}):
        lifted = lift(room, 1, **options)
        tree = 0.5 * np.log(np.maximum(spacing_of_points(lifted.cloud.xyz), 1e-7))
        grid = lifted.gaussians.log_scale[:, 0]
        assert abs(np.exp(np.median(grid) - np.median(tree)) - 1) < 0.05
        assert np.mean(np.abs(grid - tree) < np.log(1.05)) > 0.95
        assert np.all(grid >= tree - 1e-3)


def test_edges_leave_no_flying_points(room: RoomClip) -> None:
    with_edges, without = lift(room, 0, edge_threshold=0), lift(room, 0)
    assert without.excluded["depth_edge"] == len(with_edges.cloud) - len(without.cloud) > 0


def test_an_object_seen_from_all_frames_fits_an_upright_box_in_the_room(room: RoomClip) -> None:
    lifts = [lift(room, t) for t in range(FRAMES)]
    cloud = PointCloud.concatenate([lifted.cloud for lifted in lifts])
    assert set(cloud.frame) == set(range(FRAMES))
    for number in lifts[0].points_of:
        points = cloud.xyz[cloud.mask_id == number]
        if len(points) < 50:
            continue
        box = box_around(points, up=np.array([0, 0, 1.0]))
        assert box.contains(points, 1e-4).all()
        assert np.allclose(box.axes[:, 2], (0, 0, 1)) and np.isclose(np.linalg.det(box.axes), 1)
        assert box.size.max() < 3.5 and box.corners()[:, 2].min() > -0.05
