"""3D Gaussians rendered on the CPU: EWA splatting as 3D Gaussian Splatting does it, in numpy and bounded memory.

Each Gaussian is projected through the first-order approximation of the pinhole at its centre (Zwicker et al., EWA
Splatting, 2001); 0.3 px^2 are added to the projected variances as a low-pass filter (Kerbl et al., 3D Gaussian
Splatting, 2023). Colours are laid over each other front to back:

    colour = sum of T alpha c + T background,   T = product of (1 - alpha) of all in front

alpha is at most .99, is left out below 1/255, and a pixel is finished when its T falls below 1e-4. Gaussians are taken
in order of the depth of their centres, some hundred thousand pixels they touch (fragments) at a time: memory is that
of one such portion, and pixels that are finished cost nothing further.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from segassets.geometry.cameras import Pinhole
from segassets.geometry.gaussians import SH_C0, Gaussians
from segassets.geometry.poses import inverse, rigid_pose

FRAGMENTS = 400_000  # of a portion
LOW_PASS_PX2 = 0.3
MOST_ALPHA, LEAST_ALPHA, FINISHED = 0.99, 1 / 255, 1e-4
_BEYOND = (
    0.3  # of the half field of view: centres farther out are projected as if they lay there, as 3DGS does
)
_REACH = 3.0  # standard deviations


@dataclass(frozen=True)
class Rendered:
    """A rendered view.

    Attributes:
        rgb: (H, W, 3) uint8.
        opacity: (H, W) float32, 1 - T: how much of the pixel Gaussians cover.
        depth: (H, W) float32, mean depth of what covers the pixel, 0 where nothing does.
    """

    rgb: np.ndarray
    opacity: np.ndarray
    depth: np.ndarray


@dataclass(frozen=True)
class Splats:
    """Gaussians on the picture, nearest first: positions `uv` (M, 2) in pixels, `depth` (M,), `conic` (M, 3) the
    inverse covariance (xx, xy, yy), `reach` (M, 2) half sizes in pixels, `opacity` (M,), `rgb` (M, 3) in 0..1."""

    uv: np.ndarray
    depth: np.ndarray
    conic: np.ndarray
    reach: np.ndarray
    opacity: np.ndarray
    rgb: np.ndarray


def render(
    gaussians: Gaussians,
    pinhole: Pinhole,
    camera_to_world: np.ndarray,
    *,
    background: tuple[float, float, float] = (0.0, 0.0, 0.0),
    near: float = 0.01,
    fragments: int = FRAGMENTS,
) -> Rendered:
    """A view of Gaussians.

    Args:
        pinhole: intrinsics and size of the view.
        camera_to_world: (4, 4), in the Gaussians' axes.
        background: colour behind everything, 0..1.
        near: Gaussians whose centre is nearer (or behind) are left out, in the Gaussians' unit.
        fragments: pixels touched that are worked on at a time.

    Raises:
        BadInput: a Gaussian or the pose is not finite, or the pose is not rigid.
    """
    gaussians.refuse_nonfinite()
    splats = project(gaussians, pinhole, rigid_pose(camera_to_world, "the view"), near)
    height, width = pinhole.height, pinhole.width
    left = np.ones(height * width)  # T
    summed = np.zeros((height * width, 4))  # colour, depth
    for first, last in _portions(splats, height, width, fragments):
        _lay_over(splats, first, last, (height, width), left, summed)
    covered = 1 - left
    colour = summed[:, :3] + left[:, None] * np.asarray(background)
    depth = np.divide(summed[:, 3], covered, out=np.zeros_like(covered), where=covered > LEAST_ALPHA)
    return Rendered(
        np.rint(np.clip(colour, 0, 1) * 255).astype(np.uint8).reshape(height, width, 3),
        covered.astype(np.float32).reshape(height, width),
        depth.astype(np.float32).reshape(height, width),
    )


def project(gaussians: Gaussians, pinhole: Pinhole, camera_to_world: np.ndarray, near: float) -> Splats:
    """Gaussians in front of the camera as they lie on the picture, nearest first; those outside it are left out."""
    back = inverse(camera_to_world)
    centre = gaussians.xyz.astype(np.float64) @ back[:3, :3].T + back[:3, 3]
    order = np.flatnonzero(centre[:, 2] > near)
    order = order[np.argsort(centre[order, 2], kind="stable")]
    centre, chosen = centre[order], gaussians.take(order)
    x, y, z = centre.T
    uv = np.stack([x / z * pinhole.fx_px + pinhole.cx_px, y / z * pinhole.fy_px + pinhole.cy_px], 1)
    covariance = _on_picture(chosen, pinhole, back[:3, :3], centre)
    xx, xy, yy = covariance[:, 0, 0] + LOW_PASS_PX2, covariance[:, 0, 1], covariance[:, 1, 1] + LOW_PASS_PX2
    determinant = np.maximum(xx * yy - xy * xy, 1e-12)
    opacity = 1 / (1 + np.exp(-chosen.opacity_logit.astype(np.float64)))
    visible = np.sqrt(np.maximum(2 * np.log(np.maximum(opacity / LEAST_ALPHA, 1e-12)), 0))
    reach = np.sqrt(np.stack([xx, yy], 1)) * np.minimum(visible, _REACH)[:, None]
    inside = (opacity >= LEAST_ALPHA) & (uv + reach > 0).all(1)
    inside &= (uv - reach < (pinhole.width, pinhole.height)).all(1)
    conic = np.stack([yy, -xy, xx], 1) / determinant[:, None]
    rgb = np.clip(chosen.f_dc * SH_C0 + 0.5, 0, 1)
    return Splats(*(part[inside] for part in (uv, z, conic, reach, opacity, rgb)))


def _on_picture(
    gaussians: Gaussians, pinhole: Pinhole, rotation: np.ndarray, centre: np.ndarray
) -> np.ndarray:
    """Covariances (M, 2, 2) in square pixels."""
    z = centre[:, 2]
    half_x, half_y = pinhole.width / 2 / pinhole.fx_px, pinhole.height / 2 / pinhole.fy_px
    beyond_x, beyond_y = _BEYOND * half_x, _BEYOND * half_y
    across = np.clip(
        centre[:, 0] / z,
        -pinhole.cx_px / pinhole.fx_px - beyond_x,
        (pinhole.width - pinhole.cx_px) / pinhole.fx_px + beyond_x,
    )
    down = np.clip(
        centre[:, 1] / z,
        -pinhole.cy_px / pinhole.fy_px - beyond_y,
        (pinhole.height - pinhole.cy_px) / pinhole.fy_px + beyond_y,
    )
    jacobian = np.zeros((len(z), 2, 3))
    jacobian[:, 0, 0], jacobian[:, 0, 2] = pinhole.fx_px / z, -pinhole.fx_px * across / z
    jacobian[:, 1, 1], jacobian[:, 1, 2] = pinhole.fy_px / z, -pinhole.fy_px * down / z
    turned = jacobian @ rotation
    return turned @ gaussians.covariances() @ turned.transpose(0, 2, 1)


def _boxes(splats: Splats, height: int, width: int, rows: slice) -> tuple[np.ndarray, ...]:
    """First column and row, and number of columns and rows, of the pixels whose centres lie within reach."""
    low = np.ceil(splats.uv[rows] - splats.reach[rows] - 0.5).astype(np.int64)
    high = np.floor(splats.uv[rows] + splats.reach[rows] - 0.5).astype(np.int64)
    low, high = np.maximum(low, 0), np.minimum(high, (width - 1, height - 1))
    size = np.maximum(high - low + 1, 0)
    return low[:, 0], low[:, 1], size[:, 0], size[:, 1]


def _portions(splats: Splats, height: int, width: int, fragments: int) -> Iterator[tuple[int, int]]:
    """(first, last) of splats that touch about `fragments` pixels together."""
    _, _, across, down = _boxes(splats, height, width, slice(None))
    touched = np.cumsum(across * down)
    first = 0
    while first < len(touched):
        before = touched[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(touched, before + fragments, side="right")))
        yield first, last
        first = last


def _lay_over(
    splats: Splats, first: int, last: int, size_hw: tuple[int, int], left: np.ndarray, summed: np.ndarray
) -> None:
    """Lay some splats behind what is there; `left` and `summed` are changed."""
    rows = slice(first, last)
    column, row, across, down = _boxes(splats, *size_hw, rows)
    count = across * down
    of = np.repeat(np.arange(len(count)), count)
    place = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)
    x = column[of] + place % np.maximum(across, 1)[of]
    y = row[of] + place // np.maximum(across, 1)[of]
    pixel = y * size_hw[1] + x
    open_ = left[pixel] > FINISHED
    of, x, y, pixel = of[open_], x[open_], y[open_], pixel[open_]
    uv, conic = splats.uv[rows], splats.conic[rows]
    dx, dy = x + 0.5 - uv[of, 0], y + 0.5 - uv[of, 1]
    a, b, c = conic[of].T
    alpha = splats.opacity[rows][of] * np.exp(-0.5 * (a * dx * dx + 2 * b * dx * dy + c * dy * dy))
    alpha = np.minimum(alpha, MOST_ALPHA)
    seen = np.flatnonzero(alpha >= LEAST_ALPHA)
    if len(seen) == 0:
        return
    key = pixel[seen] * np.int64(len(count)) + of[seen]  # by pixel, then front to back
    order = seen[np.argsort(key)]
    pixel, of, alpha = pixel[order], of[order], alpha[order]
    starts = np.flatnonzero(np.diff(pixel, prepend=-1))
    log_left = np.log1p(-alpha)
    before = np.cumsum(log_left) - log_left
    before -= np.repeat(before[starts], np.diff(starts, append=len(pixel)))
    touched = pixel[starts]
    weight = alpha * np.exp(before) * left[pixel]
    weight[left[pixel] * np.exp(before) <= FINISHED] = 0
    values = np.concatenate([splats.rgb[rows][of], splats.depth[rows][of, None]], 1)
    values *= weight[:, None]
    summed[touched] += np.add.reduceat(values, starts, axis=0)
    left[touched] -= np.add.reduceat(weight, starts)
