"""Points, Gaussians and COLMAP models, read back by parsers that share no code with the writers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segassets.errors import BadInput
from segassets.exports.colmap import ColmapImage, ColmapPoints, write_colmap
from segassets.exports.ply import objects_path, write_gaussian_ply, write_point_ply
from segassets.geometry.cameras import Pinhole
from segassets.geometry.gaussians import Gaussians
from segassets.geometry.rotations import matrices_from_quaternions
from segassets_tests.exports.foreign_readers import read_colmap_binary, read_colmap_text, read_ply

PINHOLE = Pinhole(48, 64, 55.0, 54.0, 31.0, 25.0)


def gaussians(count: int = 5) -> Gaussians:
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> np.ndarray:
        return rng.normal(size=(count, *shape)).astype(np.float32)

    return Gaussians(draw(3), draw(3), draw(), draw(3), draw(4), np.arange(count) + 2**40)


def pose(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    matrix = np.eye(4)
    matrix[:3, :3] = matrices_from_quaternions(rng.normal(size=4))
    matrix[:3, 3] = rng.normal(size=3)
    return matrix


def test_points(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    xyz, rgb = rng.normal(size=(7, 3)).astype(np.float32), rng.integers(0, 256, (7, 3)).astype(np.uint8)
    write_point_ply(tmp_path / "a.ply", xyz, rgb, comments=["unit: m"])
    names, values = read_ply(tmp_path / "a.ply")
    assert names == ["x", "y", "z", "nx", "ny", "nz", "red", "green", "blue"]
    assert (
        np.array_equal(values[:, :3], xyz) and np.array_equal(values[:, 6:], rgb) and not values[:, 3:6].any()
    )


@pytest.mark.parametrize(("degree", "rest"), [(0, 0), (1, 9), (2, 24), (3, 45)])
def test_gaussians(tmp_path: Path, degree: int, rest: int) -> None:
    given = gaussians()
    write_gaussian_ply(tmp_path / "g.ply", given, sh_degree=degree)
    names, values = read_ply(tmp_path / "g.ply")
    wanted = ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2"]
    wanted += [f"f_rest_{at}" for at in range(rest)] + ["opacity", "scale_0", "scale_1", "scale_2"]
    assert names == [*wanted, "rot_0", "rot_1", "rot_2", "rot_3"]
    columns = dict(zip(names, values.T, strict=True))
    assert np.array_equal(columns["opacity"], given.opacity_logit)
    assert np.array_equal(values[:, -7:-4], given.log_scale) and np.array_equal(
        values[:, -4:], given.rotation_wxyz
    )
    assert np.array_equal(values[:, 6:9], given.f_dc) and not values[:, 9 : 9 + rest].any()
    assert np.array_equal(np.load(objects_path(tmp_path / "g.ply")), given.object_id)


def model(seen: bool) -> tuple[list[ColmapImage], ColmapPoints]:
    other = Pinhole(48, 64, 60.0, 60.0, 32.0, 24.0)
    images = [ColmapImage(f"{t:03d}.jpg", pose(t), other if t == 2 else PINHOLE) for t in range(4)]
    rng = np.random.default_rng(1)
    image = np.array([3, 0, 0, 3, 1, 0])
    local = np.stack([*rng.uniform(-0.3, 0.3, (2, 6)), rng.uniform(1, 3, 6)], 1)
    xyz = np.stack([images[at].camera_to_world[:3, :3] @ p + images[at].camera_to_world[:3, 3]
                    for at, p in zip(image, local, strict=True)])  # fmt: skip
    uv = PINHOLE.project(local)[0]
    rgb = rng.integers(0, 256, (6, 3)).astype(np.uint8)
    return images, ColmapPoints(xyz, rgb, image, uv) if seen else ColmapPoints(xyz, rgb)


@pytest.mark.parametrize("seen", [True, False])
@pytest.mark.parametrize(("form", "read"), [("binary", read_colmap_binary), ("text", read_colmap_text)])
def test_colmap(tmp_path: Path, form: Any, read: Any, seen: bool) -> None:
    images, points = model(seen)
    counts = write_colmap(tmp_path, images, points, form)
    assert counts == {"cameras": 2, "images": 4, "points": 6, "principal_point_off_px": 1.0}
    found = read(tmp_path)
    assert found["cameras"][1] == ("PINHOLE", 64, 48, (55.0, 54.0, 31.0, 25.0))
    assert [found["images"][number][2] for number in range(1, 5)] == [1, 1, 2, 1]
    for number, image in enumerate(images, start=1):
        quaternion, shift, _, name, seen_points = found["images"][number]
        assert (
            name == image.name
            and np.isclose(np.linalg.norm(quaternion), 1, atol=1e-12)
            and quaternion[0] >= 0
        )
        world_to_camera = matrices_from_quaternions(np.array(quaternion))
        for place, (u, v, point) in enumerate(seen_points):
            x, y, z = world_to_camera @ found["points"][point][0] + shift
            assert np.allclose((u, v), (55 * x / z + 31, 54 * y / z + 25))
            assert found["points"][point][3] == [(number, place)]
        assert np.allclose(world_to_camera @ image.camera_to_world[:3, 3] + shift, 0, atol=1e-12)
    assert sum(len(image[4]) for image in found["images"].values()) == (6 if seen else 0)
    for at in range(6):
        assert np.array_equal(found["points"][at + 1][0], points.xyz[at])
        assert found["points"][at + 1][1] == tuple(points.rgb[at])


def broken_gaussians() -> Gaussians:
    given = gaussians()
    given.log_scale[3, 1] = np.nan
    return given


MIRRORED = np.diag([1.0, 1, -1, 1])
CLOUD = ColmapPoints(np.zeros((1, 3)), np.zeros((1, 3), np.uint8))


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda f: write_gaussian_ply(f / "g.ply", broken_gaussians()), "row 3"),
        (lambda f: write_gaussian_ply(f / "g.ply", gaussians(), sh_degree=4), "0 to 3"),
        (lambda f: write_point_ply(f / "p.ply", np.full((2, 3), np.inf), np.zeros((2, 3), np.uint8)), "2 with nan"),
        (lambda f: write_point_ply(f / "p.ply", np.zeros((2, 3)), np.zeros((3, 3), np.uint8)), "colours"),
        (lambda f: write_colmap(f, [], CLOUD), "expected images"),
        (lambda f: write_colmap(f, [ColmapImage("a b.jpg", np.eye(4), PINHOLE)], CLOUD), "rename"),
        (lambda f: write_colmap(f, [ColmapImage("a.jpg", MIRRORED, PINHOLE)], CLOUD), "image a.jpg.*rigid"),
    ],
    ids=["nan scale", "degree", "infinite point", "colours", "no image", "blank", "mirrored pose"],
)  # fmt: skip
def test_nothing_is_written_of_what_does_not_fit(tmp_path: Path, write: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        write(tmp_path)
    assert not list(tmp_path.iterdir())
