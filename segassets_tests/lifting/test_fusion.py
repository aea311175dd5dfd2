"""Fusion on rooms, whose depth, poses and identities are exact: what was broken on purpose is put together again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segassets.datasets.rooms import RoomClip, RoomSpec, generate_room
from segassets.errors import BadInput
from segassets.geometry.cameras import Pinhole
from segassets.geometry.points import load_points
from segassets.lifting.cells import cell_centres, cell_keys
from segassets.lifting.config import LiftConfig
from segassets.lifting.depth import depth_map
from segassets.lifting.frame import FrameLift, lift_frame
from segassets.lifting.fusion import Fusion, fuse, per_frame, without_depth
from segassets.lifting.instances_config import InstancesConfig
from segassets.lifting.masks import FrameMasks
from segassets.lifting.resolve import resolve_depth
from segassets.lifting.scene_fusion import SceneInstances
from segassets.lifting.stored_instances import StoredInstances, save_instances
from segassets.lifting.world_up import world_up
from segassets.masks import rle
from segassets.masks.table import MaskRows

FRAMES, UP = 6, np.array([0, 0, 1.0])


@pytest.fixture(scope="module")
def room() -> RoomClip:
    spec = RoomSpec(
        frames=FRAMES, size_px=(96, 128), moving_fraction=0, late_fraction=0, turn_deg=(2, 4), travel_m=(0.05, 0.1)
    )  # fmt: skip
    return generate_room(spec, seed=3, colour=False)


def lift(room: RoomClip, t: int, masks: FrameMasks) -> FrameLift:
    depth = resolve_depth(depth_map(room.depth_m[t], "metric"), "room")
    return lift_frame(
        room.rgb[t], depth, Pinhole(*room.object_ids[t].shape, *room.intrinsics), LiftConfig(),
        masks=masks, camera_to_world=room.camera_to_world[t], frame=t,
    )  # fmt: skip


def fused(room: RoomClip, track_of: Callable[[int, int], int], **settings: object) -> Fusion:
    """Fusion of the true masks with other identities: `track_of(object, frame)`; 0 leaves a mask out."""
    lifts = []
    for t in range(FRAMES):
        masks: dict[int, np.ndarray] = {}
        for number in np.unique(room.object_ids[t]):
            track = track_of(int(number), t) if number else 0
            if track:
                masks[track] = masks.get(track, False) | (room.object_ids[t] == number)
        lifts.append((t, lift(room, t, FrameMasks(list(masks), list(masks.values())))))
    eyes = {t: room.camera_to_world[t][:3, 3] for t in range(FRAMES)}
    return fuse(lifts, eyes, InstancesConfig(**settings), UP)


def seen_objects(room: RoomClip, least_px: int = 60) -> set[int]:
    """Objects that some frame shows well."""
    return {
        int(number)
        for labels in room.object_ids
        for number, count in zip(*np.unique(labels, return_counts=True), strict=True)
        if number and count >= least_px
    }


def test_true_tracks_are_the_instances(room: RoomClip) -> None:
    found = fused(room, lambda number, t: number)
    assert seen_objects(room) <= {item.instance_id for item in found.instances}
    assert found.merged == 0 and all(item.track_ids == [item.instance_id] for item in found.instances)
    for item in found.instances:
        assert item.box is not None and item.cloud is not None
        assert item.box.contains(item.cloud.xyz, 0.02).mean() > 0.9 and set(item.cloud.mask_id) == {
            item.instance_id
        }
        assert set(item.cloud.frame) <= set(item.views) and 0 < item.consensus <= 1


def test_tracks_broken_in_time_are_merged(room: RoomClip) -> None:
    broken = fused(room, lambda number, t: 10 * number + t // 2)
    whole = fused(room, lambda number, t: number)
    owners = [{track // 10 for track in item.track_ids} for item in broken.instances]
    assert all(len(owner) == 1 for owner in owners)  # no two objects in one
    assert len(broken.instances) <= len(whole.instances) + 1 and broken.merged > len(whole.instances)
    for item in broken.instances:
        assert item.instance_id == min(item.track_ids)
    again = fused(room, lambda number, t: 10 * number + t // 2)
    assert [(i.instance_id, i.track_ids) for i in again.instances] == [
        (i.instance_id, i.track_ids) for i in broken.instances
    ]


def wall_and_box(t: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Depth of a wall at 3 m and a box at 1 m before it, the box's mask, and the camera's pose a centimetre on."""
    depth, box = np.full((96, 128), 3.0, np.float32), np.zeros((96, 128), bool)
    box[30:70, 40 - t : 80 - t] = True
    depth[box] = 1.0
    pose = np.eye(4)
    pose[0, 3] = 0.01 * t
    return depth, box, pose


