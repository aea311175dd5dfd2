"""One frame lifted: masks that overlap, have no depth or are empty; sizes, poses and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segassets.errors import BadInput
from segassets.geometry.cameras import Pinhole
from segassets.geometry.points import PointCloud, load_points, save_points
from segassets.geometry.rotations import matrices_from_quaternions
from segassets.lifting.config import LiftConfig
from segassets.lifting.depth import depth_map
from segassets.lifting.frame import FrameLift, lift_frame
from segassets.lifting.gaussians import gaussians_of_masks, gaussians_of_points
from segassets.lifting.masks import FrameMasks
from segassets.lifting.resolve import resolve_depth
from segassets.lifting.spacing import spacing_of_points, spacing_on_grid
from segassets.masks import rle

H, W = 30, 40
V, U = np.mgrid[:H, :W]
PINHOLE = Pinhole(H, W, 40.0, 40.0, 20.0, 15.0)
RGB = np.stack([U * 6, V * 8, np.full((H, W), 7)], -1).astype(np.uint8)


def lift(
    z: np.ndarray, masks: dict[int, np.ndarray] | None = None, rgb: np.ndarray = RGB, **options: Any
) -> FrameLift:
    chosen = None if masks is None else FrameMasks(list(masks), list(masks.values()))
    where = {name: options.pop(name) for name in ("camera_to_world", "frame") if name in options}
    depth = resolve_depth(depth_map(z, "metric"), "here")
    pinhole = options.pop("pinhole", PINHOLE)
    return lift_frame(
        rgb, depth, pinhole, LiftConfig(**options), masks=chosen, where="scene a, frame 0", **where
    )


def square(top: int, left: int, side: int = 6) -> np.ndarray:
    mask = np.zeros((H, W), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_masks_keep_their_points_and_what_has_none_is_named() -> None:
    z = np.full((H, W), 2.0)
    z[square(20, 20)] = 0
    masks = {
        5: square(2, 2, 12),
        9: square(4, 4),
        4: square(20, 20),
        3: np.zeros((H, W), bool),
        2**40: square(2, 30, 3),
    }
    lifted = lift(z, masks)
    assert list(lifted.points_of) == [5, 9, 2**40]
    assert len(lifted.points_of[5]) == 144 and len(lifted.points_of[9]) == 36  # the small one lies within
    assert (lifted.cloud.mask_id == 9).sum() == 36 and (lifted.cloud.mask_id == 5).sum() == 108
    assert lifted.excluded_masks == {"mask_without_depth": [4], "empty_mask": [3]}
    assert lifted.excluded["invalid_depth"] == 36 and lifted.excluded["mask_without_depth"] == 1
    rows = lifted.points_of[2**40]
    u, v = np.meshgrid(np.arange(30.5, 33), np.arange(2.5, 5))
    wanted = np.stack([(u.ravel() - 20) / 20, (v.ravel() - 15) / 20, np.full(9, 2)], 1)
    assert np.allclose(lifted.cloud.xyz[rows], wanted, atol=1e-6)
    assert np.array_equal(lifted.cloud.rgb[rows], RGB[2:5, 30:33].reshape(-1, 3))
    assert lifted.mask_gaussians.object_id.tolist() == [5, 9, 2**40] and lifted.cloud.space == "camera"


def test_a_mask_behind_the_camera_is_excluded_by_name() -> None:
    z = np.full((H, W), 2.0)
    z[square(2, 2)] = -3
    lifted = lift(z, {1: square(2, 2), 2: square(12, 12)})
    assert lifted.excluded_masks == {"mask_without_depth": [1]} and list(lifted.points_of) == [2]


def test_edges_range_and_stride() -> None:
    z = np.where(U < 20, 1.0, 2.0)
    assert lift(z).excluded["depth_edge"] == 2 * H
    assert "depth_edge" not in lift(z, edge_threshold=0).excluded
    near = lift(z, max_depth_m=1.5)
    assert near.excluded["beyond_range"] == H * 19 and len(near.cloud) == H * 19
    strided = lift(z, {1: square(2, 2)}, edge_threshold=0, stride=2)
    assert len(strided.cloud) == H * W // 4 and len(strided.points_of[1]) == 9
    assert np.allclose(strided.cloud.xyz[0], [(0.5 - 20) / 40, (0.5 - 15) / 40, 1])


def test_a_smaller_depth_map_is_lifted_at_its_own_size() -> None:
    big = np.kron(RGB, np.ones((4, 4, 1), np.uint8))
    wide = Pinhole(4 * H, 4 * W, 160.0, 160.0, 80.0, 60.0)
    mask = np.kron(square(4, 4), np.ones((4, 4), bool))
    lifted = lift(np.full((H, W), 2.0), {1: mask}, rgb=big, pinhole=wide)
    plain = lift(np.full((H, W), 2.0), {1: square(4, 4)})
    assert np.allclose(lifted.cloud.xyz, plain.cloud.xyz) and np.array_equal(
        lifted.cloud.rgb, plain.cloud.rgb
    )
    assert np.array_equal(lifted.points_of[1], plain.points_of[1]) and lifted.pinhole.fx_px == 40


def test_one_gaussian_for_a_mask_is_the_ellipsoid_of_its_points() -> None:
    rng = np.random.default_rng(0)
    turn = matrices_from_quaternions(np.array([0.7, -0.2, 0.4, 0.3]))
    points = (rng.normal(size=(5000, 3)) * (0.3, 0.02, 0.1)) @ turn.T + (4, -5, 60)
    cloud = PointCloud(
        points.astype(np.float32),
        np.full((5000, 3), 200, np.uint8),
        np.zeros(5000, np.int32),
        np.ones(5000, np.int64),
    )
    one = gaussians_of_masks(cloud, {7: np.arange(5000), 8: np.array([3]), 9: np.array([0, 1])})
    assert np.allclose(one.covariances()[0], np.cov(points.T, bias=True), atol=2e-5)
    assert np.allclose(np.sort(np.exp(one.log_scale[0])), (0.02, 0.1, 0.3), rtol=0.05)
    assert np.allclose(one.xyz[0], points.mean(0), atol=1e-4) and one.rgb[0].tolist() == [200] * 3
    assert np.allclose(np.linalg.norm(one.rotation_wxyz, axis=1), 1, atol=1e-6)
    assert np.isfinite(one.log_scale).all() and np.allclose(np.exp(one.log_scale[1]), np.sqrt(1e-7))


def test_dense_gaussians_are_what_3dgs_begins_with() -> None:
    lifted = lift(np.full((H, W), 2.0))
    dense = lifted.gaussians
    corners = [0, W - 1, (H - 1) * W, H * W - 1]
    inner = np.delete(np.exp(dense.log_scale), corners, axis=0)
    assert np.allclose(inner, 2 / 40, rtol=1e-3)  # a pixel at 2 m
    assert np.allclose(dense.rotation_wxyz, (1, 0, 0, 0)) and np.allclose(
        dense.opacity_logit, np.log(0.1 / 0.9)
    )
    assert np.array_equal(dense.rgb, lifted.cloud.rgb)
    twice = gaussians_of_points(lifted.cloud, np.zeros(len(lifted.cloud), np.float32))
    assert np.allclose(np.exp(twice.log_scale), np.sqrt(1e-7))


@pytest.mark.parametrize("share", [1.0, 0.5, 0.05, 0.01])
def test_spacing_on_a_grid_with_holes_is_that_of_a_tree(share: float) -> None:
    rng = np.random.default_rng(0)
    keep = rng.random((H, W)) < share
    z = (2 + 0.06 * U + 0.03 * V).astype(np.float32)  # steep
    across, down = PINHOLE.rays()
    planes = np.stack([z * across, z * down[:, None], z])
    grid = spacing_on_grid(planes, keep, z / 40)
    tree = spacing_of_points(planes.reshape(3, -1).T[keep.ravel()])
    assert np.isfinite(grid).all() and abs(np.sqrt(np.median(grid) / np.median(tree)) - 1) < 0.05


def test_lonely_points() -> None:
    keep = np.zeros((H, W), bool)
    planes = np.stack([U, V, np.full((H, W), 2)]).astype(np.float32)
    footprint = np.full((H, W), 0.5, np.float32)
    keep[3, 3] = True
    assert spacing_on_grid(planes, keep, footprint).tolist() == [0.25]
    keep[3, 6] = True
    assert spacing_on_grid(planes, keep, footprint).tolist() == [9.0, 9.0]
    assert spacing_of_points(np.zeros((1, 3))).tolist() == [0.0]


def test_points_of_frames_are_laid_together_and_stored(tmp_path: Path) -> None:
    z = np.full((H, W), 2.0)
    posed = [lift(z, camera_to_world=np.eye(4), frame=t).cloud for t in range(2)]
    both = PointCloud.concatenate(posed)
    assert both.frame.tolist() == [0] * H * W + [1] * H * W
    save_points(tmp_path / "p.npz", both)
    back = load_points(tmp_path / "p.npz")
    assert all(np.array_equal(getattr(back, name), value) for name, value in vars(both).items())
    with pytest.raises(BadInput, match="world coordinates"):
        PointCloud.concatenate([posed[0], lift(z).cloud])
    with pytest.raises(BadInput, match="world coordinates"):
        PointCloud.concatenate([lift(z).cloud] * 2)
    (tmp_path / "q.npz").write_bytes(b"nothing")
    with pytest.raises(BadInput, match="points as npz"):
        load_points(tmp_path / "q.npz")


def test_rows_of_a_table_become_masks() -> None:
    rows = [{"mask_id": 3, "track_id": 8, "rle_counts": rle.encode(square(1, 1)), "height": H, "width": W}]
    found = FrameMasks.of_rows(rows, "track_id")
    assert found.ids == [8] and np.array_equal(found.masks[0], square(1, 1))
    assert FrameMasks.of_rows([]).ids == []


FLAT = np.full((H, W), 2.0)


@pytest.mark.parametrize(
    ("z", "options", "words"),
    [
        (np.full((H, W // 2), 2.0), {}, "another field of view"),
        (FLAT, {"rgb": RGB[:, :-2]}, "intrinsics of a picture"),
        (FLAT, {"masks": {1: np.ones((H, W - 1), bool)}}, "expected masks of 30 x 40"),
        (FLAT, {"masks": {1: square(1, 1), 2: np.ones((H, W - 1), bool)}}, "masks of one size"),
        (FLAT, {"camera_to_world": np.diag([1.0, 1, 2, 1])}, "rigid"),
        (FLAT, {"max_depth_m": 1.0}, "found none"),
    ],
    ids=["other view", "picture size", "mask size", "mask sizes", "pose", "nothing left"],
)  # fmt: skip
def test_refused(z: np.ndarray, options: Any, words: str) -> None:
    with pytest.raises(BadInput, match=f"scene a, frame 0: .*{words}"):
        lift(z, **options)
