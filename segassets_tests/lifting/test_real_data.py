"""Real sensor depth and a real picture with polygons, where they are at hand."""

from __future__ import annotations

import numpy as np
import pytest

from segassets.datasets.annotations import annotation_table
from segassets.datasets.depth import DepthSource
from segassets.datasets.frames import FrameSource, frames_table
from segassets.datasets.load import open_scene
from segassets.errors import BadInput
from segassets.geometry.cameras import Pinhole
from segassets.geometry.poses import rigid_pose, to_camera
from segassets.lifting.config import LiftConfig
from segassets.lifting.depth import depth_map
from segassets.lifting.frame import lift_frame
from segassets.lifting.masks import FrameMasks
from segassets.lifting.resolve import resolve_depth
from segassets_tests.shared_data import shared_data


@pytest.fixture(autouse=True)
def real_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGASSETS_DATA", str(shared_data("")))


def test_a_room_seen_by_a_headset_fits_itself() -> None:
    """Points of a frame lie, within the sensor's error, on the surfaces that the next frame measures."""
    scene = open_scene("hololens_rgbd.000")
    table = frames_table(scene)
    rows = table.to_pylist()
    depth = dict(DepthSource(table, scene.root).iterate([0, 1, 8, 9]))
    pictures = FrameSource(table, scene.root)
    for first, second in ((0, 1), (8, 9)):
        resolved = resolve_depth(depth_map(depth[first], "metric"), scene.key)
        lifted = lift_frame(
            pictures.read(first), resolved, Pinhole.of_frame(rows[first]), LiftConfig(),
            camera_to_world=rows[first]["camera_to_world"], frame=first,
        )  # fmt: skip
        assert lifted.excluded["invalid_depth"] > 10_000 and len(lifted.cloud) > 50_000
        assert np.isfinite(lifted.gaussians.log_scale).all()
        local = to_camera(lifted.cloud.xyz, rigid_pose(rows[second]["camera_to_world"], scene.key))
        at, across, inside = lifted.pinhole.pixels(local)
        measured = depth[second][at, across]
        error = np.abs(local[:, 2] - measured)[inside & (measured > 0)]
        assert len(error) > 10_000 and np.median(error) < 0.02 and (error < 0.05).mean() > 0.9


def test_a_picture_without_depth_of_its_own() -> None:
    """A COCO picture: relative depth only becomes points when asked, intrinsics are an assumption, masks lift."""
    scene = open_scene("coco_39769.shard-0000")
    table = frames_table(scene)
    row, rgb = table.to_pylist()[0], FrameSource(table, scene.root).read(0)
    masks = FrameMasks.of_rows(annotation_table(scene).table.to_pylist())
    v, u = np.mgrid[: row["height"], : row["width"]]
    relative = depth_map(0.2 + v / row["height"] + 0.05 * np.sin(u / 40), "relative_inverse", source="made")
    with pytest.raises(BadInput, match="no metres"):
        resolve_depth(relative, scene.key)
    pinhole = Pinhole.of_frame(row, 60)
    lifted = lift_frame(
        rgb, resolve_depth(relative, scene.key, arbitrary_scale=True), pinhole, LiftConfig(), masks=masks
    )
    assert lifted.cloud.unit == "arbitrary" and lifted.cloud.space == "camera" and lifted.pinhole.assumption
    assert len(lifted.mask_gaussians) == len(masks.ids) == 6
    assert np.isfinite(lifted.mask_gaussians.log_scale).all()
