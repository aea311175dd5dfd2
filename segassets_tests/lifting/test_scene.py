"""A room on disk lifted as the platform would: depth pictures, masks, intrinsics and poses from its tables."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from segassets.datasets.annotations import annotation_table
from segassets.datasets.config import DatasetConfig
from segassets.datasets.frames import FrameSource, frames_table
from segassets.datasets.layouts import make_layout
from segassets.datasets.scene import Scene
from segassets.errors import BadInput
from segassets.geometry.cameras import Pinhole
from segassets.geometry.points import PointCloud
from segassets.geometry.poses import rigid_pose
from segassets.lifting.agreement import agreement
from segassets.lifting.config import DepthConfig, LiftConfig
from segassets.lifting.depth import Depth, depth_map
from segassets.lifting.frame import FrameLift
from segassets.lifting.resolve import resolve_depth
from segassets.lifting.scene import lift_scene, sensor_maps
from segassets.lifting.thinning import thin


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    room = {"frames": 3, "size_px": [64, 80], "moving_fraction": 0, "late_fraction": 0, "turn_deg": [2, 3]}
    root = str(tmp_path_factory.mktemp("rooms"))
    config = DatasetConfig(name="made", layout="rooms", root=root, options={"room": room, "first_seed": 5})
    layout = make_layout(config)
    return layout.load(layout.chosen_names()[0])


def depths(scene: Scene) -> list[tuple[int, Depth]]:
    maps = sensor_maps(frames_table(scene), scene.root)
    return [(frame, resolve_depth(found, scene.key)) for frame, found in maps]


def lifts(scene: Scene, config: LiftConfig, name: str = "mask_id") -> dict[int, FrameLift]:
    masks = annotation_table(scene).table
    return dict(lift_scene(FrameSource(frames_table(scene), scene.root), depths(scene), masks, config, name))


def test_frames_of_a_room_agree(scene: Scene) -> None:
    found = lifts(scene, LiftConfig())
    assert list(found) == [0, 1, 2] and all(lifted.cloud.space == "world" for lifted in found.values())
    rows = frames_table(scene).to_pylist()
    for first, second in ((0, 1), (0, 2), (2, 0)):
        pose = rigid_pose(rows[second]["camera_to_world"], "")
        seen = agreement(
            found[first].cloud.xyz, dict(depths(scene))[second], found[second].pinhole, pose, 0.02
        )
        assert seen.points > 3000 and seen.share > 0.97 and seen.median < 0.005
        wrong = agreement(
            found[first].cloud.xyz,
            dict(depths(scene))[second],
            found[second].pinhole,
            np.linalg.inv(pose),
            0.02,
        )
        assert wrong.points == 0 or wrong.share < 0.5


def test_an_inverse_map_declared_metric_does_not_agree(scene: Scene) -> None:
    rows = frames_table(scene).to_pylist()
    inverse = [
        (frame, resolve_depth(depth_map(4 / depth.z, "metric"), "here")) for frame, depth in depths(scene)
    ]
    found = dict(lift_scene(FrameSource(frames_table(scene), scene.root), inverse, None, LiftConfig()))
    pose = rigid_pose(rows[2]["camera_to_world"], "")
    assert agreement(found[0].cloud.xyz, inverse[2][1], found[2].pinhole, pose, 0.02).share < 0.6


def test_tracks_name_the_same_object_in_all_frames(scene: Scene) -> None:
    found = lifts(scene, LiftConfig(), "track_id")
    shared = set(found[0].points_of) & set(found[2].points_of)
    assert len(shared) >= 3
    for track in shared:
        centres = [lifted.cloud.xyz[lifted.points_of[track]].mean(0) for lifted in (found[0], found[2])]
        assert np.linalg.norm(centres[0] - centres[1]) < 0.6


def test_points_of_all_frames_thinned(scene: Scene) -> None:
    cloud = PointCloud.concatenate(
        [lifted.cloud for lifted in lifts(scene, LiftConfig(), "track_id").values()]
    )
    rows = thin(cloud.xyz, 0.1, cloud.mask_id)
    assert 100 < len(rows) < len(cloud) / 3 and set(cloud.mask_id[rows]) == set(cloud.mask_id)
    cells = np.floor((cloud.xyz - cloud.xyz.min(0)).astype(np.float64) / 0.1)
    kept = np.concatenate([cells[rows], cloud.mask_id[rows, None]], axis=1)
    assert len(np.unique(kept, axis=0)) == len(rows)
    assert len(np.unique(cells, axis=0)) == len(thin(cloud.xyz, 0.1)) == len(np.unique(cells[rows], axis=0))
    for cell in (0.0, 1e-9):
        with pytest.raises(BadInput, match="expected a cell"):
            thin(cloud.xyz, cell)
    assert len(thin(np.zeros((0, 3)), 1.0)) == 0


def test_without_poses_or_intrinsics(scene: Scene) -> None:
    table = frames_table(scene)
    nothing = {name: [None] * table.num_rows for name in ("camera_to_world", "fx_px")}
    for name, column in nothing.items():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, table.schema.field(at), pa.array(column, table.schema.field(at).type))
    source = FrameSource(table, scene.root)
    for _, lifted in lift_scene(source, depths(scene), None, LiftConfig()):
        assert lifted.cloud.space == "camera" and "60 degrees" in lifted.pinhole.assumption
        assert not lifted.points_of and len(lifted.mask_gaussians) == 0
    with pytest.raises(BadInput, match=r"frame 0: no intrinsics; declare"):
        list(lift_scene(source, depths(scene), None, LiftConfig(fov_deg=None)))


def test_a_configuration_that_contradicts_itself() -> None:
    with pytest.raises(ValueError, match="nearest < farthest"):
        DepthConfig(depth_range_m=(3.0, 1.0))


def test_two_frames_that_share_nothing() -> None:
    depth = resolve_depth(depth_map(np.ones((4, 4)), "metric"), "here")
    none = agreement(np.array([[0, 0, -1.0]]), depth, Pinhole(4, 4, 4, 4, 2, 2), np.eye(4))
    assert none.points == 0 and np.isnan(none.share)
