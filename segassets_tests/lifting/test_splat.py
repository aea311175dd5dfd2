"""The CPU splatter against a plain loop over pixels and Gaussians, and against what must be so."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from scipy.stats import multivariate_normal

from segassets.errors import BadInput, MissingInput
from segassets.geometry.cameras import Pinhole
from segassets.geometry.gaussians import SH_C0, Gaussians, logit
from segassets.lifting.splat import render
from segassets.lifting.splat_gsplat import render_gsplat

PINHOLE = Pinhole(11, 15, 14.0, 13.0, 7.0, 6.0)


def some(count: int, seed: int = 0) -> Gaussians:
    rng = np.random.default_rng(seed)
    xyz = np.stack([rng.uniform(-1, 1, count), rng.uniform(-1, 1, count), rng.uniform(-0.5, 4, count)], 1)
    return Gaussians(
        xyz.astype(np.float32),
        rng.uniform(-1.5, 1.5, (count, 3)).astype(np.float32),
        logit(rng.uniform(0.05, 0.98, count)).astype(np.float32),
        np.log(rng.uniform(0.01, 0.3, (count, 3))).astype(np.float32),
        rng.normal(size=(count, 4)).astype(np.float32),
        np.arange(count),
    )


def pose(seed: int) -> np.ndarray:
    found = np.eye(4)
    found[:3, :3] = Rotation.from_rotvec(np.random.default_rng(seed).normal(0, 0.2, 3)).as_matrix()
    found[:3, 3] = (0.1, -0.05, -0.3)
    return found


def slowly(gaussians: Gaussians, pinhole: Pinhole, camera_to_world: np.ndarray, ground: float) -> np.ndarray:
    """Pixel by pixel, Gaussian by Gaussian, the density from scipy."""
    to_camera = np.linalg.inv(camera_to_world)
    centres = gaussians.xyz @ to_camera[:3, :3].T + to_camera[:3, 3]
    order = [at for at in np.argsort(centres[:, 2]) if centres[at, 2] > 0.01]
    rgb = np.clip(gaussians.f_dc * SH_C0 + 0.5, 0, 1)
    picture = np.zeros((pinhole.height, pinhole.width, 3))
    flat = []
    for at in order:
        x, y, z = centres[at]
        wide, high = pinhole.width / 2 / pinhole.fx_px, pinhole.height / 2 / pinhole.fy_px
        u = np.clip(x / z, -pinhole.cx_px / pinhole.fx_px - 0.3 * wide,
                    (pinhole.width - pinhole.cx_px) / pinhole.fx_px + 0.3 * wide)  # fmt: skip
        v = np.clip(y / z, -pinhole.cy_px / pinhole.fy_px - 0.3 * high,
                    (pinhole.height - pinhole.cy_px) / pinhole.fy_px + 0.3 * high)  # fmt: skip
        jacobian = np.array(
            [[pinhole.fx_px / z, 0, -pinhole.fx_px * u / z], [0, pinhole.fy_px / z, -pinhole.fy_px * v / z]]
        )
        w, *ijk = gaussians.rotation_wxyz[at]
        turn = Rotation.from_quat([*ijk, w]).as_matrix()
        spread = turn @ np.diag(np.exp(2 * gaussians.log_scale[at].astype(float))) @ turn.T
        turned = jacobian @ to_camera[:3, :3]
        flat.append((x / z * pinhole.fx_px + pinhole.cx_px, y / z * pinhole.fy_px + pinhole.cy_px,
                     turned @ spread @ turned.T + 0.3 * np.eye(2)))  # fmt: skip
    for row in range(pinhole.height):
        for column in range(pinhole.width):
            left = 1.0
            for at, (u, v, covariance) in zip(order, flat, strict=True):
                here = (column + 0.5, row + 0.5)
                normal = multivariate_normal((u, v), covariance)
                share = normal.pdf(here) / normal.pdf((u, v))
                opacity = 1 / (1 + np.exp(-float(gaussians.opacity_logit[at])))
                alpha = min(0.99, opacity * share)
                reach = 3 * np.sqrt(np.diag(covariance))
                if alpha < 1 / 255 or (np.abs(np.array(here) - (u, v)) > reach).any():
                    continue
                if left <= 1e-4:
                    break
                picture[row, column] += left * alpha * rgb[at]
                left *= 1 - alpha
            picture[row, column] += left * ground
    return picture


@pytest.mark.parametrize("fragments", [1, 50, 10**6])
@pytest.mark.parametrize("count", [1, 40])
def test_as_a_loop_over_pixels_finds(count: int, fragments: int) -> None:
    given, view = some(count, count), pose(count)
    found = render(given, PINHOLE, view, background=(0.2, 0.2, 0.2), fragments=fragments)
    wanted = slowly(given, PINHOLE, view, 0.2)
    assert np.abs(found.rgb / 255 - wanted).max() < 0.004


def test_nothing_and_what_lies_behind() -> None:
    for given in (Gaussians.empty(), some(5).take(np.zeros(0, int))):
        found = render(given, PINHOLE, np.eye(4), background=(1, 0, 0))
        assert (found.rgb == (255, 0, 0)).all() and not found.opacity.any() and not found.depth.any()
    behind = some(30)
    turned = np.diag([1.0, 1, 1, 1])
    turned[2, 3] = 10
    assert not render(behind, PINHOLE, turned).opacity.any()


def test_the_nearer_hides_the_farther_and_one_pixel_is_a_picture() -> None:
    rows = [(0, 0, 3, -2.0), (0, 0, 1, 2.0)]
    given = Gaussians(
        np.array([row[:3] for row in rows], np.float32),
        np.array([[row[3]] * 3 for row in rows], np.float32),
        np.full(2, 8, np.float32),
        np.full((2, 3), np.log(0.5), np.float32),
        np.tile(np.float32([1, 0, 0, 0]), (2, 1)),
        np.zeros(2, np.int64),
    )
    found = render(given, Pinhole(1, 1, 1.0, 1.0, 0.5, 0.5), np.eye(4))
    assert found.rgb.shape == (1, 1, 3) and (found.rgb > 250).all() and abs(found.depth[0, 0] - 1) < 0.03


def test_numbers_that_are_none_are_refused() -> None:
    broken = some(3)
    broken.xyz[1, 1] = np.nan
    with pytest.raises(BadInput, match="row 1"):
        render(broken, PINHOLE, np.eye(4))
    with pytest.raises(BadInput, match="rigid"):
        render(some(3), PINHOLE, np.diag([2.0, 2, 2, 1]))


def test_gsplat_is_asked_for_where_it_is_not() -> None:
    torch = pytest.importorskip("torch")
    try:
        import gsplat
    except ImportError:
        gsplat = None
    if gsplat is not None and torch.cuda.is_available():
        ours, theirs = (
            draw(some(40), PINHOLE, pose(1), background=(0.2, 0.2, 0.2)) for draw in (render, render_gsplat)
        )
        assert np.abs(ours.rgb.astype(int) - theirs.rgb).mean() < 2
        return
    with pytest.raises(MissingInput, match="set rendering"):
        render_gsplat(some(3), PINHOLE, np.eye(4))
