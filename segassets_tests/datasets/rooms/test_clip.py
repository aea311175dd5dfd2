"""Rooms as arrays: exactness, agreement of maps with each other, reproducibility, and the smallest rooms."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from segassets.datasets.rooms import RoomClip, RoomSpec, Studio, compose, generate_room, rays, shadows
from segassets.datasets.rooms.furniture import CATEGORIES, OBJECT_CATEGORIES, build
from segassets.datasets.rooms.objects import extent
from segassets.errors import BadConfig

SPEC = RoomSpec(frames=5, size_px=(72, 96), objects_min=10, objects_max=12, noise=(0, 0), blur=0)


@pytest.fixture(scope="module")
def clip() -> RoomClip:
    return generate_room(SPEC, 11)


def world_points(clip: RoomClip, t: int) -> np.ndarray:
    """(H, W, 3) world positions of a frame's pixels, as its depth, intrinsics and pose give them."""
    fx, fy, cx, cy = clip.intrinsics
    height, width = clip.depth_m.shape[1:]
    u, v = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    rays = np.stack([(u - cx) / fx, (v - cy) / fy, np.ones_like(u)], -1)
    pose = clip.camera_to_world[t]
    return (rays * clip.depth_m[t][..., None]) @ pose[:3, :3].T + pose[:3, 3]


def test_shapes_and_types(clip: RoomClip) -> None:
    assert clip.rgb.shape == (5, 72, 96, 3) and clip.rgb.dtype == np.uint8
    assert clip.object_ids.shape == clip.part_ids.shape == clip.depth_m.shape == (5, 72, 96)
    assert clip.object_ids.dtype == clip.part_ids.dtype == np.int32 and clip.depth_m.dtype == np.float32
    assert clip.object_to_world.shape == (5, len(clip.objects), 4, 4)
    assert [thing.object_id for thing in clip.objects] == list(range(1, len(clip.objects) + 1))


