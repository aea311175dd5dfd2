"""Cameras, poses, rotations, boxes and the Gaussians' table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segassets.errors import BadInput
from segassets.geometry.boxes import box_around
from segassets.geometry.cameras import Pinhole
from segassets.geometry.gaussians import Gaussians, load_gaussians, logit, save_gaussians
from segassets.geometry.poses import inverse, rigid_pose, to_camera, transform
from segassets.geometry.rotations import matrices_from_quaternions, quaternions_from_matrices

HALF_TURNS = [
    (1, 0, 0, 0),
    (0, 1, 0, 0),
    (0, 0, 1, 0),
    (0, 0, 0, 1),
    (0.5, 0.5, 0.5, -0.5),
    (1e-9, 0.6, 0.8, 0),
]


def test_quaternions_and_matrices_are_each_others_inverse() -> None:
    rng = np.random.default_rng(0)
    quaternions = np.concatenate([rng.normal(size=(200, 4)), HALF_TURNS])
    quaternions /= np.linalg.norm(quaternions, axis=1, keepdims=True)
    matrices = matrices_from_quaternions(quaternions * 3)
    assert np.allclose(matrices @ matrices.transpose(0, 2, 1), np.eye(3))
    assert np.allclose(np.linalg.det(matrices), 1)
    back = quaternions_from_matrices(matrices)
    assert np.all(back[:, 0] >= 0) and np.allclose(np.abs((back * quaternions).sum(1)), 1)


def test_a_quarter_turn_about_z_takes_x_to_y() -> None:
    turn = matrices_from_quaternions(np.array([np.sqrt(0.5), 0, 0, np.sqrt(0.5)]))
    assert np.allclose(turn @ (1, 0, 0), (0, 1, 0))


def test_pixel_centres_lie_at_a_half() -> None:
    pinhole = Pinhole(4, 6, 5.0, 5.0, 3.0, 2.0)
    across, down = pinhole.rays()
    assert np.allclose(across, (np.arange(6) + 0.5 - 3) / 5) and np.allclose(
        down, (np.arange(4) + 0.5 - 2) / 5
    )
    point = pinhole.unproject(np.array([0.5]), np.array([3.5]), np.array([2.0]))
    assert np.allclose(point, [[-1.0, 0.6, 2.0]])
    rows, columns, inside = pinhole.pixels(np.array([[-1.0, 0.6, 2], [0, 0, -1], [9, 0, 1], [-1.2001, 0, 2]]))
    assert inside.tolist() == [True, False, False, False] and (rows[0], columns[0]) == (3, 0)
    half = pinhole.scaled(2, 3)
    assert np.allclose(half.project(point)[0] * 2, pinhole.project(point)[0])


def test_a_declared_field_of_view_is_an_assumption() -> None:
    declared = Pinhole.from_fov(480, 640, 60)
    assert (
        np.isclose(declared.fx_px, 320 / np.tan(np.pi / 6)) and "60 degrees declared" in declared.assumption
    )
    row: dict[str, Any] = {"scene": "a.b", "source_frame": 3, "height": 480, "width": 640, "fx_px": None}
    assert Pinhole.of_frame(row, 60).assumption and Pinhole.of_frame(row, 60) == declared
    with pytest.raises(BadInput, match=r"a\.b, source frame 3: no intrinsics"):
        Pinhole.of_frame(row)
    known = row | {"fx_px": 500.0, "fy_px": 501.0, "cx_px": 320.0, "cy_px": 240.0}
    assert not Pinhole.of_frame(known, 60).assumption
    for bad in ({"fx_px": 0.0}, {"fy_px": -1.0}, {"cx_px": float("nan")}):
        with pytest.raises(BadInput, match="source frame 3: expected intrinsics"):
            Pinhole.of_frame(known | bad, 60)


def pose() -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = matrices_from_quaternions(np.array([0.9, 0.1, -0.3, 0.2]))
    matrix[:3, 3] = (1, -2, 3)
    return matrix


def test_poses() -> None:
    points = np.random.default_rng(0).normal(size=(10, 3))
    assert np.allclose(to_camera(transform(points, pose()), pose()), points)
    assert np.allclose(inverse(pose()) @ pose(), np.eye(4))
    rounded = rigid_pose(np.round(pose(), 5).reshape(-1), "here")
    assert np.abs(rounded[:3, :3] @ rounded[:3, :3].T - np.eye(3)).max() < 1e-12
    assert np.abs(rounded - pose()).max() < 1e-4


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        (pose()[:3], "16 numbers, found 12"),
        (np.full(16, np.nan), "nan"),
        (pose().T, "column by column"),
        (pose() @ np.diag([1, -1, 1, 1.0]), "rigid.*determinant -1"),
        (pose() @ np.diag([2, 2, 2, 1.0]), "rigid.*determinant 8"),
        (np.eye(4) + np.eye(4, k=1)[[0, 1, 3, 3]] * 0.2, "rigid"),
    ],
    ids=["short", "nan", "transposed", "mirrored", "scaled", "sheared"],
)
def test_poses_that_are_not_rigid_are_refused(numbers: np.ndarray, words: str) -> None:
    with pytest.raises(BadInput, match=f"frame 7: .*{words}"):
        rigid_pose(numbers, "frame 7")


def test_an_upright_box_finds_the_turn_about_up() -> None:
    rng = np.random.default_rng(0)
    turn = np.deg2rad(33)
    axes = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    size, centre = np.array([2.0, 0.7, 1.1]), np.array([5.0, 1.0, 0.5])
    points = centre + (rng.uniform(-0.5, 0.5, (4000, 3)) * size) @ axes.T
    box = box_around(points, up=np.array([0, 0, 2.0]))
    assert np.allclose(sorted(box.size), sorted(size), atol=0.03) and np.allclose(
        box.centre, centre, atol=0.02
    )
    assert np.isclose(np.abs(box.axes.T @ axes).max(0).min(), 1, atol=1e-3)
    assert np.allclose(box.axes @ box.axes.T, np.eye(3)) and np.isclose(np.linalg.det(box.axes), 1)
    assert box.contains(box.corners(), 1e-9).all() and np.isclose(box.volume, np.prod(box.size))
    far = np.concatenate([points, [[50.0, 0, 0]]])
    assert np.allclose(
        sorted(box_around(far, np.array([0, 0, 1.0]), trim=0.001).size), sorted(size), atol=0.05
    )


def test_boxes_of_few_points() -> None:
    assert box_around(np.ones((1, 3))).size.tolist() == [0, 0, 0]
    line = box_around(np.array([[0, 0, 0], [1, 1, 0.0], [2, 2, 0]]))
    assert np.allclose(line.size, [np.sqrt(8), 0, 0]) and np.isclose(np.linalg.det(line.axes), 1)
    for bad in (np.zeros((0, 3)), np.full((2, 3), np.nan)):
        with pytest.raises(BadInput, match="for a box"):
            box_around(bad)


def gaussians() -> Gaussians:
    return Gaussians(
        xyz=np.zeros((2, 3), np.float32),
        f_dc=np.zeros((2, 3), np.float32),
        opacity_logit=np.full(2, logit(0.1), np.float32),
        log_scale=np.log(np.array([[1, 2, 3], [1, 1, 1]], np.float32)),
        rotation_wxyz=np.array([[np.sqrt(0.5), 0, 0, np.sqrt(0.5)], [2, 0, 0, 0]], np.float32),
        object_id=np.array([0, 2**40]),
    )


def test_gaussians_are_stored_as_they_are(tmp_path: Path) -> None:
    given = gaussians()
    save_gaussians(tmp_path / "g.safetensors", given, "m")
    found = load_gaussians(tmp_path / "g.safetensors")
    for name, values in vars(given).items():
        assert np.array_equal(getattr(found, name), values) and getattr(found, name).dtype == values.dtype
    assert np.allclose(given.covariances()[0], np.diag([4, 1, 9]), atol=1e-6)
    assert given.rgb.tolist() == [[128] * 3] * 2
    assert len(Gaussians.concatenate([given, Gaussians.empty(), given.take(np.array([1]))])) == 3


def test_what_no_file_of_gaussians_may_hold(tmp_path: Path) -> None:
    bad = gaussians()
    bad.log_scale[1, 2] = np.nan
    with pytest.raises(BadInput, match="1 of 2 rows of log_scale"):
        save_gaussians(tmp_path / "g.safetensors", bad, "m")
    assert not list(tmp_path.iterdir())
    (tmp_path / "x.safetensors").write_bytes(b"no tensors at all")
    with pytest.raises(BadInput, match="as safetensors"):
        load_gaussians(tmp_path / "x.safetensors")
    with pytest.raises(BadInput, match=r"log_scale of shape \(2, 3\)"):
        Gaussians(**(vars(gaussians()) | {"log_scale": np.zeros((2, 2))}))


@pytest.mark.parametrize("count", [1, 2, 3, 20, 24, 99, 101, 400])
@pytest.mark.parametrize("up", [None, np.array([0, 0, 1.0])], ids=["principal", "upright"])
def test_a_trimmed_box_leaves_no_more_outside_than_its_share(count: int, up: np.ndarray | None) -> None:
    points = np.random.default_rng(count).normal(size=(count, 3))
    inside = box_around(points, up, trim=0.01).contains(points, 1e-9)
    assert (~inside).sum() <= 6 * int(0.01 * count)
    assert inside.all() == (count < 100)
