"""A room on disk fused as the asset does; and what is left of it without poses, without depth, with a wrong pose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from segassets.datasets.annotations import annotation_table
from segassets.datasets.config import DatasetConfig
from segassets.datasets.frames import FrameSource, frames_table
from segassets.datasets.layouts import make_layout
from segassets.datasets.scene import Scene
from segassets.errors import BadInput
from segassets.lifting import scene_fusion
from segassets.lifting.ask import AskedScene
from segassets.lifting.config import LiftConfig
from segassets.lifting.depth import Alignment, Depth
from segassets.lifting.instances_config import InstancesConfig
from segassets.lifting.query_config import QueryConfig
from segassets.lifting.scene import sensor_depths
from segassets.lifting.scene_fusion import SceneInstances, facts_of, fuse_scene
from segassets.lifting.stored_instances import StoredInstances, save_instances


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    room = {"frames": 3, "size_px": [64, 80], "moving_fraction": 0, "late_fraction": 0, "turn_deg": [2, 3]}
    root = str(tmp_path_factory.mktemp("rooms"))
    config = DatasetConfig(name="made", layout="rooms", root=root, options={"room": room, "first_seed": 5})
    layout = make_layout(config)
    return layout.load(layout.chosen_names()[0])


def fused(
    scene: Scene,
    poses: list[Any] | None = None,
    depths: list[tuple[int, Depth]] | None = None,
    **settings: Any,
) -> tuple[SceneInstances, pa.Table]:
    """The scene's instances, with other poses or depths than its own, and its frames."""
    table = frames_table(scene)
    found = list(sensor_depths(table, scene.root)) if depths is None else depths
    if poses is not None:
        at = table.schema.get_field_index("camera_to_world")
        table = table.set_column(at, table.schema.field(at), pa.array(poses, table.schema.field(at).type))
    config = InstancesConfig(masks="coco_masks", **settings)
    masks = annotation_table(scene).table
    return fuse_scene(FrameSource(table, scene.root), found, masks, config, LiftConfig()), table


def test_a_room_is_fused_in_the_world(scene: Scene) -> None:
    found, _ = fused(scene)
    assert (found.space, found.unit, found.notes) == ("world", "m", []) and np.array_equal(
        found.up, [0, 0, 1]
    )
    objects = {int(thing["object_id"]) for thing in scene.extras["objects"]}
    assert {track for item in found.fusion.instances for track in item.track_ids} <= objects
    parts, _ = fused(scene, levels=[4])
    assert parts.fusion.instances and all(item.instance_id > 1000 for item in parts.fusion.instances)


def test_without_poses_it_stays_per_frame_and_says_so(scene: Scene, tmp_path: Path) -> None:
    found, table = fused(scene, [None] * len(scene.frames))
    assert found.space == "camera" and found.up is None and found.notes == [scene_fusion.NO_POSES]
    assert all(len(set(item.cloud.frame)) == 1 for item in found.fusion.instances if item.cloud is not None)
    save_instances(tmp_path, "made", found, None)
    stored = StoredInstances.load(tmp_path)
    assert stored.facts["notes"] == found.notes
    for row, item in zip(stored.rows, found.fusion.instances, strict=True):
        assert item.cloud is not None and row["best_frame"] == item.cloud.frame[0]
    answer = AskedScene(stored, found.masks, table).ask(
        "the largest thing left of the smallest", QueryConfig()
    )
    assert answer.rows and any("pictures" in note for note in answer.notes)


def test_without_metres(scene: Scene) -> None:
    own = sensor_depths(frames_table(scene), scene.root)
    unknown = [(at, Depth(d.z, d.valid, "arbitrary", Alignment("arbitrary", 1, 0))) for at, d in own]
    found, _ = fused(scene, depths=unknown)
    assert (found.space, found.unit, found.notes) == ("camera", "arbitrary", [scene_fusion.NO_METRES])


def test_without_depth(scene: Scene) -> None:
    found, _ = fused(scene, depths=[])
    assert (found.space, found.notes) == ("none", [scene_fusion.NO_DEPTH])
    assert found.fusion.instances and all(item.cloud is None for item in found.fusion.instances)
    some, _ = fused(scene, depths=list(sensor_depths(frames_table(scene), scene.root))[:2])
    assert facts_of(some)["excluded"]["frames_without_depth"] == 1


def test_a_pose_that_is_not_rigid_is_named(scene: Scene) -> None:
    poses = frames_table(scene).column("camera_to_world").to_pylist()
    scaled = np.array(poses[1]).reshape(4, 4)
    scaled[:3, :3] *= 2
    with pytest.raises(BadInput, match=r"frame 1: expected a rigid pose"):
        fused(scene, [poses[0], scaled.ravel().tolist(), poses[2]])