def test_parts_make_up_their_objects(clip: RoomClip) -> None:
    np.testing.assert_array_equal(clip.part_ids // 1000, clip.object_ids)
    known = {part.part_id for thing in clip.objects for part in thing.parts}
    assert set(np.unique(clip.part_ids)) - {0} <= known
    for thing in clip.objects:
        assert {thing.category_id, *(part.category_id for part in thing.parts)} <= set(CATEGORIES)


def test_visible_pixels_and_silhouettes(clip: RoomClip) -> None:
    for index, thing in enumerate(clip.objects):
        np.testing.assert_array_equal(
            (clip.object_ids == thing.object_id).sum((1, 2)), clip.visible_px[:, index]
        )
    assert (clip.visible_px <= clip.silhouette_px).all()
    assert (clip.silhouette_px > clip.visible_px).any()


def test_pixels_of_an_object_lie_in_its_oriented_box(clip: RoomClip) -> None:
    checked = 0
    for t in range(5):
        points = world_points(clip, t)
        for index, thing in enumerate(clip.objects):
            mine = points[clip.object_ids[t] == thing.object_id]
            if not len(mine) or thing.moving:  # swinging limbs leave the box of an object at rest
                continue
            pose = clip.object_to_world[t, index]
            local = (mine - pose[:3, 3]) @ pose[:3, :3] - thing.box_centre_m
            assert (np.abs(local) <= np.asarray(thing.box_half_m) + 2e-3).all(), thing.caption
            checked += 1
    assert checked > 10


def test_the_shell_is_the_room(clip: RoomClip) -> None:
    points = world_points(clip, 0)[clip.object_ids[0] == 0]
    half = np.array([clip.room_m[0] / 2, clip.room_m[1] / 2, clip.room_m[2] / 2])
    gap = half - np.abs(points - [0, 0, half[2]])
    assert gap.min() > -1e-3 and np.median(gap.min(1)) < 1e-3


def test_poses_are_rigid_and_agree_with_depth(clip: RoomClip) -> None:
    """Standing things seen in one frame project into the next onto pixels of the same id and depth."""
    for pose in clip.camera_to_world:
        np.testing.assert_allclose(pose[:3, :3].T @ pose[:3, :3], np.eye(3), atol=1e-8)
        assert np.linalg.det(pose[:3, :3]) == pytest.approx(1)
    moving = [thing.object_id for thing in clip.objects if thing.moving]
    standing = ~np.isin(clip.object_ids[0], moving)
    points = world_points(clip, 0)[standing]
    pose = clip.camera_to_world[1]
    local = (points - pose[:3, 3]) @ pose[:3, :3]
    fx, fy, cx, cy = clip.intrinsics
    u, v = fx * local[:, 0] / local[:, 2] + cx, fy * local[:, 1] / local[:, 2] + cy
    seen = (u >= 1) & (u < 95) & (v >= 1) & (v < 71) & (local[:, 2] > 0)
    same = clip.object_ids[1][v[seen].astype(int), u[seen].astype(int)] == clip.object_ids[0][standing][seen]
    depth = clip.depth_m[1][v[seen].astype(int), u[seen].astype(int)]
    assert same.mean() > 0.93
    assert np.median(np.abs(depth - local[seen, 2])) < 0.01


def test_the_same_seed_gives_the_same_arrays_in_any_order(clip: RoomClip) -> None:
    studio = Studio(SPEC, 11)
    for t in (3, 0, 4):
        frame = studio.frame(t)
        np.testing.assert_array_equal(frame.rgb, clip.rgb[t])
        np.testing.assert_array_equal(frame.part_ids, clip.part_ids[t])
        np.testing.assert_array_equal(frame.depth_m, clip.depth_m[t])
    maps = studio.frame(2, colour=False)
    np.testing.assert_array_equal(maps.part_ids, clip.part_ids[2])
    assert not maps.rgb.any()
    assert not np.array_equal(generate_room(SPEC, 12).depth_m, clip.depth_m)


def test_culling_changes_nothing(clip: RoomClip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        rays, "screen_boxes", lambda world, *_: [(k, (0, 96, 0, 72)) for k in range(len(world.solids))]
    )
    monkeypatch.setattr(shadows, "_passes", lambda rays, *_: np.ones(len(rays), bool))
    frame = Studio(SPEC, 11).frame(0)
    np.testing.assert_array_equal(frame.part_ids, clip.part_ids[0])
    np.testing.assert_array_equal(frame.depth_m, clip.depth_m[0])
    np.testing.assert_array_equal(frame.rgb, clip.rgb[0])


def test_light_and_shadow() -> None:
    with_shadow = generate_room(SPEC.model_copy(update={"frames": 1}), 11)
    without = generate_room(SPEC.model_copy(update={"frames": 1, "shadows": False}), 11)
    np.testing.assert_array_equal(with_shadow.part_ids, without.part_ids)
    assert (with_shadow.rgb != without.rgb).mean() > 0.02
    assert 40 < with_shadow.rgb.mean() < 200


def test_late_objects_come_after_the_first_frame() -> None:
    spec = RoomSpec(frames=14, size_px=(48, 64), objects_min=8, objects_max=8, late_fraction=0.3)
    arrived = 0
    for seed in range(4):
        clip = generate_room(spec, seed, colour=False)
        for index, thing in enumerate(clip.objects):
            if thing.arrives:
                assert thing.moving and clip.visible_px[0, index] == 0
                arrived += bool(clip.visible_px[thing.arrives :, index].any())
    assert arrived >= 4


@pytest.mark.parametrize(
    "change",
    [
        {"objects_min": 0, "objects_max": 0},  # an empty room
        {"objects_min": 1, "objects_max": 1},
        {"frames": 1},
        {"frames": 1, "late_fraction": 1.0},  # nobody can come late
        {"size_px": (16, 16)},
        {"size_px": (40, 16)},
        {"lights": (0, 0)},
        {"antialias": False},
        {"categories": ("sphere",)},
        {"moving_fraction": 1.0},
        {"room_m": (2.5, 2.5), "objects_min": 12},  # hardly any place
    ],
    ids=str,
)
def test_unusual_rooms(change: dict) -> None:
    spec = RoomSpec(**{"frames": 2, "size_px": (24, 32), "objects_max": 12, **change})
    clip = generate_room(spec, 5)
    assert clip.rgb.shape == (spec.frames, *spec.size_px, 3)
    assert spec.objects_min <= len(clip.objects) <= spec.objects_max
    assert np.isfinite(clip.depth_m).all() and (clip.depth_m > 0).all()
    if spec.categories:
        assert {thing.name for thing in clip.objects} == {"sphere"}


@pytest.mark.parametrize("category", OBJECT_CATEGORIES.values())
def test_every_category_can_be_built(category: str) -> None:
    for seed in range(6):
        plan = build(category, np.random.default_rng(seed), 1.0)
        assert plan.category == category and plan.parts
        assert {part.part for part in plan.solids} == set(range(len(plan.parts)))
        low, high = extent(plan.solids)
        assert low[2] > -0.05 and abs(high[2] - plan.height_m) < 0.3 * plan.height_m + 0.05
        assert (np.maximum(-low, high)[:2] < np.asarray(plan.half_m) * 1.7 + 0.05).all()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"objects_min": 9, "objects_max": 3}, "objects_min"),
        ({"fov_deg": (80, 60)}, "fov_deg"),
        ({"fov_deg": (60, 170)}, "fov_deg"),
        ({"size_px": (8, 64)}, "size_px"),
        ({"frames": 0}, "frames"),
        ({"room_m": (1, 2)}, "room_m"),
        ({"objects": 3}, "objects"),
    ],
)
def test_a_wrong_spec_is_refused_by_name(change: dict, named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        RoomSpec(**change)


def test_unknown_category_and_full_room(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadConfig, match="sphare"):
        generate_room(RoomSpec(categories=("sphare",)), 0)
    monkeypatch.setattr(compose._Furnisher, "free", lambda *_: False)
    with pytest.raises(BadConfig, match="no place left"):
        generate_room(RoomSpec(frames=1, objects_min=60, objects_max=60, categories=("sphere",)), 0)