def fused_boxes(mask_of: Callable[[int, np.ndarray], np.ndarray], **settings: object) -> Fusion:
    lifts, eyes = [], {}
    for t in range(4):
        depth, box, pose = wall_and_box(t)
        masks = FrameMasks([5], [mask_of(t, box)])
        resolved = resolve_depth(depth_map(depth, "metric"), "box")
        pinhole = Pinhole(96, 128, 100, 100, 64, 48)
        rgb = np.zeros((96, 128, 3), np.uint8)
        lifts.append((t, lift_frame(rgb, resolved, pinhole, LiftConfig(), masks=masks, camera_to_world=pose)))
        eyes[t] = pose[:3, 3]
    return fuse(lifts, eyes, InstancesConfig(**settings), np.array([0, -1.0, 0]))


def test_a_mask_over_a_thing_and_the_wall_behind_it_is_split() -> None:
    def spilled(t: int, box: np.ndarray) -> np.ndarray:
        return box | np.roll(box, 12, axis=1)

    found = fused_boxes(spilled)
    assert found.split == 1 and [item.track_ids for item in found.instances] == [[5], [5]]
    assert [item.instance_id for item in found.instances] == [5, 6]
    assert sorted(round(float(np.median(item.cloud.xyz[:, 2]))) for item in found.instances) == [1, 3]
    kept = fused_boxes(spilled, gap_m=10.0)
    assert kept.split == 0 and len(kept.instances) == 1


def test_a_thing_behind_a_pole_stays_one() -> None:
    def two_halves(t: int, box: np.ndarray) -> np.ndarray:
        half = box.copy()
        half[:, 50 - t : 70 - t] = False  # twenty centimetres hidden
        return half

    found = fused_boxes(two_halves, gap_m=0.1)
    assert found.split == 0 and len(found.instances) == 1


def test_a_track_that_passes_to_another_thing_is_split() -> None:
    def passes_on(t: int, box: np.ndarray) -> np.ndarray:
        elsewhere = np.zeros_like(box)
        elsewhere[10:60, 100:125] = True  # the wall, two metres behind the box
        return box if t < 2 else elsewhere

    found = fused_boxes(passes_on)
    assert found.split == 1 and [item.views for item in found.instances] == [[2, 3], [0, 1]]
    assert len(fused_boxes(passes_on, leap_m=5.0).instances) == 1


def test_what_spills_on_one_frame_is_dropped() -> None:
    found = fused_boxes(lambda t, box: np.ones_like(box) if t == 2 else box)
    assert found.excluded["cells_without_consensus"] > 500
    item, *rims = found.instances  # a rim of the wall is seen on that frame and one other alone
    assert np.abs(item.cloud.xyz[:, 2] - 1).max() < 0.01 and item.consensus > 0.9
    assert sum(len(rim.cloud) for rim in rims) < 0.2 * len(item.cloud)


def test_tracks_without_depth_are_named(room: RoomClip) -> None:
    behind = np.zeros(room.depth_m[0].shape, bool)
    behind[:4, :4] = True
    depth = room.depth_m[0].copy()
    depth[behind] = -1.0  # behind the camera: no depth
    masks = FrameMasks(
        [1, 2, 3, 4], [behind, np.zeros_like(behind), ~behind, np.eye(*behind.shape, dtype=bool)]
    )
    masks.masks[3][:] = False
    masks.masks[3][50, 50] = True  # one pixel
    lifted = lift_frame(
        room.rgb[0], resolve_depth(depth_map(depth, "metric"), "room"), Pinhole(*behind.shape, *room.intrinsics),
        LiftConfig(edge_threshold=0), masks=masks, camera_to_world=room.camera_to_world[0],
    )  # fmt: skip
    for found in (
        fuse([(0, lifted)], {0: np.zeros(3)}, InstancesConfig(), UP),
        per_frame([(0, lifted)], InstancesConfig()),
    ):
        assert found.excluded_tracks == {"track_without_depth": [1, 2], "too_few_points": [4]}
        assert [item.instance_id for item in found.instances] == [3]


def test_nothing_at_all() -> None:
    found = fuse([], {}, InstancesConfig(), None)
    assert found.instances == [] and not found.excluded_tracks
    assert per_frame([], InstancesConfig()).instances == [] and without_depth({}).instances == []


def test_per_frame_takes_the_largest_view(room: RoomClip) -> None:
    lifts = []
    for t in range(2):
        mask = np.zeros((96, 128), bool)
        mask[:, : 20 * (t + 1)] = True
        lifts.append((t, lift(room, t, FrameMasks([7], [mask]))))
    [item] = per_frame(lifts, InstancesConfig()).instances
    assert item.views == [0, 1] and set(item.cloud.frame) == {1} and item.instance_id == 7


def test_cells() -> None:
    points = np.array([[0, 0, 0], [0.049, 0.01, 0.0499], [-0.001, 0, 0], [12.3, -4.5, 6.7]])
    keys = cell_keys(points, 0.05)
    assert keys[0] == keys[1] and len(set(keys.tolist())) == 3
    assert (np.abs(cell_centres(keys, 0.05) - points) <= 0.0251).all()
    assert len(cell_keys(np.zeros((0, 3)), 0.05)) == 0
    for wrong in ([[np.nan, 0, 0]], [[1e9, 0, 0]]):
        with pytest.raises(BadInput, match="within"):
            cell_keys(np.array(wrong), 0.05)


def test_world_up(room: RoomClip) -> None:
    assert np.array_equal(world_up(list(room.camera_to_world)), UP)
    assert world_up([]) is None
    turned = np.eye(4)
    turned[:3, :3] = np.diag([-1.0, -1.0, 1.0])  # held upside down
    assert world_up([np.eye(4), turned]) is None
    assert np.array_equal(world_up([np.eye(4)]), [0, -1, 0])  # OpenCV axes: y points down


def test_what_is_stored_is_read_back(room: RoomClip, tmp_path: Path) -> None:
    found = fused(room, lambda number, t: 10 * number + t // 3)
    rows = MaskRows("room")
    for t in range(FRAMES):
        for number in np.unique(room.object_ids[t]):
            if number:
                rows.add(
                    frame=t, source_frame=t, height=96, width=128, rle_counts=rle.encode(room.object_ids[t] == number),
                    source="track", track_id=10 * int(number) + t // 3, score=0.5, category_id=int(number) % 3,
                )  # fmt: skip
    whole = SceneInstances(found, rows.to_table(), "world", "m", UP, ["a note"])
    vectors = np.eye(len(found.instances), 8, dtype=np.float32)
    save_instances(tmp_path, "room", whole, vectors)
    stored = StoredInstances.load(tmp_path)
    table = pq.read_table(tmp_path / "instances.parquet")
    assert isinstance(table, pa.Table) and table.column("instance_id").to_pylist() == [
        i.instance_id for i in found.instances
    ]
    assert np.array_equal(np.load(tmp_path / "embeddings.npy", allow_pickle=False), stored.embeddings)
    assert json.loads((tmp_path / "instances.json").read_text())["notes"] == ["a note"]
    for row, item in zip(stored.rows, found.instances, strict=True):
        assert np.array_equal(load_points(tmp_path / row["points_uri"]).xyz, item.cloud.xyz)
        box = stored.box(row)
        assert (
            np.allclose(box.corners(), item.box.corners())
            and row["category_id"] == item.track_ids[0] // 10 % 3
        )
        assert row["best_frame"] in row["views"] and 0 < row["confidence"] < 0.5
        x, y, w, h = row["best_bbox_xywh"]
        assert (room.object_ids[row["best_frame"]] == item.track_ids[0] // 10)[
            int(y) : int(y + h), int(x) : int(x + w)
        ].any()
    np.save(tmp_path / "embeddings.npy", vectors[:1])
    with pytest.raises(BadInput, match=r"expected \d+ rows"):
        _ = StoredInstances.load(tmp_path).embeddings
